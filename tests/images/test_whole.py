"""A picture that is not all in its file is refused with how much of it is there; one that is, is read."""

import zlib

import numpy as np
import pytest
from PIL import Image

from ganprint.errors import TruncatedImageError
from ganprint.images import read_image

from ..conftest import chunk, encoded, noise, png_file

HEIGHT, WIDTH = 96, 64


def jpeg(mode: str = "RGB", **options: object) -> bytes:
    shape = (HEIGHT, WIDTH, len(mode)) if len(mode) > 1 else (HEIGHT, WIDTH)
    return encoded(Image.fromarray(noise(*shape), mode), "JPEG", quality=90, **options)


def cut(data: bytes, share: float) -> bytes:
    """Cut a JPEG and put the marker of the end behind it."""
    return data[: int(len(data) * share)] + b"\xff\xd9"


def png(rows: int, bits: int = 8, colour: int = 2) -> bytes:
    """Write a PNG of 96 rows, of which so many are there."""
    channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour]
    line = b"\0" + noise(WIDTH * channels * bits // 8).tobytes()
    palette = [chunk(b"PLTE", bytes(768))] if colour == 3 else []
    return png_file((WIDTH, HEIGHT), zlib.compress(line * rows), *palette, bits=bits, colour=colour)


def interlaced(share: float) -> bytes:
    """Write an interlaced grey PNG of which a share of the data is there."""
    passes = (*((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4)), *((0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)))
    picture = noise(HEIGHT, WIDTH)
    rows = [b"\0" + row.tobytes() for left, top, across, down in passes for row in picture[top::down, left::across]]
    whole = b"".join(rows)
    packed = zlib.compress(whole[: int(len(whole) * share)])
    return png_file((WIDTH, HEIGHT), packed, colour=0, interlaced=1)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (cut(jpeg(), 0.5), r"damaged JPEG: about \d+ of its 96 rows are there"),
        (cut(jpeg("L"), 0.5), r"damaged JPEG: about \d+ of its 96 rows are there"),
        (cut(jpeg("CMYK"), 0.5), "damaged JPEG: "),
        (cut(jpeg(progressive=True), 0.5), "damaged JPEG: "),
        (cut(jpeg(restart_marker_rows=1), 0.5), "damaged JPEG: "),
        (jpeg()[:3000], r"damaged JPEG: about \d+ of its 96 rows are there"),
        (jpeg()[:3000] + bytes(5000), "damaged JPEG: it ends in zeros"),
        (png(24), "damaged PNG: 24 of its 96 rows are there"),
        (png(24, 16), "damaged PNG: 24 of its 96 rows are there"),
        (png(24, 8, 6), "damaged PNG: 24 of its 96 rows are there"),
        (png(95, 8, 3), "damaged PNG: 95 of its 96 rows are there"),
        (png(24, 1, 0), "damaged PNG: 24 of its 96 rows are there"),
        (interlaced(0.5), r"damaged PNG: 50 % of its pixel data are there"),
        (encoded(noise(HEIGHT, WIDTH, 3))[:9000], r"damaged PNG: 4\d of its 96 rows are there"),
    ],
    ids=[
        "jpeg", "grey jpeg", "cmyk jpeg", "progressive jpeg", "jpeg with restarts", "jpeg without an end",
        "jpeg filled with zeros", "png", "16-bit png", "rgba png",
        "palette png", "1-bit png", "interlaced png", "cut png",
    ],
)  # fmt: skip
def test_missing_rows_are_refused_with_how_much_is_there(data: bytes, says: str) -> None:
    with pytest.raises(TruncatedImageError, match=says):
        read_image(data)


@pytest.mark.parametrize(
    "data",
    [
        *(jpeg(), jpeg("L"), jpeg("CMYK"), jpeg(progressive=True), jpeg(restart_marker_rows=1)),
        *(jpeg() + b"a trailer", jpeg()[:-2] + bytes(40) + b"\xff\xd9"),
        *(png(96), png(96, 16), png(96, 8, 3), png(96, 1, 0), interlaced(1)),
        encoded(Image.new("RGB", (WIDTH, HEIGHT))),
    ],
)
def test_what_is_whole_is_read(data: bytes) -> None:
    assert read_image(data).pixels.shape == (HEIGHT, WIDTH, 3)


def test_a_jpeg_that_lacks_only_its_end_is_read_with_a_note() -> None:
    image = read_image(jpeg()[:-2])
    assert np.array_equal(image.pixels, read_image(jpeg()).pixels)
    assert image.notes == ("The marker of its end is missing; its pixels are all there.",)
