"""Which images make up each batch of an epoch: shuffled, balanced, sharded and resumable."""

from collections.abc import Iterator

import numpy as np
from torch.utils.data import Sampler

from ganprint.data.dataset import Draw
from ganprint.errors import UsageError


class BatchSampler(Sampler[list[Draw]]):
    """Batches of draws, a pure function of the seed and the epoch.

    With the `share` (rank, number of processes) a batch of `batch_size` images is cut into one run a process, of which
    this one gets its rank's: side by side they are the batch of a single process. A last, smaller batch is kept unless
    it cannot give every rank an image or `drop_last` is set.
    """

    def __init__(
        self,
        labels: np.ndarray,
        *,
        batch_size: int,
        seed: int = 0,
        epoch: int = 0,
        balanced: bool = False,
        shuffle: bool = True,
        drop_last: bool = False,
        share: tuple[int, int] = (0, 1),
    ) -> None:
        rank, world_size = share
        if batch_size < 1 or batch_size % world_size:
            raise UsageError(
                f"A batch of {batch_size} images does not divide over {world_size} processes.",
                f"Choose a batch size that is a multiple of {world_size}.",
            )
        if not 0 <= rank < world_size:
            raise UsageError(f"There is no process {rank} among {world_size}.")
        self.labels = labels
        self.batch_size = batch_size
        self.seed = seed
        self.balanced = balanced
        self.shuffle = shuffle
        self.drop_last = drop_last
        self.rank = rank
        self.world_size = world_size
        self.set_epoch(epoch)

    def set_epoch(self, epoch: int, *, start: int = 0, step: int = 1) -> None:
        """Choose the epoch that the next iteration draws, from its batch `start` on (to resume), each `step`-th."""
        self.epoch = epoch
        self.start = start
        self.step = step

    @property
    def draws(self) -> int:
        """How many images one epoch draws, over all processes."""
        if not self.balanced or not len(self.labels):
            return len(self.labels)
        sources = len(np.unique(self.labels))
        return sources * -(-len(self.labels) // sources)

    @property
    def batches(self) -> int:
        """How many batches a whole epoch has, whatever `start` is."""
        whole, rest = divmod(self.draws, self.batch_size)
        return whole + (not self.drop_last and rest >= self.world_size)

    def __len__(self) -> int:
        return len(range(self.start, self.batches, self.step))

    def __iter__(self) -> Iterator[list[Draw]]:
        order = self.order()
        repeats = _repeats(order)
        for batch in range(self.start, self.batches, self.step):
            here = slice(batch * self.batch_size, (batch + 1) * self.batch_size)
            rows, again = (np.array_split(part[here], self.world_size)[self.rank] for part in (order, repeats))
            yield [Draw(row, self.epoch, n) for row, n in zip(rows.tolist(), again.tolist(), strict=True)]

    def order(self) -> np.ndarray:
        """Return the rows of this epoch in the order they are drawn, int64 (draws,).

        Balanced, every source is drawn equally often, each image of it once before any comes again.
        """
        random = np.random.default_rng((self.seed, self.epoch))
        rows = np.arange(len(self.labels))
        if self.balanced and len(rows):
            names = np.unique(self.labels)
            each = self.draws // len(names)
            rows = np.concatenate([_cycle(np.flatnonzero(self.labels == name), each, random) for name in names])
        return random.permutation(rows) if self.shuffle else rows


def _cycle(rows: np.ndarray, count: int, random: np.random.Generator) -> np.ndarray:
    """Return `count` rows: whole permutations one after another, the last cut short."""
    return np.concatenate([random.permutation(rows) for _ in range(-(-count // len(rows)))])[:count]


def _repeats(order: np.ndarray) -> np.ndarray:
    """Return for each entry how many equal entries stand before it."""
    by_row = np.argsort(order, kind="stable")
    ordered = order[by_row]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]]) if len(order) else by_row
    counts = np.diff(np.r_[starts, len(order)])
    repeats = np.empty_like(order)
    repeats[by_row] = np.arange(len(order)) - np.repeat(starts, counts)
    return repeats
