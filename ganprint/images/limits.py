"""Limits on what a file may announce, checked before a decoder spends memory or time."""

from ganprint.errors import DecompressionBombError, ImageTooSmallError
from ganprint.images.parts import Parts
from ganprint.plain_text import printable

DEFAULT_MAX_PIXELS = 120_000_000
"""The most pixels an image may have unless told otherwise: a 108 megapixel phone photograph fits."""

MAX_FILE_BYTES = 256 * 1024 * 1024
"""The most bytes a file may have: the uncompressed TIFF of a 60 megapixel camera fits."""

# Reading a pixel takes some 16 bytes with libwebp and 10 with libavif, which keep copies of the canvas, and at most 8
# with the others, but for a progressive JPEG in CMYK (15): with half the pixels for those two, the rest stay below a
# gigabyte.
_PIXELS_ALLOWED = {"WEBP": 0.5, "AVIF": 0.5, "HEIC": 0.5}

# A decoder goes over all blocks in each scan; jpegtran writes ten, and the most thorough scripts some sixty.
_MOST_SCANS = 100
_MOST_SCANNED_PIXELS = 4_000_000_000
# Pillow decodes run lengths in Python, a pixel or a pair of bytes at a time.
_MOST_RUN_LENGTHS = 10_000_000
_MAX_GIF_BYTES = 64 * 1024 * 1024

_UNTRUSTED = "It seems made to exhaust a reader; if you trust it, save the image as PNG without resizing."


def check_parts(parts: Parts, found: str, name: str, max_pixels: int) -> None:
    """Raise DecompressionBombError where opening or decoding the file would cost too much.

    `parts` are those of the file, `found` its format as `sniff` gives it. The size is checked here of formats whose
    decoders take memory for all of the picture on opening, that of the others after it.
    """
    width, height = parts.size
    excess = parts.excess
    if found == "JPEG" and (parts.scans > _MOST_SCANS or parts.scans * width * height > _MOST_SCANNED_PIXELS):
        excess = f"{parts.scans:,} scans of {width} x {height} pixels"
    elif found == "GIF" and len(parts.payload) > _MAX_GIF_BYTES:
        excess = f"more than {_MAX_GIF_BYTES // 2**20} MiB of GIF frames"
    elif parts.run_lengths > _MOST_RUN_LENGTHS:
        excess = f"more than {_MOST_RUN_LENGTHS:,} pixels or bytes of run lengths"
    if excess:
        raise DecompressionBombError(f"{printable(name)} holds {excess}, which is not read.", _UNTRUSTED)
    check_pixels(parts.size, found, name, max_pixels)


def check_pixels(size: tuple[int, int], found: str, name: str, max_pixels: int) -> None:
    """Raise DecompressionBombError where width x height is above what is allowed for the format."""
    width, height = size
    allowed = int(max_pixels * _PIXELS_ALLOWED.get(found, 1))
    if width * height > allowed:
        raise DecompressionBombError(
            f"{printable(name)} announces {width} x {height} pixels; of a {found} at most {allowed:,} are read.",
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
