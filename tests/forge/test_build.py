"""A benchmark has every source and semantic in equal numbers, clean of repeats, and the same whenever it is built."""

import json
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ganprint.data import Manifest
from ganprint.forge.cleaning import flat, odd, repeated, varied

from ..conftest import manifest_rows
from .conftest import write_photos

SOURCES = ("real", "stylegan-mini", "stylegan2-mini")
SEMANTICS = ("face", "forest")


@pytest.fixture(scope="module")
def generators(tmp_path_factory: pytest.TempPathFactory, untrained: Any) -> Path:
    """Return a folder of untrained generators."""
    out = tmp_path_factory.mktemp("generators")
    for source in ("stylegan", "stylegan2"):
        for semantic in SEMANTICS:
            untrained(out, source, semantic)
    untrained(out, "stylegan", "cat")
    return out


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = write_photos(tmp_path_factory.mktemp("photos"), face=21, forest=21)
    for semantic in SEMANTICS:
        shutil.copy(out / semantic / "20.png", out / semantic / "again.png")
    return out


def test_a_benchmark_is_balanced_split_and_perturbed(
    program: Any, inside: Any, generators: Path, photos: Path, tmp_path: Path
) -> None:
    options = ("--photos", photos, "--generators", generators, "--count", "10", "--unseen", "forest")
    options += ("--semantics", "face,forest", "--suffix", "-mini")
    built = [run("forge", "build", tmp_path / name, *options) for run, name in ((inside, "one"), (program, "two"))]
    assert built[0].returncode == 0, built[0].stderr
    file = tmp_path / "one" / "manifest.csv"
    assert built[0].stdout == f"{file}\n" and "0.png" in built[0].stderr
    rows = manifest_rows(file, absolute=False)
    assert list(rows[0])[:3] == ["path", "label", "dlabel"]
    counts = Counter((row["source"], row["semantic"], row["split"]) for row in rows)
    for split in {row["split"] for row in rows}:
        semantic = "forest" if split.startswith("test_unseen") else "face"
        here = {counts[source, semantic, split] for source in SOURCES}
        assert len(here) == 1 and here != {0}
    assert {row["split"] for row in rows if row["semantic"] == "forest"} == {
        *("test_unseen", "test_unseen_perturbed", "test_unseen_unseen_perturbed")
    }
    for row in rows:
        assert bool(row["corruption"]) == bool(row["severity"]) == row["split"].endswith("perturbed")
        again = tmp_path / "two" / row["path"]
        assert (tmp_path / "one" / row["path"]).read_bytes() == again.read_bytes()
    manifest = Manifest.open(file)
    assert manifest.sources == SOURCES and manifest.semantics == SEMANTICS
    groups = {row["split"]: set() for row in rows}
    for row in rows:
        groups[row["split"]].add(row["group"])
    assert "photos-face" in groups["train"] and "stylegan-face-64-seed0" in groups["train"]
    checked = inside("data", "check", file, "--json", status=0)
    report = json.loads(checked.stdout)
    assert not report["duplicates_across_splits"] and report["usable"] and not report["biases"]
    assert "already exists" in inside("forge", "build", tmp_path / "one", *options, status=2).stderr


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--sources", "dcgan"), "no generators of dcgan"),
        (("--resolution", "128"), "There are no generators"),
        (("--semantics", "face,cat"), "no generator for stylegan2 cat"),
        (("--unseen", "face,forest"), "unseen semantic classes cannot be"),
        (("--unseen", "cat"), "unseen semantic classes cannot be cat"),
        (("--suffix", "/../../x"), "cannot end a source's name"),
    ],
)
def test_what_is_no_grid_is_refused(
    options: tuple[str, ...], said: str, inside: Any, generators: Path, photos: Path, tmp_path: Path
) -> None:
    given = ("--photos", photos, "--generators", generators, "--semantics", "face,forest")
    assert said in inside("forge", "build", tmp_path / "out", *given, *options, status=2).stderr


def test_generators_that_met_no_critic_are_refused(inside: Any, photos: Path, tmp_path: Path, untrained: Any) -> None:
    untrained(tmp_path / "young", "stylegan", "face", steps=600)
    options = ("--photos", photos, "--generators", tmp_path / "young")
    done = inside("forge", "build", tmp_path / "out", *options, status=2)
    assert "has trained without its critic only, after 600 steps" in done.stderr


def smooth(count: int, seed: int = 0) -> torch.Tensor:
    small = torch.rand(count, 3, 4, 4, generator=torch.Generator().manual_seed(seed)) * 255
    return torch.nn.functional.interpolate(small, 64, mode="bicubic").clamp(0, 255).to(torch.uint8)


def test_what_is_flat_odd_or_repeated_is_found() -> None:
    images = smooth(40)
    images[3] = 90
    assert np.flatnonzero(flat(images)).tolist() == [3]
    images = smooth(40)
    images[5] = torch.randint(0, 256, (3, 64, 64), dtype=torch.uint8)
    assert np.flatnonzero(odd(images)).tolist() == [5]
    images = smooth(40)
    images[7] = (images[2].float() * 0.9 + 5).to(torch.uint8)
    assert np.flatnonzero(repeated(images)).tolist() == [7]


def test_all_kinds_are_drawn_alike() -> None:
    """Of 90 bright and 10 dark images, 20 drawn are not 18 and 2."""
    images = torch.cat([smooth(90) // 4 + 150, smooth(10, seed=1) // 4])
    chosen = varied(images, 20, seed=0)
    assert len(set(chosen.tolist())) == 20
    assert (chosen >= 90).sum() > 2
    assert varied(images, 200, seed=0).tolist() == list(range(100))
