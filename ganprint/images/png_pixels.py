"""A PNG's pixels: how much of them is there, their decoding in bands of rows, and its key colour.

Pillow holds four bytes of a pixel beside the three of the result, fills missing rows with zeros without a word, and
compares the colour that a PNG without alpha states as transparent with values of other depths.
"""

import io
import struct
import zlib
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, PngImagePlugin

from ganprint.images.formats import open_image
from ganprint.images.large import BAND_PIXELS, is_large
from ganprint.images.parts import Parts
from ganprint.images.rgb import CLEAR, bands_to_rgb, strips, to_rgb

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # of a pixel, by colour type
_BANDED = (2, 4, 6)  # colour types of several channels; grey and palettes take a byte of a pixel as they are
# Adam7: the first column and row of each pass, and the steps between (PNG, section 8.2).
_PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
_ONE_PASS = ((0, 0, 1, 1),)
_PIECE = 1 << 20
_LOW_BYTES = "RGB;16L"
"""Pillow's way to take the second byte of each value of 16 bits; for a PNG that is the lower one."""


def chunk_places(payload: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Yield the kind of each chunk, where it starts, and where it ends, which may be beyond the end of what is cut."""
    place = len(_SIGNATURE)
    while place + 12 <= len(payload):
        length = int.from_bytes(payload[place : place + 4], "big")
        yield payload[place + 4 : place + 8], place, place + 12 + length
        place += 12 + length


class PixelData:
    """The pixel data of a PNG, inflated as they are taken, to where they end or are damaged."""

    def __init__(self, payload: bytes) -> None:
        self._pieces: Iterator[memoryview] = (
            memoryview(payload)[start + 8 : stop - 4] for kind, start, stop in chunk_places(payload) if kind == b"IDAT"
        )
        self._unpacker: Any = zlib.decompressobj()
        self._waiting: bytes | memoryview = b""

    def take(self, count: int) -> bytes:
        """Return the next bytes, so many where there are."""
        taken: list[bytes] = []
        while count and not self._unpacker.eof:
            piece = self._waiting or next(self._pieces, b"")
            try:
                taken.append(self._unpacker.decompress(piece, count))
            except zlib.error:
                self._pieces, self._waiting = iter(()), b""
                break
            self._waiting = self._unpacker.unconsumed_tail
            count -= len(taken[-1])
            if not piece:
                break
        return b"".join(taken)


def png_to_rgb(image: Image.Image, parts: Parts) -> tuple[NDArray[np.uint8], list[str]]:
    """Turn a PNG that Pillow has opened into RGB as `to_rgb` does, its key colour laid over white.

    If some of it is missing, `parts.damage` says so, and the pixels are of no use. Raises what Pillow raises.
    """
    depth, colour, _, _, interlaced = parts.payload[24:29]
    if is_large(image.size) and depth == 8 and colour in _BANDED and not interlaced:
        return bands_to_rgb(_bands(parts), image.size, parts.bits, parts.icc)
    try:
        image.load()
        parts.damage = _missing(parts.payload, image)
    except (OSError, SyntaxError, EOFError):
        parts.damage = _missing(parts.payload, None)
        if not parts.damage:
            raise
    if parts.damage:
        return np.empty((0, 0, 3), np.uint8), []
    return _keyed_to_rgb(image, parts.payload, parts.bits, parts.icc)


def _missing(payload: bytes, image: Image.Image | None) -> str:
    """Say what of a PNG is missing, empty where nothing is; `image` is what Pillow decoded of it, if it did."""
    width, height, depth, colour, _, _, interlaced = struct.unpack_from(">IIBBBBB", payload, 16)
    if image is not None and not interlaced and np.asarray(image.crop((0, height - 1, width, height))).any():
        return ""  # missing rows come out as zeros, so the last row was there
    bits = depth * _CHANNELS.get(colour, 1)
    wanted = row_bytes = there = 0
    for left, top, across, down in _PASSES if interlaced else _ONE_PASS:
        columns, rows = -(-max(width - left, 0) // across), -(-max(height - top, 0) // down)
        row_bytes = (columns * bits + 7) // 8 + 1 if columns else 0
        wanted += rows * row_bytes
    data = PixelData(payload)
    while there < wanted and (piece := data.take(_PIECE)):
        there += len(piece)
    if there >= wanted:
        return ""
    if interlaced:
        return f"{100 * there // max(wanted, 1)} % of its pixel data are there"
    return f"{there // max(row_bytes, 1)} of its {height} rows are there"


def _bands(parts: Parts) -> Iterator[tuple[slice, Image.Image]]:
    """Yield the rows of each band of a PNG, decoded by Pillow as a PNG of its own, with the row above it.

    The rows are differences to the one above, so each band begins with the last row of the one before, without. Ends
    where the pixel data do, and says in `damage` where that is too early; raises what Pillow raises.
    """
    payload = parts.payload
    width, height = struct.unpack_from(">II", payload, 16)
    length = width * _CHANNELS[payload[25]] + 1
    step = max(1, BAND_PIXELS // width)
    found = ((kind, payload[start + 8 : stop - 4]) for kind, start, stop in chunk_places(payload))
    key = b"".join(_chunk(kind, body) for kind, body in found if kind == b"tRNS")
    data, above = PixelData(payload), b""
    for top in range(0, height, step):
        wanted = min(step, height - top)
        rows = data.take(wanted * length)
        count = len(rows) // length
        if count < wanted:
            parts.damage = f"{top + count} of its {height} rows are there"
            return
        header = struct.pack(">II", width, count + bool(above)) + payload[24:29]
        packed = zlib.compress(above + rows, 0)
        band = b"".join([_SIGNATURE, _chunk(b"IHDR", header), key, _chunk(b"IDAT", packed), _chunk(b"IEND", b"")])
        image = open_image(band, "PNG")
        image.load()
        above = b"\0" + np.asarray(image.crop((0, image.height - 1, width, image.height))).tobytes()
        yield slice(top, top + count), image


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _keyed_to_rgb(image: Image.Image, payload: bytes, bits: int, icc: bytes) -> tuple[NDArray[np.uint8], list[str]]:
    """Turn a loaded PNG of a depth into RGB as `to_rgb` does, its key colour laid over white.

    A PNG in colour of 16 bits is decoded once more, since Pillow keeps only the higher byte of each value.
    """
    key = image.info.get("transparency")
    if bits < 8 and image.mode in ("1", "L") and isinstance(key, int):
        # Pillow widens the values to 8 bits and leaves the key as it was.
        most = (1 << bits) - 1
        image.info["transparency"] = (key & most) * 255 // most
    if bits < 16 or image.mode != "RGB" or not isinstance(key, tuple):
        return to_rgb(image, bits, icc)
    del image.info["transparency"]
    pixels, notes = to_rgb(image, bits, icc)
    key_high, key_low = divmod(np.array(key), 256)
    image.close()  # or it would hold as much again as the lower bytes do
    keyed = False
    with closing(PngImagePlugin.PngImageFile(io.BytesIO(payload))) as low:
        low.tile = [tile._replace(args=_LOW_BYTES) for tile in low.tile]
        low.load()
        for rows, strip in strips(low):
            found = (pixels[rows] == key_high).all(2) & (np.asarray(strip) == key_low).all(2)
            pixels[rows][found] = 255
            keyed |= bool(found.any())
    return pixels, [*notes, CLEAR] if keyed else notes
