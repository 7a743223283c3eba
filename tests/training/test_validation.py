"""When and how a training validates, which epoch it keeps, and what it says of weights that tell nothing apart."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from ganprint_plugins.repmix import RepMix
from safetensors.torch import load_file

from ganprint import plugins
from ganprint.data import Manifest
from ganprint.models import read_config
from ganprint.models.config import changes_from_paper, paper_note, preset_names, preset_of
from ganprint.training import Run, loop
from ganprint.training.checkpoint import read_place
from ganprint.training.session import train_weights
from ganprint.training.trials import judge, only_answer
from ganprint.weights import load_artifact

from .conftest import SMALL, fit_repmix

SETTINGS = (*SMALL, "warmup_steps=0", "batch_size=6")


def fit(manifest: Path, out: Path, *settings: str, **run: Any) -> tuple[RepMix, dict[str, Any]]:
    return fit_repmix(manifest, out, *SETTINGS, *settings, **run)


def rows(folder: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (folder / "history.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("level", [5, -1], ids=["mixed embeddings", "mixed before perturbation"])
def test_validation_can_be_mixed_and_perturbed_anew_each_time_and_resumes_to_the_same_numbers(
    tiny_manifest: Path, tmp_path: Path, level: int
) -> None:
    settings = ("validation=as-training", "epochs=2", f"mix_level={level}")
    fit(tiny_manifest, tmp_path / "one", *settings)
    fit(tiny_manifest, tmp_path / "two", *settings)
    losses = [row["loss"] for row in rows(tmp_path / "one")]
    assert losses == [row["loss"] for row in rows(tmp_path / "two")]
    fit(tiny_manifest, tmp_path / "fixed", "epochs=2", f"mix_level={level}")
    assert losses != [row["loss"] for row in rows(tmp_path / "fixed")]


def test_patience_counts_validations_which_come_every_so_many_epochs_and_at_the_end(
    tiny_manifest: Path, tmp_path: Path
) -> None:
    # Weights that do not move are best at the first validation.
    still = ("learning_rate=1e-30", "ema=0", "validate_every=2", "monitor=balanced_accuracy")
    _, facts = fit(tiny_manifest, tmp_path / "out", *still, "epochs=20", "patience=2", "weight_decay=0")
    history = rows(tmp_path / "out")
    assert [row["epoch"] for row in history if "loss" in row][:3] == [2, 4, 6]
    assert (facts["epochs"], facts["best_epoch"], len(facts["losses"]["loss"])) == (6, 2, 3)
    fit(tiny_manifest, tmp_path / "odd", *still, "epochs=3")
    assert [row["epoch"] for row in rows(tmp_path / "odd") if "loss" in row] == [2, 3]


@pytest.mark.parametrize("ema", [0, 0.5])
def test_the_last_weights_are_kept_where_that_is_asked_for(tiny_manifest: Path, tmp_path: Path, ema: float) -> None:
    settings = ("epochs=3", "learning_rate=0.01", f"ema={ema}", "keep=last", "monitor=loss")
    attributor, facts = fit(tiny_manifest, tmp_path, *settings)
    last = load_file(tmp_path / "checkpoints/last.safetensors")
    prefix = "ema/module." if ema else "network/"
    for name, each in attributor.state().items():
        assert torch.equal(each, last[prefix + name]), name
    assert facts["best_epoch"] is None


def test_a_validation_loss_that_is_no_number_is_never_the_best(
    tiny_manifest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    losses = iter([float("nan"), 2.0, 3.0])
    monkeypatch.setattr(loop, "judge", lambda found, truth: judge(found, truth) | {"loss": next(losses)})
    _, facts = fit(tiny_manifest, tmp_path, "epochs=3", "monitor=loss")
    assert facts["best_epoch"] == 2


@pytest.mark.parametrize(
    ("predicted", "labels", "only"),
    [
        ([2, 2, 2], [0, 1, 2], 2),
        ([0, 0, 0], [0, 0, 1], 0),
        ([0, 1, 1], [0, 1, 2], None),
        ([1, 1], [1, 1], None),
    ],
)
def test_one_answer_for_everything_is_noticed_where_there_is_more_to_answer(
    predicted: list[int], labels: list[int], only: int | None
) -> None:
    assert only_answer(np.array(predicted), np.array(labels)) == only


def test_a_training_that_ends_in_one_class_for_everything_says_so_and_its_card_does(
    tiny_manifest: Path, tmp_path: Path
) -> None:
    said: list[str] = []
    settings = ("learning_rate=1e-30", "epochs=1", "ema=0", "policy=none")
    config = read_config(RepMix.spec, preset="repmix-mini", assignments=[*SETTINGS, *settings])
    run = Run(tmp_path, say=said.append)
    train_weights(RepMix, config, Manifest.open(tiny_manifest), run, name="stuck", command="")
    (sentence,) = said
    assert sentence.startswith("These weights call every validation image ")
    card = load_artifact(tmp_path).card
    assert card.notes.startswith(sentence.split(":")[0]) and card.training is not None
    assert card.training.details["answers_only"] in sentence
    assert read_place(tmp_path / "checkpoints/last.safetensors").only is not None


def test_every_preset_says_what_it_changes_and_papers_that_nothing_is() -> None:
    for method in ("repmix", "yu", "dct-cnn", "eigenface", "prnu", "reverse-engineering"):
        spec = plugins.load(method).spec
        for name in preset_names(spec):
            config = read_config(spec, preset=name)
            note, changes = paper_note(spec, config), changes_from_paper(spec, config)
            if name == method:
                assert (note, changes) == ("Preset: paper, nothing changed.", {})
                assert preset_of(spec, config) == "paper"
            else:
                assert preset_of(spec, config) == name and note.startswith(f"Preset: {name}. ")
                assert changes and all(key in note for key in changes)
    own = read_config(RepMix.spec, assignments=["epochs=7"])
    assert paper_note(RepMix.spec, own) == "Preset: none. Changed from the paper's: epochs 7 (paper 30)."
