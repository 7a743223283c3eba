"""Whether all of a picture is in its file: decoders fill what is missing with grey or black without a word."""

import re
import struct

import numpy as np
import simplejpeg
from numpy.typing import NDArray
from PIL import Image

from ganprint.images.png_data import CHANNELS, PixelData

_DAMAGE = re.compile(r"premature end|bad Huffman|Corrupt JPEG data: (?!\d+ extraneous)", re.IGNORECASE)
# Adam7: the first column and row of each pass, and the steps between (PNG, section 8.2).
_PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
_ONE_PASS = ((0, 0, 1, 1),)
_PIECE = 1 << 20


def missing_of_jpeg(payload: bytes, pixels: NDArray[np.uint8]) -> str:
    """Say what of a JPEG is missing, empty where nothing is; `pixels` are what Pillow decoded of it, (H, W, 3)."""
    try:
        inks = simplejpeg.decode_jpeg_header(payload)[2] in ("CMYK", "YCCK")
        # Decoded to an eighth, which costs little beside the full size, by a decoder that tells of damage.
        simplejpeg.decode_jpeg(payload, "CMYK" if inks else "GRAY", min_height=1, min_width=1, min_factor=8)
    except ValueError as error:
        if not _DAMAGE.search(str(error)):
            return ""  # of a kind that this decoder does not know, or a flaw that costs no pixel
        return _grey_rows(pixels)
    return ""


def _grey_rows(pixels: NDArray[np.uint8]) -> str:
    """Say how many rows stand above those that a decoder leaves in the grey of no data."""
    height = len(pixels)
    there = height
    while there and (pixels[there - 1] == 128).all():
        there -= 1
    if there == height:
        return "its data end early or are damaged, in the lower rows or in the detail"
    return f"about {there // 8 * 8} of its {height} rows are there"


def missing_of_png(payload: bytes, image: Image.Image | None) -> str:
    """Say what of a PNG is missing, empty where nothing is; `image` is what Pillow decoded of it, if it did.

    `payload` begins with the header and holds the chunks of pixel data among others.
    """
    width, height, depth, colour, _, _, interlaced = struct.unpack_from(">IIBBBBB", payload, 16)
    if image is not None and not interlaced and np.asarray(image.crop((0, height - 1, width, height))).any():
        return ""  # missing rows come out as zeros, so the last row was there
    bits = depth * CHANNELS.get(colour, 1)
    sizes = [
        (-(-max(width - left, 0) // across) * bits + 7) // 8 + 1 if width > left else 0
        for left, _, across, _ in (_PASSES if interlaced else _ONE_PASS)
    ]
    rows = [-(-max(height - top, 0) // down) for _, top, _, down in (_PASSES if interlaced else _ONE_PASS)]
    wanted = sum(size * count for size, count in zip(sizes, rows, strict=True))
    data, there = PixelData(payload), 0
    while there < wanted and (piece := data.take(_PIECE)):
        there += len(piece)
    if there >= wanted:
        return ""
    if interlaced:
        return f"{100 * there // max(wanted, 1)} % of its pixel data are there"
    return f"{there // max(sizes[0], 1)} of its {height} rows are there"
