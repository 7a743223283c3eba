"""The weights that come with the package: whole, documented, and answering at once from any folder."""

import json
from pathlib import Path

import pytest

from ganprint.weights import default_for, list_weights, load_artifact, load_attributor
from ganprint.weights.store import shipped_folder

SHIPPED = sorted(path.name for path in shipped_folder().iterdir() if path.is_dir())
CONDITIONS = {
    ("test_seen", "none"),
    ("test_seen", "test-seen"),
    ("test_seen", "test-unseen"),
    ("test_unseen", "none"),
}
EXAMPLES = Path(__file__).resolve().parents[1] / "examples"


def test_both_repmix_weights_are_there_and_native_is_the_default() -> None:
    assert {"repmix-native", "repmix-wild128"} <= set(SHIPPED)
    assert default_for("repmix", [shipped_folder()]).name == "repmix-native"


@pytest.mark.parametrize("name", SHIPPED)
def test_each_is_whole_small_and_has_its_results_with_intervals(name: str) -> None:
    folder = shipped_folder() / name
    card = load_artifact(folder).card
    assert (folder / "model.safetensors").stat().st_size <= 25e6
    assert card.precision == "float16"
    assert card.command and card.hardware and card.data and card.licence and card.notes
    assert {(result.split, result.policy) for result in card.metrics} >= CONDITIONS
    for result in card.metrics:
        assert result.command
        assert result.per_source_intervals.keys() == result.per_source.keys()
        for interval in result.values.values():
            assert interval.low is not None
    attributor, _ = load_attributor(folder)
    assert attributor.sources == card.sources


def test_all_together_are_within_what_a_checkout_may_carry() -> None:
    assert sum(entry.size for entry in list_weights([shipped_folder()])) <= 120e6


def test_attribute_answers_without_options_from_any_folder(program, tmp_path: Path) -> None:
    done = program("attribute", EXAMPLES, "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [Path(row["path"]).name for row in rows] == ["astronaut.png", "chelsea.png", "coffee.png"]
    assert {row["weights"] for row in rows} == {"repmix-native"}


@pytest.mark.parametrize(("name", "manifest"), [("repmix-native", "native"), ("repmix-wild128", "wild128")])
def test_the_card_says_what_an_evaluation_gives(name: str, manifest: str, shared: Path, program) -> None:
    data = shared / "data" / "wild" / f"{manifest}.csv"
    options = ("--split", "test_seen", "--workers", "0", "--json")
    found = json.loads(program("evaluate", "--weights", name, "--data", data, *options).stdout)
    card = load_artifact(shipped_folder() / name).card
    (recorded,) = [each for each in card.metrics if (each.split, each.policy) == ("test_seen", "none")]
    for metric, interval in recorded.values.items():
        assert found[metric]["value"] == pytest.approx(interval.value, abs=0.005)
