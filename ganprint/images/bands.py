"""Large pictures decoded in bands of rows: Pillow holds four bytes of a pixel beside the three of the result."""

import struct
import zlib
from collections.abc import Iterable, Iterator
from contextlib import closing
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ganprint.images.formats import open_image
from ganprint.images.large import BAND_PIXELS
from ganprint.images.rgb import DARK, to_rgb

_CHANNELS = {
    2: 3,
    4: 2,
    6: 4,
}  # of a PNG's colour types; grey and palettes take a byte of a pixel as they are
_PNG = b"\x89PNG\r\n\x1a\n"


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
    return depth == 8 and colour in _CHANNELS and not interlaced


def png_bands(payload: bytes) -> Iterator[tuple[slice, Image.Image]]:
    """Yield the rows of each band of a PNG, decoded by Pillow as a PNG of its own, with the row above it.

    The rows are differences to the one above, so each band begins with the last row of the one before, without. Ends
    where the pixel data do; raises what Pillow raises.
    """
    width, height = struct.unpack_from(">II", payload, 16)
    length = width * _CHANNELS[payload[25]] + 1
    step = max(1, BAND_PIXELS // width)
    key = b"".join(_chunk(kind, bytes(body)) for kind, body in _chunks(payload) if kind == b"tRNS")
    data, above = _PixelData(payload), b""
    for top in range(0, height, step):
        rows = data.take(min(step, height - top) * length)
        count = len(rows) // length
        if not count:
            return
        header = struct.pack(">II", width, count + bool(above)) + payload[24:29]
        packed = zlib.compress(above + rows[: count * length], 0)
        band = b"".join([_PNG, _chunk(b"IHDR", header), key, _chunk(b"IDAT", packed), _chunk(b"IEND", b"")])
        image = open_image(band, "PNG")
        image.load()
        above = b"\0" + np.asarray(image.crop((0, image.height - 1, width, image.height))).tobytes()
        yield slice(top, top + count), image


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _chunks(payload: bytes) -> Iterator[tuple[bytes, memoryview]]:
    place = len(_PNG)
    while place + 12 <= len(payload):
        length = int.from_bytes(payload[place : place + 4], "big")
        yield payload[place + 4 : place + 8], memoryview(payload)[place + 8 : place + 8 + length]
        place += 12 + length


class _PixelData:
    """The pixel data of a PNG, inflated as they are taken, to where they end or are damaged."""

    def __init__(self, payload: bytes) -> None:
        self._pieces: Iterator[memoryview] = (body for kind, body in _chunks(payload) if kind == b"IDAT")
        self._unpacker: Any = zlib.decompressobj()
        self._waiting: bytes | memoryview = b""

    def take(self, count: int) -> bytes:
        """Return the next bytes, so many where there are."""
        taken: list[bytes] = []
        ended = False
        while count and not ended and not self._unpacker.eof:
            if not self._waiting:
                self._waiting = next(self._pieces, b"")
                ended = not self._waiting
            try:
                taken.append(self._unpacker.decompress(self._waiting, count))
            except zlib.error:
                self._pieces = iter(())
                self._waiting = b""
                break
            self._waiting = self._unpacker.unconsumed_tail
            count -= len(taken[-1])
        return b"".join(taken)
