"""Batches of images from worker processes, the same at any number of them."""

import signal
from collections.abc import Iterator, Sequence
from multiprocessing.connection import wait
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from ganprint.data.batching import BatchSampler
from ganprint.data.dataset import Draw, ImageDataset, SourceImages
from ganprint.errors import GanprintError, WorkerDiedError, check_count

_STOPS = (signal.SIGINT, signal.SIGTERM)
_SECONDS_TO_END = 5.0  # between the loss of a worker's connections and its end, on a busy machine


class Batch(NamedTuple):
    """`images` uint8 (B, 3, S, S), or a list of (3, H, W) at their own sizes; `labels`, `rows` int64 (B,)."""

    images: Any
    labels: Tensor
    rows: Tensor


class _Caught(Dataset[Any]):
    """Gives whole batches, an error as an item: the loader would rebuild it from a traceback and lose its hint."""

    def __init__(self, images: SourceImages) -> None:
        self.images = images

    def __len__(self) -> int:
        return len(self.images)

    def __getitems__(self, indices: Sequence[int | Draw]) -> Sequence[tuple[Tensor, int, int] | GanprintError]:
        try:
            return self.images.items(indices)
        except GanprintError as error:
            return [error]


class ImageLoader(DataLoader[Any]):
    """A DataLoader of Batch that raises a worker's GanprintError as the worker raised it, and WorkerDiedError."""

    def __iter__(self) -> Iterator[Batch]:  # type: ignore[override]
        failed: GanprintError | None = None
        try:
            for batch in self._served():
                if isinstance(batch, GanprintError):
                    failed = batch
                    break
                yield batch
        except (RuntimeError, WorkerDiedError) as error:
            if not WorkerDiedError.means(error):
                raise
            failed = WorkerDiedError()
        if failed is not None:
            # End the workers here: a traceback that someone keeps would hold them, and when the garbage
            # collector frees them with it their queues close before they hear that they should end.
            self._iterator = None
            raise failed

    def _served(self) -> Iterator[Any]:
        """Serve; a dying worker's connections close before the system tells of its end, which PyTorch would raise."""
        try:
            yield from self._with_workers_started()
        except (OSError, EOFError, RuntimeError):
            workers = getattr(self._iterator, "_workers", ())
            ended = wait([worker.sentinel for worker in workers], timeout=_SECONDS_TO_END if workers else 0)
            for worker in workers:
                if worker.sentinel in ended:
                    worker.join()
            if ended:
                raise WorkerDiedError from None
            raise

    def _with_workers_started(self) -> Iterator[Any]:
        """Start the workers with signals held back, so that none arrives before a worker ignores it."""
        if not hasattr(signal, "pthread_sigmask"):  # Windows
            return super().__iter__()
        before = signal.pthread_sigmask(signal.SIG_BLOCK, _STOPS)
        try:
            served = super().__iter__()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        for worker in getattr(served, "_workers", ()):
            # At exit Python ends the workers that a traceback still holds with SIGTERM, and waits for them.
            worker._popen.terminate = worker._popen.kill
        return served


def loader(
    dataset: SourceImages,
    *,
    batch_size: int,
    workers: int = 0,
    sampler: BatchSampler | None = None,
    device: str = "cpu",
) -> ImageLoader:
    """Return a loader of Batch; without a sampler the images come once each, in order.

    The sampler brings its own batch size and its share among processes, so the loader must not be
    sharded again. Memory is pinned where `device` is a CUDA device. Change the epoch between iterations
    with `sampler.set_epoch`: its draws tell the workers, which stay alive.
    """
    check_count("workers", workers, least=0)
    # One that has nothing left to draw is as false as none.
    batches = BatchSampler(dataset.labels, batch_size=batch_size, shuffle=False) if sampler is None else sampler
    return ImageLoader(
        _Caught(dataset),
        batch_sampler=batches,
        num_workers=workers,
        collate_fn=_stack if isinstance(dataset, ImageDataset) else _list,
        pin_memory=device.startswith("cuda"),
        persistent_workers=workers > 0,
        prefetch_factor=4 if workers else None,
        generator=torch.Generator(),
        worker_init_fn=_leave_signals_to_parent,
    )


def _leave_signals_to_parent(worker: int) -> None:
    """Ctrl-C, as `timeout` and batch systems, reaches the whole group; a worker that died would end the parent's step.

    A worker ends by itself when its parent does.
    """
    for number in _STOPS:
        signal.signal(number, signal.SIG_IGN)


def _stack(items: Sequence[Any]) -> Batch | GanprintError:
    batch = _list(items)
    return batch if isinstance(batch, GanprintError) else batch._replace(images=torch.stack(batch.images))


def _list(items: Sequence[Any]) -> Batch | GanprintError:
    if isinstance(items[0], GanprintError):  # and that alone, by _Caught
        return items[0]
    images, labels, rows = zip(*items, strict=True)
    return Batch(list(images), torch.tensor(labels), torch.tensor(rows))
