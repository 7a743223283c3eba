"""An interrupted and resumed training ends in the same bits as one that was left alone."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from shlex import join
from typing import Any

import pytest
import torch
from ganprint_plugins.repmix import RepMix
from safetensors.torch import load_file

from ganprint.data import Manifest
from ganprint.errors import TrainingError
from ganprint.models import read_config
from ganprint.training import Progress, Run
from ganprint.training.checkpoint import read_place
from ganprint.training.loop import fit_attributor
from ganprint.training.session import prepare

from .conftest import SMALL, fit_repmix

SETTINGS = (
    "backbone=timm:resnet18",
    "backbone_options={channels: [8, 8, 8, 8], drop_rate: 0.3}",
    "view.size=32",
    "perturb_at=null",
    "epochs=3",
    "batch_size=6",
    "patience=3",
    "warmup_steps=2",
)
"""A network with batch statistics and dropout, and averaged weights: all the state there is to keep."""


def train(manifest: Path, out: Path, *settings: str, **run: Any) -> RepMix:
    return fit_repmix(manifest, out, *SETTINGS, *settings, **run)[0]


def history(folder: Path) -> list[dict[str, float]]:
    rows = [json.loads(line) for line in (folder / "history.jsonl").read_text().splitlines()]
    return [{key: value for key, value in row.items() if key != "seconds"} for row in rows]


def assert_same_training(one: Path, other: Path, files: Sequence[str] = ("last", "best")) -> None:
    assert history(one) == history(other)
    for name in files:
        first, second = (load_file(folder / f"checkpoints/{name}.safetensors") for folder in (one, other))
        assert first.keys() == second.keys()
        differing = [key for key in first if not torch.equal(first[key], second[key])]
        assert not differing, f"{name}: {differing[:5]}"


@pytest.fixture(scope="module")
def whole(tiny_manifest: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a training that nothing interrupted, with no worker process."""
    out = tmp_path_factory.mktemp("whole")
    train(tiny_manifest, out)
    return out


@pytest.mark.parametrize(
    ("epoch", "step", "validated", "resumed_at"),
    [(1, 1, False, (0, 1)), (2, 2, False, (1, 2)), (2, 6, False, (1, 6)), (2, 6, True, (2, 1))],
    ids=["first step", "mid-epoch", "last step of an epoch", "while an epoch closes"],
)
def test_sigint_anywhere_leaves_a_checkpoint_of_a_whole_step_that_resumes_to_the_same_bits(
    tiny_manifest: Path,
    whole: Path,
    tmp_path: Path,
    epoch: int,
    step: int,
    validated: bool,
    resumed_at: tuple[int, int],
) -> None:
    def interrupt(progress: Progress) -> None:
        if (progress.epoch, progress.step, progress.validation is not None) == (epoch, step, validated):
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        train(tiny_manifest, tmp_path, report=interrupt)
    place = read_place(tmp_path / "checkpoints/last.safetensors")
    assert (place.epoch, place.step) == resumed_at
    train(tiny_manifest, tmp_path, resume=True)
    assert_same_training(whole, tmp_path)


def test_two_workers_give_the_numbers_of_none(tiny_manifest: Path, whole: Path, tmp_path: Path) -> None:
    train(tiny_manifest, tmp_path, workers=2)
    assert_same_training(whole, tmp_path)


def test_resuming_a_finished_training_changes_nothing(tiny_manifest: Path, whole: Path) -> None:
    before = load_file(whole / "checkpoints/best.safetensors")
    history = (whole / "history.jsonl").read_bytes()
    # As it is where the process was killed after the last checkpoint.
    (whole / "history.jsonl").write_bytes(history[: history.rindex(b"\n", 0, -1) + 1])
    state = train(tiny_manifest, whole, resume=True).state()
    assert all(torch.equal(before[f"network/{name}"], tensor) for name, tensor in state.items())
    assert (whole / "history.jsonl").read_bytes() == history


@pytest.mark.parametrize(
    ("settings", "run"),
    [(["learning_rate=0.1"], {}), (["embedding=16"], {}), ([], {"seed": 1}), ([], {"precision": "bf16"})],
    ids=["configuration", "shape of the network", "seed", "precision"],
)
def test_resuming_with_another_configuration_or_seed_is_refused(
    tiny_manifest: Path, whole: Path, settings: list[str], run: dict[str, Any]
) -> None:
    with pytest.raises(TrainingError, match="another configuration, data, seed or precision"):
        train(tiny_manifest, whole, *settings, resume=True, **run)


