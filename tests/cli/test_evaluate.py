"""`ganprint train` and `ganprint evaluate` as a user runs them: fields, files, records."""

import csv
import io
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from ..conftest import manifest_rows, write_manifest

METRICS = ("detection_accuracy", "attribution_accuracy", "balanced_accuracy", "nmi")
FIELDS = [
    "method", "weights", "weights_sha256", "setup_sha256", "data_sha256", "split", "policy", "at", "engine",
    "precision", "seed", "n", "unit", "groups", *METRICS, "auroc", "oscr", "calibration_error", "brier_score",
    "calibrated", "calibration_sha256", "per_source", "of_images", "seen", "per_group", "confusion",
    "images_per_second", "failed",
]  # fmt: skip


@pytest.fixture
def evaluate(inside, tiny_weights: Path, tiny_manifest: Path):
    """Return a function that runs `evaluate` on the tiny manifest, here or by another program."""

    def run(*arguments: str | Path, weights: Path = tiny_weights, by: Any = inside, **given: Any):
        options = ("--weights", weights, "--data", tiny_manifest, "--workers", "0")
        return by("evaluate", *options, *arguments, **given)

    return run


def parsed(done: Any) -> dict[str, Any]:
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_json_has_the_stable_fields(evaluate) -> None:
    found = parsed(evaluate("--split", "test_seen", "--json"))
    assert list(found) == FIELDS
    assert (found["split"], found["policy"], found["n"], found["seed"]) == ("test_seen", "none", 15, 0)
    assert found["attribution_accuracy"]["value"] >= 0.7
    assert (found["unit"], found["groups"], found["balanced_accuracy"]) == ("group", 3, None)
    for name in set(METRICS) - {"balanced_accuracy"}:
        assert list(found[name]) == ["value", "low", "high"]
        assert found[name]["low"] is None, "three groups have no interval"
    for name in METRICS:
        assert found["of_images"][name]["low"] <= found["of_images"][name]["high"]
    assert list(found["per_source"]) == ["real", "progan", "stylegan"]
    assert sum(found["confusion"]["real"].values()) == 5
    assert set(found["per_group"]) == {"real-1", "progan-1", "stylegan-1"}


def test_the_predictions_file_repeats_the_metrics(evaluate, tmp_path: Path) -> None:
    file = tmp_path / "predictions.csv"
    options = ("--split", "test_seen", "--policy", "test-seen", "--json", "--predictions", file)
    found = parsed(evaluate(*options))
    rows = list(csv.DictReader(file.open()))
    right = np.mean([row["source"] == row["predicted"] for row in rows])
    assert right == pytest.approx(found["attribution_accuracy"]["value"], abs=1e-6)
    assert all(row["corruption"] and 1 <= int(row["severity"]) <= 5 for row in rows)
    done = evaluate(*options, status=2)
    assert "--force" in done.stderr
    assert evaluate(*options, "--force").returncode == 0


def test_workers_and_batches_change_no_answer(evaluate, program) -> None:
    options = ("--policy", "test-seen", "--json")
    one = parsed(evaluate(*options))
    other = parsed(evaluate(*options, "--workers", "1", "--batch-size", "5", by=program))
    for fields in (one, other):
        del fields["images_per_second"]
    assert one == other


def test_perturbation_is_at_224_for_the_resize_view_unless_said_otherwise(evaluate) -> None:
    assert parsed(evaluate("--policy", "pixelate:3", "--json"))["at"] == 224
    assert parsed(evaluate("--policy", "pixelate:3", "--json", "--at", "0"))["at"] is None
    assert parsed(evaluate("--json"))["at"] is None


def test_an_open_split_gives_detection_only(evaluate) -> None:
    found = parsed(evaluate("--split", "open", "--json"))
    assert found["attribution_accuracy"] is None
    assert found["detection_accuracy"]["value"] >= 0
    assert list(found["confusion"]) == ["unknown"]
    assert "It has: open, test_seen, train, val." in evaluate("--split", "test_sen", status=2).stderr


def test_tables_and_csv_say_the_same(evaluate) -> None:
    text = evaluate("--split", "test_seen").stdout
    assert "15 images of test_seen, policy none, seed 0" in text
    rows = list(csv.DictReader(io.StringIO(evaluate("--split", "test_seen", "--csv").stdout)))
    for row in rows[:3]:
        assert row["metric"] in METRICS
        assert f"{float(row['value']):.4f}" in text
    assert "Means over 3 groups" in text and "fewer than 8 have no interval" in text
    assert {(row["unit"], row["groups"]) for row in rows[:3]} == {("group", "3")}
    assert [row["metric"] for row in rows[3:]] == [
        *("calibration_error", "brier_score", "recall_real", "recall_progan", "recall_stylegan")
    ]
    assert {(row["unit"], row["groups"]) for row in rows[5:]} == {("group", "1")}
    assert "of images, not calibrated" in text


