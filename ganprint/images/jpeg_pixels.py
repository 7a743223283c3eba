"""A JPEG's pixels without Pillow, which holds a copy of four bytes a pixel and fills what is missing with grey."""

import re
from contextlib import suppress

import numpy as np
import simplejpeg
from numpy.typing import NDArray
from PIL import Image

_DAMAGE = re.compile(r"premature end|bad Huffman|Corrupt JPEG data: (?!\d+ extraneous)", re.IGNORECASE)


def decoded_jpeg(image: Image.Image, payload: bytes) -> NDArray[np.uint8] | None:
    """Decode a JPEG in RGB (H, W, 3) to what Pillow decodes it to; None where that is not possible or it is damaged.

    `image` is it, as Pillow opened it: one of other colours than YCbCr is not decoded.
    """
    if image.mode != "RGB" or image.info.get("adobe_transform") == 0:
        return None
    # It raises at any warning of libjpeg's, of missing data, too.
    with suppress(ValueError, RuntimeError, MemoryError):
        pixels: NDArray[np.uint8] = simplejpeg.decode_jpeg(payload, fastdct=False, fastupsample=False)
        if pixels.shape == (image.height, image.width, 3):
            return pixels
    return None


def missing_of_jpeg(payload: bytes, pixels: NDArray[np.uint8]) -> str:
    """Say what of a JPEG is missing, empty where nothing is; `pixels` are what Pillow decoded of it, (H, W, 3)."""
    try:
        inks = simplejpeg.decode_jpeg_header(payload)[2] in ("CMYK", "YCCK")
        # Decoded to an eighth, which costs little beside the full size, by a decoder that tells of damage.
        simplejpeg.decode_jpeg(payload, "CMYK" if inks else "GRAY", min_height=1, min_width=1, min_factor=8)
    except ValueError as error:
        # Others are of a kind that this decoder does not know, or a flaw that costs no pixel.
        if _DAMAGE.search(str(error)):
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
