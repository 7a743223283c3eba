"""What a training is given beside its images: a folder, a seed, a device, and somebody to tell."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from torch import Tensor


@dataclass(frozen=True)
class Progress:
    """Where a training stands, told after every step and, with `validation`, after every epoch.

    `loss` and `accuracy` are running means over the epoch; `seconds_left` counts to the last epoch.
    """

    epoch: int
    epochs: int
    step: int
    steps: int
    loss: float
    accuracy: float
    images_per_second: float
    seconds_left: float
    validation: dict[str, float] | None = None


def _say_nothing(progress: Progress) -> None:
    return None


@dataclass(frozen=True)
class Run:
    """One training: where its files go and how it is carried out.

    `precision` is fp32 or bf16; `workers` loader processes; `resume` goes on from the folder's last
    checkpoint; `checkpoint_seconds` is the longest stretch of work that an interruption can lose.
    """

    folder: Path
    seed: int = 0
    device: str = "cpu"
    precision: str = "fp32"
    workers: int = 0
    resume: bool = False
    checkpoint_seconds: float = 120.0
    report: Callable[[Progress], None] = field(default=_say_nothing, compare=False)


@dataclass(frozen=True)
class Step:
    """One optimisation step as a loss sees it.

    All random choices of a loss come from `random()`, a pure function of seed, epoch and step that is the
    same in every process; a process takes the part of a global draw that `share` gives it.
    """

    seed: int
    epoch: int
    index: int
    rank: int = 0
    world_size: int = 1
    sum_over_processes: Callable[[Tensor], Tensor] = field(default=lambda tensor: tensor, compare=False)

    def random(self) -> np.random.Generator:
        """Return the step's random stream, at its start."""
        return np.random.default_rng((self.seed, self.epoch, self.index))

    def share(self, drawn: np.ndarray) -> np.ndarray:
        """Return this process's rows of an array drawn for the whole batch."""
        return np.array_split(drawn, self.world_size)[self.rank]
