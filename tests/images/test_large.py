"""Large images: threads hold one at a time."""

import threading
from pathlib import Path

import pytest

from ganprint.images.large import large_in_turn
from ganprint.images.read import read_image

IMAGE = Path(__file__).parents[2] / "examples" / "chelsea.png"


def test_large_images_are_held_by_one_thread_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ganprint.images.large.LARGE", 0)
    done = threading.Event()

    def read() -> None:
        with large_in_turn():
            read_image(IMAGE)
            done.set()

    with large_in_turn():
        read_image(IMAGE)
        read_image(IMAGE)  # the thread whose turn it is does not wait
        other = threading.Thread(target=read)
        other.start()
        assert not done.wait(0.2)
    other.join(20)
    assert done.is_set()
    read_image(IMAGE)
