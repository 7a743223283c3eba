"""How much a file may announce, checked before a decoder spends memory or time on it."""

import struct

from ganprint.errors import DecompressionBombError, ImageTooSmallError
from ganprint.images.formats import printable

DEFAULT_MAX_PIXELS = 120_000_000
"""The most pixels an image may have unless told otherwise: a 108 megapixel phone photograph fits."""

MAX_FILE_BYTES = 256 * 1024 * 1024
"""The most bytes a file may have: the uncompressed TIFF of a 60 megapixel camera fits."""

MAX_EXIF_BYTES = 4 * 1024 * 1024
"""The most EXIF data that is parsed; cameras write some 64 KiB."""

# Reading a pixel takes some 16 bytes with libwebp and 10 with libavif, which keep copies of the canvas, and
# at most 8 with the others: with half the pixels for those two, all stay below a gigabyte.
_PIXELS_ALLOWED = {"WEBP": 0.5, "AVIF": 0.5}

# Pillow walks through these with some Python for each, so their number is time and memory.
_MAX_PNG_CHUNKS = 100_000
_MAX_EXIF_SEGMENTS = 64
_MAX_TIFF_VALUES = 1_000_000
_TIFF_NUMBER_BYTES = {3: 2, 4: 4, 5: 8, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_MAX_GIF_BYTES = 64 * 1024 * 1024

_UNTRUSTED = (
    "It seems made to exhaust a reader; if you trust it, save the image anew as PNG without resizing."
)


def check_structure(data: bytes, found: str, name: str, max_pixels: int) -> None:
    """Raise DecompressionBombError where opening the file alone would cost too much.

    `found` is the format as `sniff` gives it. A WebP's size is checked here, since its decoder takes memory
    for the whole canvas on opening; that of the others after it.
    """
    excess = None
    if found == "WEBP":
        check_pixels(_webp_canvas(data), found, name, max_pixels)
    elif found == "PNG" and _png_chunks(data) > _MAX_PNG_CHUNKS:
        excess = f"more than {_MAX_PNG_CHUNKS:,} chunks"
    elif found == "JPEG" and data.count(b"Exif\0\0") > _MAX_EXIF_SEGMENTS:
        excess = f"more than {_MAX_EXIF_SEGMENTS} EXIF segments"
    elif found == "TIFF" and _tiff_values(data) > _MAX_TIFF_VALUES:
        excess = f"more than {_MAX_TIFF_VALUES:,} values in its tags"
    elif found == "GIF" and len(data) > _MAX_GIF_BYTES:
        excess = f"more than {_MAX_GIF_BYTES // 2**20} MiB of GIF frames"
    if excess:
        raise DecompressionBombError(f"{printable(name)} holds {excess}, which is not read.", _UNTRUSTED)


def check_pixels(size: tuple[int, int], found: str, name: str, max_pixels: int) -> None:
    """Raise DecompressionBombError where width x height is above what is allowed for the format."""
    width, height = size
    allowed = int(max_pixels * _PIXELS_ALLOWED.get(found, 1))
    if width * height > allowed:
        raise DecompressionBombError(
            f"{printable(name)} announces {width} x {height} pixels, above the {allowed:,} read of {found}.",
            "If you trust the file, raise the limit (--max-pixels).",
        )


def check_sides(size: tuple[int, int], name: str, min_side: int) -> None:
    """Raise ImageTooSmallError where a side is shorter than `min_side` pixels."""
    width, height = size
    if min(width, height) < min_side:
        raise ImageTooSmallError(
            f"{printable(name)} is {width} x {height} pixels; each side must have at least {min_side}.",
            "Use the original image, not a thumbnail or an enlargement of one.",
        )


def _webp_canvas(data: bytes) -> tuple[int, int]:
    """Return a WebP canvas's width and height from the header (RFC 9649, sections 2.5 to 2.7), else zeros."""
    kind = data[12:16]
    if kind == b"VP8X":
        return int.from_bytes(data[24:27], "little") + 1, int.from_bytes(data[27:30], "little") + 1
    if kind == b"VP8 ":
        width, height = int.from_bytes(data[26:28], "little"), int.from_bytes(data[28:30], "little")
        return width & 0x3FFF, height & 0x3FFF
    if kind == b"VP8L":
        bits = int.from_bytes(data[21:25], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    return 0, 0


def _png_chunks(data: bytes) -> int:
    """Count a PNG's chunks, to one above the limit at most."""
    place, count = 8, 0
    while place < len(data) and count <= _MAX_PNG_CHUNKS:
        place += 12 + int.from_bytes(data[place : place + 4], "big")
        count += 1
    return count


def _tiff_values(data: bytes) -> int:
    """Count the numbers in the tags of a TIFF's first directory; each becomes a Python object when read."""
    order = "<" if data[:2] == b"II" else ">"
    # BigTIFF has version 43 and wider fields.
    if 43 in data[2:4]:
        start, head, entry = order + "8xQ", order + "Q", order + "HHQQ"
    else:
        start, head, entry = order + "4xI", order + "H", order + "HHII"
    try:
        (offset,) = struct.unpack_from(start, data)
        (entries,) = struct.unpack_from(head, data, offset)
        offset += struct.calcsize(head)
        size = struct.calcsize(entry)
        directory = data[offset : offset + min(entries, 65535) * size]
        fields = struct.iter_unpack(entry, directory[: len(directory) // size * size])
        # A tag that reaches past the end of the file is damage, which the decoder will say.
        sizes = ((count, _TIFF_NUMBER_BYTES.get(kind, len(data) + 1)) for _, kind, count, _ in fields)
        return sum(count for count, size in sizes if count * size <= len(data))
    except (struct.error, OverflowError):
        return 0  # likewise