def test_record_adds_to_the_card_once_per_condition(evaluate, tiny_weights: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    copy.mkdir()
    for name in ("model.safetensors", "card.yaml"):
        shutil.copy(tiny_weights / name, copy)
    for _ in range(2):
        evaluate("--split", "test_seen", "--record", weights=copy)
    evaluate("--split", "test_seen", "--policy", "test-seen", "--record", weights=copy)
    metrics = yaml.safe_load((copy / "card.yaml").read_text())["metrics"]
    assert [(each["policy"], each["n"], each["split"]) for each in metrics] == [
        (policy, 15, "test_seen") for policy in ("none", "test-seen")
    ]
    assert metrics[0]["command"].startswith("ganprint evaluate ")
    assert (metrics[0]["unit"], metrics[0]["groups"]) == ("group", 3)


def test_an_image_that_cannot_be_read_is_named_and_the_rest_is_scored(
    program, inside, tiny_weights: Path, tiny_manifest: Path
) -> None:
    other = tiny_manifest.parent / "broken.csv"
    other.write_text(tiny_manifest.read_text().replace("progan/test_seen0.png", "progan/absent.png"))
    for run, workers in ((inside, "0"), (program, "1")):
        options = ("--split", "test_seen", "--workers", workers, "--json")
        done = run("evaluate", "--weights", tiny_weights, "--data", other, *options, status=1)
        assert "absent.png" in done.stderr
        found = json.loads(done.stdout)
        assert (found["n"], found["failed"]) == (14, 1)
        assert sum(found["confusion"]["progan"].values()) == 4


def test_labels_without_names_are_said_to_be_taken_by_position(inside, tiny_weights, tiny_manifest, tmp_path) -> None:
    known = [row for row in manifest_rows(tiny_manifest) if row["label"] != "-1"]
    for number, row in enumerate(known):
        (tmp_path / f"{number}.png").symlink_to(row["path"])
    numbered = [{"path": f"{number}.png", "label": row["label"]} for number, row in enumerate(known)]
    flat = write_manifest(tmp_path / "flat.csv", numbered)
    done = inside("evaluate", "--weights", tiny_weights, "--data", flat, "--workers", "0", "--json", status=0)
    assert "names no sources; its labels 0, 1, 2, ... are taken to be real, progan, stylegan" in done.stderr


def test_fractions_of_images_are_what_is_asked_for_or_where_no_group_is_known(evaluate, tiny_manifest: Path) -> None:
    found = parsed(evaluate("--split", "test_seen", "--unit", "image", "--json"))
    assert (found["unit"], found["groups"]) == ("image", None)
    assert found["balanced_accuracy"] == found["of_images"]["balanced_accuracy"]
    assert "Fractions of images" in evaluate("--split", "test_seen", "--unit", "image").stdout
    rows = manifest_rows(tiny_manifest)
    for row in rows:
        del row["group"]
    ungrouped = write_manifest(tiny_manifest.parent / "ungrouped.csv", rows)
    other = parsed(evaluate("--data", ungrouped, "--split", "test_seen", "--json"))
    assert (other["unit"], other["per_group"]) == ("image", {})
    assert other["attribution_accuracy"] == found["attribution_accuracy"]


def test_images_of_training_are_said_whatever_their_split_is_called(evaluate, tiny_manifest: Path) -> None:
    renamed = tiny_manifest.parent / "renamed.csv"
    renamed.write_text(tiny_manifest.read_text().replace(",train,", ",fresh,"))
    done = evaluate("--data", renamed, "--split", "fresh", "--json")
    assert "tiny was trained on 36 of the 36 images of fresh" in done.stderr
    assert parsed(done)["seen"]["train"] == {"images": 36, "groups": 3}
    done = evaluate("--split", "test_seen")
    assert "images of test_seen" not in done.stderr.replace("groups of test_seen", "")
    assert "tiny was trained on 3 of the 3 groups of test_seen" in done.stderr


def test_a_limit_takes_of_every_source(evaluate) -> None:
    found = parsed(evaluate("--split", "test_seen", "--limit", "6", "--json"))
    assert found["n"] == 6
    assert [sum(row.values()) for row in found["confusion"].values()] == [2, 2, 2]


def test_sources_that_the_weights_do_not_know_are_named_and_count_for_detection_only(
    inside, tiny_weights: Path, tiny_manifest: Path
) -> None:
    text = tiny_manifest.read_text().replace(",stylegan,", ",biggan,")
    other = tiny_manifest.parent / "other.csv"
    other.write_text(text)
    options = ("--split", "test_seen", "--workers", "0", "--json")
    done = inside("evaluate", "--weights", tiny_weights, "--data", other, *options)
    assert "tiny does not know biggan; images of such sources count for detection and open-set" in done.stderr
    found = parsed(done)
    assert list(found["per_source"]) == ["real", "progan"]
    assert sum(found["confusion"]["unknown"].values()) == 5


def test_training_says_where_its_weights_are_and_its_progress_on_stderr(
    tiny_weights: Path, program, inside, tiny_manifest: Path, tmp_path: Path
) -> None:
    assert {path.name for path in tiny_weights.iterdir()} >= {
        *("card.yaml", "model.safetensors", "config.yaml", "history.jsonl", "checkpoints")
    }
    data = ("--method", "repmix", "--data", tiny_manifest, "--out", tiny_weights)
    done = inside("train", *data, "--preset", "repmix-small", status=2)
    assert "--force" in done.stderr
    inside("weights", "show", tiny_weights, status=0)
    inside("weights", "verify", tiny_weights, status=0)


def test_an_attack_is_on_the_weights_that_are_evaluated(evaluate) -> None:
    split = ("--split", "test_seen", "--policy", "attack:pgd=32", "--json")
    attacked = parsed(evaluate(*split))
    assert attacked["policy"] == "attack:pgd=32"
    assert attacked["attribution_accuracy"]["value"] < 0.5
    refused = evaluate(*split, weights=Path("prnu.wild128"))
    assert refused.returncode == 2 and "PRNU" in refused.stderr and "no gradients" in refused.stderr
    assert evaluate(*split, "--at", "224").returncode == 2


def test_weights_that_nobody_named_are_said(inside: Any, tiny_manifest: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ganprint.forge.mini.mini", lambda *part, **told: tiny_manifest)
    chosen = inside("evaluate", "--json", "-q")
    name = parsed(chosen)["weights"]
    assert f"no weights were named, so {name} is evaluated;" in chosen.stderr
    named = inside("evaluate", "--json", "--weights", name)
    assert parsed(named)["weights"] == name and "no weights were named" not in named.stderr
