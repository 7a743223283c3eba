"""Several processes compute together what one computes alone."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import torch
from safetensors.torch import load_file

from ganprint.training.checkpoint import read_place

from .conftest import fit_repmix

# Batch statistics are of a process's own images, so that only a network without them can agree: GroupNorm.
SETTINGS = (
    "backbone=timm:resnet18",
    "backbone_options={channels: [64, 64, 64, 64], norm_layer: groupnorm, zero_init_last: false}",
    "view.size=64",
    "perturb_at=null",
    "batch_size=6",
    "epochs=1",
    "ema=0",
    # So small that every step starts from the same weights, and Adam's moments hold nothing but gradients.
    "learning_rate=1e-30",
)
LAUNCH = ("-m", "torch.distributed.run", "--nproc_per_node", "2", "--master_port")


def free_port() -> str:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return str(listener.getsockname()[1])


def train_together(data: Path, out: Path, *settings: str) -> subprocess.CompletedProcess[str]:
    """Run the real program as two processes."""
    sets = [part for each in (*SETTINGS, *settings) for part in ("--set", each)]
    command = [sys.executable, *LAUNCH, free_port(), "-m", "ganprint", "train", "--workers", "0", *sets]
    common = ["--method", "repmix", "--preset", "repmix-mini", "--data", str(data), "--out", str(out)]
    # As a Run has it; some processors would take bf16.
    common += ["--precision", "fp32"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [*command, *common], check=False, env=environment, capture_output=True, text=True, timeout=240
    )


def moments(out: Path) -> dict[str, torch.Tensor]:
    """Return Adam's first moments after an epoch of three steps: a weighted mean of their gradients."""
    last = out / "checkpoints/last.safetensors"
    assert read_place(last).epoch == 1
    return {key: value for key, value in load_file(last).items() if key.endswith("/exp_avg")}


def test_two_processes_on_cpu_give_the_gradients_of_one(tiny_manifest: Path, tmp_path: Path) -> None:
    done = train_together(tiny_manifest, tmp_path / "two")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [str(tmp_path / "two")]
    fit_repmix(tiny_manifest, tmp_path / "one", *SETTINGS)
    one, two = moments(tmp_path / "one"), moments(tmp_path / "two")
    assert one.keys() == two.keys()
    assert len(one) > 60
    for name, gradient in one.items():
        scale = float(gradient.abs().max())
        assert scale > 0, name
        torch.testing.assert_close(two[name], gradient, rtol=0, atol=2e-5 * scale, msg=name)


def test_a_batch_that_does_not_divide_over_the_processes_is_refused(tiny_manifest: Path, tmp_path: Path) -> None:
    done = train_together(tiny_manifest, tmp_path, "batch_size=3")
    assert done.returncode != 0
    assert "A batch of 3 samples does not divide over 2 processes." in done.stderr
