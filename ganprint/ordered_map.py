"""A function of many items, worked out ahead in threads or processes, its results in the items' order."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
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
    executor = ThreadPoolExecutor(threads, initializer=begin)
    yield from in_order(executor, lambda item: executor.submit(function, item).result, items, ahead=ahead)


def in_order(
    executor: Executor, submit: Callable[[Item], Callable[[], Result]], items: Iterable[Item], *, ahead: int
) -> Iterator[Result]:
    """Yield the results of items that are submitted to an executor up to `ahead` before, and end it.

    `submit` returns what waits for a result, or works it out.
    """
    waiting: deque[Callable[[], Result]] = deque()
    try:
        rest = iter(items)
        waiting.extend(map(submit, islice(rest, max(ahead, 1))))
        while waiting:
            result = waiting.popleft()()
            waiting.extend(map(submit, islice(rest, 1)))
            yield result
    finally:
        executor.shutdown(wait=True, cancel_futures=True)


def in_groups(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """Yield items in lists of `size`, the last of what is left."""
    rest = iter(items)
    while group := list(islice(rest, size)):
        yield group
