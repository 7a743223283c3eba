"""One optimisation step as a loss sees it: its random stream and its share among processes."""

from dataclasses import dataclass

import numpy as np


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

    def random(self) -> np.random.Generator:
        """Return the step's random stream, at its start."""
        return np.random.default_rng((self.seed, self.epoch, self.index))

    def share(self, drawn: np.ndarray) -> np.ndarray:
        """Return this process's rows of an array drawn for the whole batch."""
        return np.array_split(drawn, self.world_size)[self.rank]
