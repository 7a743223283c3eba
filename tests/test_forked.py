"""Forked workers give results in order, end with an error, with the first process, and one that dies is told."""

import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from ganprint.errors import WorkerDiedError
from ganprint.forked import forked_map

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="workers are forked on Linux")


def mapped(function: Callable[[int], Any], count: int = 20) -> list[Any]:
    found = forked_map(function, range(count), processes=2, ahead=4, begin=None, sent=lambda number: number != 5)
    return list(found)


def test_results_come_in_order_from_workers_and_what_is_not_sent_is_worked_out_here() -> None:
    found = mapped(lambda number: (number**2, os.getpid()))
    assert [square for square, _ in found] == [number**2 for number in range(20)]
    here = [number for number, (_, process) in enumerate(found) if process == os.getpid()]
    assert here == [5]


def test_an_error_comes_in_its_place_and_ends_the_workers() -> None:
    def work(number: int) -> int:
        if number == 3:
            raise KeyError(number)
        return number

    with pytest.raises(KeyError, match="3"):
        mapped(work)
    assert not multiprocessing.active_children()


def test_a_worker_that_the_system_ends_is_told_in_a_sentence() -> None:
    with pytest.raises(WorkerDiedError, match="lack of memory"):
        mapped(lambda number: os.kill(os.getpid(), signal.SIGKILL))


PROGRAM = """
import multiprocessing, time
from ganprint.forked import forked_map
found = forked_map(lambda number: number, range(9), processes=2, ahead=9, begin=None, sent=lambda _: True)
next(found)
print(len(multiprocessing.active_children()), flush=True)
time.sleep(600)
"""


def test_workers_end_with_a_first_process_that_is_killed() -> None:
    with subprocess.Popen([sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "2\n"
        process.kill()
        # The workers hold the pipe's other end: it closes when the last of them has ended.
        assert process.communicate(timeout=60)[0] == ""
