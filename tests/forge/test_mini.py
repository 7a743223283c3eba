"""The embedded benchmark is made once, the same wherever it is made, and beside real photographs."""

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from ganprint.data import Manifest
from ganprint.errors import ManifestError, OutputExistsError, UsageError, WeightsError
from ganprint.forge.mini import TESTS, TRAINING, Recipe, mini, read_recipe, write_examples


@pytest.fixture(scope="module")
def generators(tmp_path_factory: pytest.TempPathFactory, untrained: Any) -> Path:
    out = tmp_path_factory.mktemp("generators")
    for semantic, seed in (("face", 0), ("face", 1), ("flower", 0), ("cat", 0)):
        untrained(out, "dcgan", semantic, seed)
    return out


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture(autouse=True)
def _few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the benchmark have few images."""

    def few(part: str = TESTS) -> Recipe:
        return read_recipe(part).model_copy(update={"images": 8, "photographs": 16})

    monkeypatch.setattr("ganprint.forge.mini.read_recipe", few)


def pixels(manifest: Path) -> list[bytes]:
    return [file.read_bytes() for file in sorted(manifest.parent.rglob("*.*"))]


def test_it_has_the_images_of_the_recipe_and_is_made_once(
    generators: Path, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = mini(generators=generators)
    assert file.is_relative_to(cache) and file.name == "mini.csv"
    manifest = Manifest.open(file)
    assert manifest.sources == ("real", "dcgan-mini")
    counted = Counter(zip(manifest.splits.tolist(), manifest.column("source").tolist(), strict=True))
    for split in ("test_seen", "test_unseen", "test_second_seed"):
        assert counted[split, "real"] == 16
        assert counted[split, "dcgan-mini"] == 8
    assert set(manifest.select("test_second_seed", sources=["dcgan-mini"]).groups) == {"dcgan-face-64-seed1"}
    assert len(set(pixels(file))) == len(manifest) + 1
    before = file.stat().st_mtime_ns
    assert mini(generators=generators) == file and file.stat().st_mtime_ns == before
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "elsewhere"))
    again = mini(generators=generators)
    assert again != file and pixels(again) == pixels(file)
    assert [path.name for path in file.parent.parent.iterdir()] == [file.parent.name]


def test_images_for_training_are_of_other_photographs_and_apart_between_splits(generators: Path, cache: Path) -> None:
    training = Manifest.open(mini(TRAINING, generators=generators))
    assert training.split_names == ("train", "val") and training.sources == ("real", "dcgan-mini")
    real = {split: training.select(split, sources=["real"]) for split in training.split_names}
    groups = [set(each.groups) for each in real.values()]
    assert all(groups) and not groups[0] & groups[1]
    tested = {Path(name).stem for names in read_recipe().carried.values() for name in names}
    assert not (groups[0] | groups[1]) & tested
    assert [len(training.select(split, sources=["dcgan-mini"])) for split in real] == [8, 25]


def test_its_real_images_can_be_the_users_own(generators: Path, cache: Path, tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    with pytest.raises(ManifestError, match="has 0 photographs"):
        mini(photos=folder, generators=generators)
    for number in range(7):
        level = np.full((70, 90, 3), 30 * number, np.uint8)
        Image.fromarray(level).save(folder / f"{number}.png")
    (folder / "broken.png").write_bytes(b"no image")
    failed = []
    manifest = Manifest.open(mini(photos=folder, generators=generators, warn=failed.append))
    assert len(failed) == 1
    real = manifest.select(sources=["real"])
    assert sorted(real.groups) == [str(folder / f"{number}.png") for number in range(7)]
    assert sorted(Counter(real.splits.tolist()).values()) == [2, 2, 3]
    assert mini(generators=generators).parent != manifest.root


def test_a_benchmark_that_is_not_whole_is_made_again(generators: Path, cache: Path) -> None:
    file = mini(generators=generators)
    lost = file.parent / "test_seen/real/photograph/00000.png"
    content = lost.read_bytes()
    lost.unlink()
    assert mini(generators=generators) == file and lost.read_bytes() == content
    file.unlink()
    assert mini(generators=generators) == file and file.is_file()


def test_without_the_generators_of_a_split_there_is_no_benchmark(cache: Path, tmp_path: Path, untrained: Any) -> None:
    untrained(tmp_path / "some", "dcgan", "face")
    with pytest.raises(WeightsError, match="no generators of flower under the training seed 0"):
        mini(generators=tmp_path / "some")


def test_a_cache_that_cannot_be_written_is_a_sentence(
    generators: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(UsageError, match="cannot be written to"):
        mini(generators=generators)


def test_examples_are_one_of_each_architecture_and_a_photograph(generators: Path, tmp_path: Path) -> None:
    found = write_examples(tmp_path, generators=generators)
    assert [source for _, source in found] == ["real", "real", "dcgan-mini", "dcgan-mini"]
    assert sorted(file for file, _ in found) == sorted(tmp_path.iterdir())
    assert Image.open(tmp_path / "dcgan-cat-64-seed0.png").size == (64, 64)
    assert Image.open(tmp_path / "dcgan-on-white.png").size == (192, 192)
    with pytest.raises(OutputExistsError):
        write_examples(tmp_path, generators=generators)


def test_a_sheet_shows_every_generator(generators: Path, inside: Any, tmp_path: Path) -> None:
    drawn = inside("forge", "sheet", tmp_path / "sheet.png", "--generators", generators, "-n", "4", status=0)
    assert drawn.stdout == f"{tmp_path / 'sheet.png'}\n"
    assert "End it with .png" in inside("forge", "sheet", tmp_path / "sheet.jpg", status=2).stderr
    assert Image.open(tmp_path / "sheet.png").size[1] > 400
    assert "--force" in inside("forge", "sheet", tmp_path / "sheet.png", "--generators", generators, status=2).stderr
    assert "no generators" in inside("forge", "sheet", tmp_path / "none.png", "--generators", tmp_path, status=2).stderr
