"""The weights that come with the package: whole, documented, and answering at once from any folder."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ganprint.data import Manifest
from ganprint.evaluation.leaderboard import read_entries
from ganprint.forge.families import FAMILIES
from ganprint.forge.generator_store import list_generators, load_generator, shipped_generators
from ganprint.forge.mini import read_recipe
from ganprint.forge.sampling import sample_images
from ganprint.weights import default_for, first_choice, knowing, list_weights, load_artifact, load_attributor
from ganprint.weights.store import shipped_folder

from .conftest import json_lines

SHIPPED = sorted(entry.name for entry in list_weights([shipped_folder()]))
CONDITIONS = {
    *(("test_seen", "none"), ("test_seen", "test-seen")),
    *(("test_seen", "test-unseen"), ("test_unseen", "none")),
}
OWN = "residual-statistics"
"""The method whose weights have rates of verdicts instead, on groups that are not in the conditions' splits."""
LEADERBOARD = Path(__file__).resolve().parents[1] / "leaderboard"
NOT_SHIPPED = {"eigenface.mini", "reverse-engineering.mini", "yu.mini", "yu-reimp.mini"}
"""Trained in minutes by the commands of docs/results/methods.md, and too large for the 60 MB of all weights."""
EXAMPLES = Path(__file__).resolve().parents[1] / "examples"


DEFAULTS = {
    "residual-statistics": "residual-statistics.groups",
    "repmix": "repmix.wild128",
    "dct-cnn": "dct-cnn.wild128",
    "prnu": "prnu.wild128",
    "yu": "yu.wild128",
    "reverse-engineering": "reverse-engineering.wild128",
    "eigenface": "eigenface.wild128",
}


@pytest.mark.parametrize("method", DEFAULTS)
def test_of_a_methods_weights_one_is_the_default(method: str) -> None:
    assert default_for(method, [shipped_folder()]).name == DEFAULTS[method]


def test_every_result_of_the_leaderboard_is_of_the_weights_that_are_shipped_or_trained_as_methods_md_says() -> None:
    cards = {name: load_artifact(shipped_folder() / name).card for name in SHIPPED}
    of_shipped = [entry for entry in read_entries(LEADERBOARD) if entry.weights not in NOT_SHIPPED]
    for entry in of_shipped:
        card, condition = cards[entry.weights], (entry.split, entry.policy)
        assert entry.weights_sha256 and card.sha256 and card.sha256.startswith(entry.weights_sha256)
        recorded = [
            each
            for each in card.metrics
            if (each.split, each.policy) == condition and str(each.data_sha256).startswith(entry.data_sha256)
        ]
        # A card holds the conditions that all cards hold, of whole splits; the leaderboard others, too.
        assert len(recorded) == (condition in CONDITIONS and "-limit" not in entry.data)
        if recorded:
            kept = entry if recorded[0].unit == "group" else entry.of_images
            assert recorded[0].values["attribution_accuracy"] == kept.attribution_accuracy


@pytest.mark.parametrize("name", SHIPPED)
def test_each_is_whole_small_and_has_its_results_with_intervals(name: str) -> None:
    folder = shipped_folder() / name
    card = load_artifact(folder).card
    assert (folder / "model.safetensors").stat().st_size <= 25e6
    assert card.precision == "float16"
    assert card.command and card.hardware and card.data and card.licence and card.notes
    if card.method != OWN:
        assert {(result.split, result.policy) for result in card.metrics} >= CONDITIONS
    for result in card.metrics:
        assert result.command
        if result.unit != "group":
            assert result.per_source_intervals.keys() == result.per_source.keys()
            assert all(interval.low is not None for interval in result.values.values())
    attributor, _ = load_attributor(folder)
    assert attributor.sources == card.sources


def test_all_together_are_within_what_a_checkout_may_carry() -> None:
    assert sum(file.stat().st_size for file in shipped_folder().rglob("*") if file.is_file()) <= 60e6


def test_generators_are_of_every_architecture_and_within_their_size() -> None:
    every = list_generators(shipped_generators())
    assert {card.source for _, card in every} == set(FAMILIES)
    for path, card in every:
        generator, _ = load_generator(path)
        (image,) = sample_images(generator, [0])
        assert image.shape == (3, card.resolution, card.resolution)
        assert card.command and card.hardware and card.licence and card.steps and card.distance
    files = [file for file in shipped_generators().rglob("*") if file.is_file()]
    assert {file.name for file in files} == {"model.safetensors", "card.yaml"}
    assert sum(file.stat().st_size for file in files) <= 36e6


