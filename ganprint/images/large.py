"""Large images, of which threads and processes hold one at a time and no copies that can be spared."""

import ctypes
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from multiprocessing.synchronize import Lock

LARGE = 1 << 25
"""Pixels above which an image is large: Pillow holds four bytes of each beside the three of the result."""

BAND_PIXELS = 1 << 20
"""Pixels of a band of rows that is decoded or converted at once, or so."""

_TURN: "threading.Lock | Lock" = threading.Lock()
_THREAD = threading.local()


def is_large(size: tuple[int, int]) -> bool:
    """Return whether an image of a width and height is large."""
    return size[0] * size[1] > LARGE


@contextmanager
def large_in_turn() -> Iterator[None]:
    """Let no other thread in such a block read a large image from when this one begins to until the block ends."""
    _THREAD.waits = True
    try:
        yield
    finally:
        _THREAD.waits = False
        if getattr(_THREAD, "has_turn", False):
            _THREAD.has_turn = False
            give_memory_back()
            _TURN.release()


def take_turns_by(turn: "Lock") -> None:
    """Have the threads of this process take turns with those of all others that share a lock."""
    global _TURN
    _TURN = turn


def await_turn(size: tuple[int, int]) -> None:
    """Wait, inside `large_in_turn`, where an image of this size (width, height) is large."""
    waits = getattr(_THREAD, "waits", False) and not getattr(_THREAD, "has_turn", False)
    if waits and is_large(size):
        _TURN.acquire()
        _THREAD.has_turn = True


def give_memory_back() -> None:
    """Give what was freed back to the system: glibc keeps the blocks of 16 MB that Pillow holds pixels in."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
