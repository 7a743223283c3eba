"""A training that cannot work is refused with a sentence before it starts, and the smallest ones work."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ganprint_plugins.repmix import RepMix

from ganprint.data import Manifest
from ganprint.errors import ConfigError, GanprintError, OutputExistsError, TrainingError
from ganprint.models import read_config
from ganprint.training import Run
from ganprint.training.session import describe, open_folder, prepare
from ganprint.weights import load_attributor, save_artifact

from ..conftest import manifest_rows, write_manifest
from .conftest import SMALL, fit_repmix

Row = dict[str, str]
Keep = Callable[[Row], bool]

SETTINGS = (*SMALL, "epochs=1", "batch_size=2")


def fit(manifest: Path, out: Path, *settings: str, **run: Any) -> RepMix:
    return fit_repmix(manifest, out, *SETTINGS, *settings, **run)[0]


def firsts(manifest: Path) -> list[Row]:
    """Return the first image of each source in train and in val."""
    return [row for row in manifest_rows(manifest) if Path(row["path"]).name in ("train0.png", "val0.png")]


@pytest.mark.parametrize(
    ("keep", "says", "hint"),
    [
        (lambda row: row["source"] == "real", "one source only, real", "at least one generator"),
        (lambda row: row["split"] != "val", "no split val", "ganprint data split"),
        (lambda row: row["split"] != "train", "no split train", "ganprint data split"),
        (lambda row: row["split"] == "val" or row["label"] != "1", "no training images of progan", "Every source"),
        (lambda row: row["split"] == "val" or row["label"] != "0", "no training images of real", "real and one other"),
    ],
    ids=["one source", "no val", "no train", "a source without training images", "no real training images"],
)
def test_data_that_cannot_teach_are_refused_with_what_is_missing(
    tiny_manifest: Path, tmp_path: Path, keep: Keep, says: str, hint: str
) -> None:
    with pytest.raises(TrainingError) as caught:
        fit(write_manifest(tmp_path / "some.csv", list(filter(keep, manifest_rows(tiny_manifest)))), tmp_path)
    assert says in caught.value.message
    assert hint in caught.value.hint


def test_images_of_no_known_source_among_those_to_train_on_are_refused(tiny_manifest: Path, tmp_path: Path) -> None:
    rows = [row for row in manifest_rows(tiny_manifest) if row["source"] != "stylegan" or row["split"] == "train"]
    for row in rows:
        if row["source"] == "stylegan":
            row |= {"label": "-1", "source": "pix2pix"}
    data = write_manifest(tmp_path / "some.csv", rows)
    with pytest.raises(TrainingError, match=r"outside the sources \(label -1\)"):
        fit(data, tmp_path)


@pytest.mark.parametrize("settings", ["batch_size=1", "batch_size=2", "mix_count=4"])
def test_one_image_of_each_source_is_enough_for_mixtures(tiny_manifest: Path, tmp_path: Path, settings: str) -> None:
    fit(write_manifest(tmp_path / "few.csv", firsts(tiny_manifest)), tmp_path / "out", settings)


def test_fewer_images_than_a_batch_are_refused_where_none_are_mixed(tiny_manifest: Path, tmp_path: Path) -> None:
    data = write_manifest(tmp_path / "few.csv", firsts(tiny_manifest))
    with pytest.raises(TrainingError, match="3 training images are fewer than one batch of 4") as caught:
        fit(data, tmp_path, "batch_size=4", "mix_count=1")
    assert "Set batch_size to at most 3." in caught.value.hint


def test_a_batch_of_one_value_that_cannot_be_normalised_is_refused(tiny_manifest: Path, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="cannot normalise a batch of one image of 32 px") as caught:
        fit(tiny_manifest, tmp_path, "backbone=timm:resnet18", "backbone_options={}", "batch_size=1", "mix_count=1")
    assert "batch_size" in caught.value.hint


def test_a_loss_that_is_not_finite_stops_training_and_says_so(tiny_manifest: Path, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="The loss became nan in epoch"):
        fit(tiny_manifest, tmp_path, "learning_rate=1e20", "warmup_steps=0", "optimizer=adam", "epochs=3")


def test_two_trainings_of_other_precision_follow_one_another_in_one_process(
    tiny_manifest: Path, tmp_path: Path
) -> None:
    fit(tiny_manifest, tmp_path / "fp32")
    fit(tiny_manifest, tmp_path / "bf16", precision="bf16")
    fit(tiny_manifest, tmp_path / "again")


@pytest.mark.parametrize("present", ["checkpoints/last.safetensors", "model.safetensors", "card.yaml"])
def test_a_folder_that_holds_something_is_only_overwritten_by_force(present: str, tmp_path: Path) -> None:
    config = read_config(RepMix.spec, preset="repmix-mini")
    file = tmp_path / present
    file.parent.mkdir(exist_ok=True)
    file.write_text("mine")
    with pytest.raises(OutputExistsError, match="already exists") as caught:
        open_folder(Run(tmp_path), config, force=False)
    assert "--resume" in caught.value.hint and "--force" in caught.value.hint
    open_folder(Run(tmp_path, resume=True), config, force=False)
    assert file.read_text() == "mine"
    # An interruption before the first new checkpoint would be resumed from those of before.
    open_folder(Run(tmp_path), config, force=True)
    assert not file.exists()


def test_the_configuration_beside_a_training_can_be_trained_with_and_blocks_no_other_start(tmp_path: Path) -> None:
    for preset, changed in (("repmix-mini", []), ("repmix-native", ["betas=[0.1, 0.2]"])):
        config = read_config(RepMix.spec, preset=preset, assignments=changed)
        open_folder(Run(tmp_path), config, force=False)
        assert read_config(RepMix.spec, file=tmp_path / "config.yaml") == config


@pytest.mark.parametrize(
    "settings",
    [
        "backbone_options.widths=[]",
        "backbone_options.widths=[-1,8,8,8]",
        "backbone_options.stem_stride=0",
        "backbone=timm:vit_tiny_patch16_224",
    ],
)
def test_a_network_that_cannot_be_built_or_run_is_refused_before_anything_is_written(
    tiny_manifest: Path, tmp_path: Path, settings: str
) -> None:
    options = () if "widths" in settings or "stride" in settings else ("backbone_options={}",)
    with pytest.raises(ConfigError, match="cannot be built"):
        fit(tiny_manifest, tmp_path / "out", settings, *options)
    assert not (tmp_path / "out").exists()


def test_a_folder_that_cannot_be_made_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    config = read_config(RepMix.spec, preset="repmix-mini")
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(GanprintError, match=r"cannot be written to|already exists"):
            open_folder(Run(folder), config, force=False)


def test_the_card_says_what_was_trained_and_the_weights_load(tiny_manifest: Path, tmp_path: Path) -> None:
    data = Manifest.open(tiny_manifest)
    config = read_config(RepMix.spec, preset="repmix-mini", assignments=SETTINGS)
    attributor = prepare(RepMix, config, data, 4)
    given = attributor, Run(tmp_path, seed=4), data.select("train"), data.select("val")
    with pytest.raises(ConfigError, match="cannot be called"):
        describe(*given, name="my weights!", command="")
    save_artifact(tmp_path / "tiny", attributor.state(), describe(*given, name="tiny", command="ganprint train"))
    _, found = load_attributor(tmp_path / "tiny")
    assert found.sources == ("real", "progan", "stylegan")
    assert (found.semantics, found.seed, found.command) == (("a", "b"), 4, "ganprint train")
    assert (found.data.name, found.data.train, found.data.val) == ("tiny.csv", 36, 12)
    assert found.data.sha256 == data.select("train").sha256
    assert found.view == config.view


KILLED = """
import os, signal, sys
from ganprint.cli import main
from ganprint.data.dataset import ImageDataset
parent = os.getpid()
items = ImageDataset.items
def mortal(self, indices):
    if os.getpid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)
    return items(self, indices)
ImageDataset.items = mortal
main()
"""


def test_train_says_in_one_sentence_that_the_system_ended_a_worker(tiny_manifest: Path, tmp_path: Path) -> None:
    sets = [part for each in SETTINGS for part in ("--set", each)]
    given = ["--method", "repmix", "--preset", "repmix-mini", "--data", str(tiny_manifest), "--workers", "1"]
    command = [sys.executable, "-c", KILLED, "train", *given, *sets, "--out", str(tmp_path / "out")]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=240)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    said = "ganprint: A process that opened images died, most often for lack of memory.\n  Use fewer --workers.\n"
    assert done.stderr.endswith(said) and done.stderr.count("died") == 1