def test_resuming_on_other_data_or_from_nothing_or_from_damage_is_refused(
    tiny_manifest: Path, whole: Path, tmp_path: Path
) -> None:
    data = Manifest.open(tiny_manifest)
    config = read_config(RepMix.spec, preset="repmix-mini", assignments=SETTINGS)
    attributor = prepare(RepMix, config, data, 0)
    with pytest.raises(TrainingError, match="another configuration, data, seed or precision"):
        fit_attributor(attributor, data.select("train"), data.select("test_seen"), Run(whole, resume=True))
    with pytest.raises(TrainingError, match="There is no checkpoint"):
        train(tiny_manifest, tmp_path, resume=True)
    (tmp_path / "checkpoints").mkdir()
    content = (whole / "checkpoints/last.safetensors").read_bytes()
    (tmp_path / "checkpoints/last.safetensors").write_bytes(content[: len(content) // 2])
    with pytest.raises(TrainingError, match="cannot be resumed"):
        train(tiny_manifest, tmp_path, resume=True)


def test_starting_anew_forgets_the_checkpoints_of_before(tiny_manifest: Path, whole: Path, tmp_path: Path) -> None:
    def interrupt(progress: Progress) -> None:
        raise RuntimeError("stopped before the first checkpoint")

    (tmp_path / "checkpoints").mkdir()
    for name in ("last", "best"):
        file = f"checkpoints/{name}.safetensors"
        (tmp_path / file).write_bytes((whole / file).read_bytes())
    with pytest.raises(RuntimeError, match="stopped"):
        train(tiny_manifest, tmp_path, report=interrupt)
    assert not list((tmp_path / "checkpoints").iterdir())


def test_training_stops_when_patience_is_out(tiny_manifest: Path, tmp_path: Path) -> None:
    frozen = ["backbone_options={channels: [64, 64, 64, 64], norm_layer: groupnorm}", "learning_rate=1e-30"]
    train(tiny_manifest, tmp_path, *frozen, "epochs=9", "patience=2")
    assert len(history(tmp_path)) == 3
    assert read_place(tmp_path / "checkpoints/last.safetensors").best_epoch == 1


def test_the_program_killed_by_ctrl_c_says_how_to_go_on_and_resumes_to_the_same_bits(
    inside: Any, tiny_manifest: Path, tmp_path: Path
) -> None:
    sets = [part for each in (*SMALL, "epochs=3", "batch_size=1") for part in ("--set", each)]
    common = ["train", "--method", "repmix", "--preset", "repmix-mini", "--data", str(tiny_manifest), *sets]
    inside(*common, "--workers", "0", "--out", tmp_path / "alone", status=0)

    command = [sys.executable, "-m", "ganprint", *common, "--workers", "1"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    settings: dict[str, Any] = {"env": environment, "stderr": subprocess.PIPE, "text": True}

    stopped = [*command, "--out", str(tmp_path / "stopped")]
    # Ctrl-C reaches every process of the terminal's group, the loader's workers too.
    with subprocess.Popen(stopped, start_new_session=True, **settings) as process:
        lines: list[str] = []
        # Within an epoch a slow machine prints lines that begin alike, but it has no curve to draw yet.
        while not (lines and lines[-1].startswith("epoch 1/3: train loss")):
            lines.append(process.stderr.readline())
            assert lines[-1], lines
        os.killpg(process.pid, signal.SIGINT)
        _, said = process.communicate(timeout=120)
    assert process.returncode == 130, said
    again = join(["ganprint", *stopped[3:], "--resume"])
    assert f"interrupted; resume with: {again}\n" in said
    assert "Traceback" not in said
    assert (tmp_path / "stopped/curves.png").is_file()
    assert read_place(tmp_path / "stopped/checkpoints/last.safetensors").step > 0
    assert not (tmp_path / "stopped/model.safetensors").exists()

    inside(*common, "--workers", "0", "--out", tmp_path / "stopped", "--resume", status=0)
    assert_same_training(tmp_path / "alone", tmp_path / "stopped")
    one, other = ((tmp_path / name / "model.safetensors").read_bytes() for name in ("alone", "stopped"))
    assert one == other
