"""A function of many items, worked out ahead in threads, its results in the items' order."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def available_threads() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def ordered_map(
    function: Callable[[Item], Result],
    items: Iterable[Item],
    *,
    threads: int,
    ahead: int,
    begin: Callable[[], object] | None = None,
) -> Iterator[Result]:
    """Yield the function of each item, in order, with up to `ahead` results waiting; 0 threads work nothing out ahead.

    Items are taken in this thread. Each of the others calls `begin` first. What the function raises is raised where its
    result would come.
    """
    if not threads:
        yield from map(function, items)
        return
    rest = iter(items)
    executor = ThreadPoolExecutor(threads, initializer=begin)
    try:
        waiting: deque[Future[Result]] = deque(executor.submit(function, item) for item in islice(rest, max(ahead, 1)))
        while waiting:
            result = waiting.popleft().result()
            waiting.extend(executor.submit(function, item) for item in islice(rest, 1))
            yield result
    finally:
        executor.shutdown(wait=True, cancel_futures=True)


def in_groups(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """Yield items in lists of `size`, the last of what is left."""
    rest = iter(items)
    while group := list(islice(rest, size)):
        yield group
