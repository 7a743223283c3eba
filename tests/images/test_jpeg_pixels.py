"""JPEGs are read to the pixels and refused with the sentences of Pillow, by whichever decoder."""

import io
from pathlib import Path

import numpy as np
import pytest
import simplejpeg
from PIL import Image

from ganprint.errors import ImageError
from ganprint.images import read, read_image
from ganprint.images.formats import open_image
from ganprint.images.jpeg_pixels import decoded_jpeg

from ..conftest import encoded

NOISE = np.random.default_rng(0).integers(0, 60, (45, 67, 3))
PIXELS = ((np.add.outer(np.arange(45), np.arange(67))[..., None] * (1, 2, 1) + NOISE) % 256).astype(np.uint8)


def by_pillow(folder: Path, **options: object) -> bytes:
    # Not to memory: the encoder's buffer is too small for some of these then.
    Image.fromarray(PIXELS).save(folder / "a.jpg", "JPEG", **options)
    return (folder / "a.jpg").read_bytes()


@pytest.mark.parametrize(
    "options",
    [
        *({"subsampling": kind, "progressive": False} for kind in ("4:4:4", "4:2:2", "4:2:0")),
        {"subsampling": "4:2:0", "progressive": True},
        {"restart_marker_rows": 1},
        {"colorsubsampling": "440"},
        {"colorsubsampling": "411"},
    ],
    ids=str,
)
def test_pixels_are_those_of_pillow(options: dict[str, object], tmp_path: Path) -> None:
    by_turbo = "colorsubsampling" in options
    data = simplejpeg.encode_jpeg(PIXELS, **options) if by_turbo else by_pillow(tmp_path, **options)
    image = Image.open(io.BytesIO(data))
    found = decoded_jpeg(image, data)
    assert found is not None and np.array_equal(found, np.array(image))
    assert np.array_equal(read_image(data).pixels, found)


@pytest.mark.parametrize(("pixels", "options"), [(PIXELS, {"keep_rgb": True}), (PIXELS[..., 0], {})], ids=["rgb", "l"])
def test_other_colours_are_left_to_pillow(pixels: np.ndarray, options: dict[str, object]) -> None:
    data = encoded(pixels, "JPEG", **options)
    image = Image.open(io.BytesIO(data))
    assert decoded_jpeg(image, data) is None
    assert np.array_equal(read_image(data).pixels, np.array(image.convert("RGB")))


DAMAGES = {
    "cut": lambda data, middle: data[:middle],
    "cut and ended": lambda data, middle: data[:middle] + b"\xff\xd9",
    "zeros": lambda data, middle: data[:middle] + bytes(40) + data[middle + 40 :],
    "bytes before a marker": lambda data, middle: data[:-2] + bytes(20) + data[-2:],
    "bytes behind": lambda data, middle: data + bytes(20),
}


@pytest.mark.parametrize("how", DAMAGES)
def test_what_is_damaged_is_read_or_refused_as_by_pillow(
    how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = by_pillow(tmp_path)
    data = DAMAGES[how](whole, len(whole) // 2)

    def outcome() -> str:
        try:
            return read_image(data).pixels.tobytes().hex()
        except ImageError as error:
            return str(error)

    found = outcome()
    monkeypatch.setattr(read, "decoded_jpeg", lambda image, payload: None)
    assert found == outcome()


def test_memory_of_a_picture_is_given_back_before_another_decoder_takes_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    opened: list[Image.Image] = []

    def look(payload: bytes, pixels: np.ndarray) -> str:
        with pytest.raises(ValueError, match="closed"):
            opened[0].getpixel((0, 0))
        return ""

    monkeypatch.setattr(read, "open_image", lambda *given: opened.append(open_image(*given)) or opened[0])
    monkeypatch.setattr(read, "missing_of_jpeg", look)
    read_image(encoded(PIXELS[..., 0], "JPEG"))
    assert opened
