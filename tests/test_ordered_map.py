"""What is worked out ahead in threads comes in order, is bounded, and ends with its error."""

import threading
import time
from collections.abc import Iterator

import pytest

from ganprint.ordered_map import ordered_map


@pytest.mark.parametrize("threads", [0, 1, 4])
def test_results_are_those_of_one_thread_and_in_order(threads: int) -> None:
    def work(number: int) -> int:
        time.sleep((number % 3) / 1000)
        return number**2

    assert list(ordered_map(work, range(50), threads=threads, ahead=8)) == [n**2 for n in range(50)]


def test_no_more_is_taken_than_is_to_wait() -> None:
    taken: list[int] = []

    def items() -> Iterator[int]:
        for number in range(100):
            taken.append(number)
            yield number

    for number in ordered_map(lambda each: each, items(), threads=2, ahead=5):
        assert len(taken) <= number + 6
    assert len(taken) == 100


def test_an_error_comes_in_its_place_and_ends_the_threads() -> None:
    def work(number: int) -> int:
        if number == 3:
            raise KeyError(number)
        return number

    found, before = [], threading.enumerate()
    with pytest.raises(KeyError):
        for each in ordered_map(work, range(1000), threads=2, ahead=4):
            found.append(each)
    assert found == [0, 1, 2]
    left = ordered_map(work, range(100), threads=2, ahead=4)
    next(left)
    left.close()
    assert set(threading.enumerate()) <= set(before)
