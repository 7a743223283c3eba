"""Worker processes that are forked: they begin at once, with all that this process has loaded.

Threads that compute with small tensors hold each other up: each takes Python's lock hundreds of times an image.
"""

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from multiprocessing.connection import wait
from multiprocessing.synchronize import Lock
from typing import Any, TypeVar

from ganprint.errors import WorkerDiedError
from ganprint.images.large import take_turns_by
from ganprint.ordered_map import in_order

Item = TypeVar("Item")
Result = TypeVar("Result")
FORK = multiprocessing.get_context("fork") if sys.platform == "linux" else multiprocessing.get_context()
_work: Callable[[Any], Any]
"""The function of a worker process."""


def can_fork() -> bool:
    """Return whether worker processes can be forked: on Linux, where no other thread may hold a lock, and no GPU is.

    A thread's lock would stay locked in the worker, and PyTorch's autograd refuses to work in a fork beside a GPU.
    """
    if sys.platform != "linux" or threading.active_count() > 1 or multiprocessing.current_process().daemon:
        return False
    import torch

    try:
        FORK.Lock()
    except (ImportError, OSError):  # A system without shared memory has none.
        return False
    return not torch.accelerator.is_available()


def forked_map(
    function: Callable[[Item], Result],
    items: Iterable[Item],
    *,
    processes: int,
    ahead: int,
    begin: Callable[[], object] | None,
    sent: Callable[[Item], bool],
) -> Iterator[Result]:
    """Yield the function of each item, in order, with up to `ahead` results waiting, worked out in forked processes.

    Each calls `begin` first. Items that are not to be `sent` are worked out here. Items and results must be what pickle
    can carry, the function need not. Raises WorkerDiedError where the system ended one, else as `ordered_map` does.
    """
    large = FORK.Lock()
    executor = ProcessPoolExecutor(processes, FORK, initializer=_start, initargs=(function, begin, large))

    def submit(item: Item) -> Callable[[], Result]:
        return executor.submit(_answer, item).result if sent(item) else partial(function, item)

    try:
        yield from in_order(executor, submit, items, ahead=ahead)
    except BrokenProcessPool as error:
        raise WorkerDiedError from error


def _start(function: Callable[[Any], Any], begin: Callable[[], object] | None, turn: Lock) -> None:
    global _work
    _work = function
    # Ctrl-C reaches all processes of the terminal; the first one ends the others.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    # A bar of the first process may stand there, whose thread is not here.
    sys.stderr = sys.__stderr__
    threading.Thread(target=_end_with_parent, daemon=True).start()
    take_turns_by(turn)
    if begin is not None:
        begin()


def _answer(item: Any) -> Any:
    return _work(item)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
