"""Large pictures decoded in bands of rows: Pillow holds four bytes of a pixel beside the three of the result."""

import struct
import zlib
from collections.abc import Iterable, Iterator
from contextlib import closing

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ganprint.images.formats import open_image
from ganprint.images.large import BAND_PIXELS
from ganprint.images.png_data import CHANNELS, SIGNATURE, PixelData, chunk_places
from ganprint.images.rgb import DARK, to_rgb

_COLOUR_TYPES = (2, 4, 6)  # with several channels; grey and palettes take a byte of a pixel as they are


def bands_to_rgb(
    bands: Iterable[tuple[slice, Image.Image]], size: tuple[int, int], bits: int, icc: bytes
) -> tuple[NDArray[np.uint8], list[str]]:
    """Turn a picture whose bands are given with the rows that each is, as `to_rgb` does."""
    width, height = size
    pixels = np.empty((height, width, 3), np.uint8)
    notes: dict[str, None] = {}
    for rows, band in bands:
        with closing(band):
            band.load()
            # A band of a PNG has the row above it, too.
            converted, said = to_rgb(band, bits, icc)
            pixels[rows] = converted[rows.start - rows.stop :]
        notes |= dict.fromkeys(said)
    if DARK in notes and pixels.max() >= 64:
        del notes[DARK]
    return pixels, [*notes]


def has_png_bands(payload: bytes) -> bool:
    """Return whether `png_bands` is for a PNG: of 8 bits, in colour or with alpha, its rows in order."""
    depth, colour, _, _, interlaced = payload[24:29]
    return depth == 8 and colour in _COLOUR_TYPES and not interlaced


def png_bands(payload: bytes) -> Iterator[tuple[slice, Image.Image]]:
    """Yield the rows of each band of a PNG, decoded by Pillow as a PNG of its own, with the row above it.

    The rows are differences to the one above, so each band begins with the last row of the one before, without. Ends
    where the pixel data do; raises what Pillow raises.
    """
    width, height = struct.unpack_from(">II", payload, 16)
    length = width * CHANNELS[payload[25]] + 1
    step = max(1, BAND_PIXELS // width)
    found = ((kind, payload[start + 8 : stop - 4]) for kind, start, stop in chunk_places(payload))
    key = b"".join(_chunk(kind, body) for kind, body in found if kind == b"tRNS")
    data, above = PixelData(payload), b""
    for top in range(0, height, step):
        rows = data.take(min(step, height - top) * length)
        count = len(rows) // length
        if not count:
            return
        header = struct.pack(">II", width, count + bool(above)) + payload[24:29]
        packed = zlib.compress(above + rows[: count * length], 0)
        band = b"".join([SIGNATURE, _chunk(b"IHDR", header), key, _chunk(b"IDAT", packed), _chunk(b"IEND", b"")])
        image = open_image(band, "PNG")
        image.load()
        above = b"\0" + np.asarray(image.crop((0, image.height - 1, width, image.height))).tobytes()
        yield slice(top, top + count), image


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
