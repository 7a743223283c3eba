"""Large images: threads hold one at a time."""

import io
import threading

import numpy as np
import pytest
from PIL import Image

from ganprint.images.large import large_in_turn
from ganprint.images.read import read_image


def jpeg(**options: object) -> bytes:
    noise = np.random.default_rng(0).integers(0, 60, (45, 67, 3))
    picture = (np.add.outer(np.arange(45), np.arange(67))[..., None] * (1, 2, 1) + noise) % 256
    file = io.BytesIO()
    Image.fromarray(picture.astype(np.uint8)).save(file, "JPEG", **options)
    return file.getvalue()


def test_large_images_are_held_by_one_thread_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ganprint.images.large.LARGE", 0)
    data, done = jpeg(), threading.Event()

    def read() -> None:
        with large_in_turn():
            read_image(data)
            done.set()

    with large_in_turn():
        read_image(data)
        read_image(data)  # the thread whose turn it is does not wait
        other = threading.Thread(target=read)
        other.start()
        assert not done.wait(0.2)
    other.join(20)
    assert done.is_set()
    read_image(data)