def test_the_embedded_benchmark_is_made_and_is_what_is_evaluated(inside, tmp_path: Path, monkeypatch) -> None:
    fewer = read_recipe().model_copy(update={"images": 8, "photographs": 16})
    monkeypatch.setattr("ganprint.forge.mini.read_recipe", lambda part: fewer)
    home = {"XDG_CACHE_HOME": str(tmp_path)}
    done = inside("forge", "mini", env=home, status=0)
    manifest = Manifest.open(Path(done.stdout.strip()))
    assert set(manifest.sources) == {"real", *(f"{name}-mini" for name in FAMILIES)}
    assert set(manifest.sources) <= set(knowing(manifest.sources, [shipped_folder()]).card.sources)
    options = ("--split", "test_seen", "--limit", "24", "--json")
    seen = json.loads(inside("evaluate", *options, env=home).stdout)
    assert seen["n"] == 24 and seen["data_sha256"] == manifest.select("test_seen", limit=24).sha256


def test_the_demo_answers_for_every_generator_and_a_photograph(inside, tmp_path: Path) -> None:
    done = inside("demo", "--out", tmp_path, status=0)
    # A photograph, the same recompressed, an image of each architecture, and one of them on a white canvas.
    count = len(FAMILIES) + 3
    assert len(list(tmp_path.iterdir())) == count
    assert f"Of {count - 2} generated images" in done.stdout and "chelsea" in done.stdout
    assert "[" not in done.stdout
    assert "100%" not in done.stdout, "no answer is certain"
    total, *parts = map(int, re.findall(r"\d+", done.stdout.splitlines()[-1]))
    assert len(parts) == 3 and sum(parts) == total == 8
    assert "--force" in inside("demo", "--out", tmp_path, status=2).stderr
    rows = json_lines(inside("demo", "--json").stdout)
    assert rows[0]["made_by"] == "real" and len(rows) == count


def test_attribute_answers_without_options_from_any_folder(program, tmp_path: Path) -> None:
    done = program("attribute", EXAMPLES, "--json", cwd=tmp_path, status=0)
    rows = json_lines(done.stdout)
    assert [Path(row["path"]).name for row in rows] == ["astronaut.png", "chelsea.png", "coffee.png"]
    assert {row["weights"] for row in rows} == {first_choice([shipped_folder()]).name}


def test_the_first_choice_has_rates_by_group_and_kind_and_is_small() -> None:
    folder = shipped_folder() / first_choice([shipped_folder()]).name
    card = load_artifact(folder).card
    assert card.default and card.families and card.judgement is not None and card.judgement.unit == "group"
    assert card.judgement.synthetic.holds
    test, *_ = [each for each in card.judgement.rates if (each.split, each.policy) == ("test", "none")]
    assert {"photographs", "gan", "diffusion", "photographs: phone"} <= set(test.kinds)
    for kind in test.kinds.values():
        assert kind.real.groups is not None and (kind.real.low is None) == (kind.real.groups < 8)
    assert test.kinds["photographs"].synthetic.value <= 0.03
    assert sum(file.stat().st_size for file in folder.iterdir()) < 5e6


def test_known_fakes_in_borders_and_empty_pictures_are_never_called_real(inside, tmp_path: Path) -> None:
    path, _ = list_generators(shipped_generators())[0]
    (generated,) = sample_images(load_generator(path)[0], [0])
    inner = generated.permute(1, 2, 0).numpy()
    canvases = {"plain": inner, "white": np.full((128, 128, 3), 255, np.uint8)}
    canvases["white"][32:96, 32:96] = inner
    canvases["letterbox"] = np.pad(inner, ((32, 32), (0, 0), (0, 0)))
    canvases |= {f"flat{level}": np.full((256, 256, 3), level, np.uint8) for level in (0, 128, 255)}
    for name, pixels in canvases.items():
        Image.fromarray(pixels).save(tmp_path / f"{name}.png")
    rows = json_lines(inside("attribute", tmp_path, "--json").stdout)
    found = {Path(row["path"]).stem: row for row in rows}
    for name in ("flat0", "flat128", "flat255"):
        assert found[name]["verdict"] == "inconclusive" and "Nothing to examine" in found[name]["reason"]
    for name in ("white", "letterbox"):
        assert found[name]["verdict"] in (found["plain"]["verdict"], "inconclusive")
        # Its place in a batch changes the last bits of a crop's answer, which may round to the next of six decimals.
        assert found[name]["probabilities"] == pytest.approx(found["plain"]["probabilities"], abs=2e-6)


@pytest.mark.parametrize("name", [each for each in DEFAULTS.values() if not each.startswith("residual")])
def test_the_card_says_what_an_evaluation_gives(name: str, shared: Path, inside) -> None:
    card = load_artifact(shipped_folder() / name).card
    data = shared / "data" / "wild" / card.data.name
    options = ("--split", "test_seen", "--workers", "0", "--json")
    found = json.loads(inside("evaluate", "--weights", name, "--data", data, *options).stdout)
    recorded, *_ = [
        each
        for each in card.metrics
        if (each.split, each.policy, each.data_sha256) == ("test_seen", "none", found["data_sha256"])
    ]
    for metric, interval in recorded.values.items():
        kept = found if recorded.unit == "group" else found["of_images"]
        assert kept[metric]["value"] == pytest.approx(interval.value, abs=0.005)
