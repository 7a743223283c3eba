"""The colour that a PNG without alpha states as transparent, where Pillow compares it with values of other depths."""

import io
from contextlib import closing

import numpy as np
from numpy.typing import NDArray
from PIL import Image, PngImagePlugin

from ganprint.images.rgb import CLEAR, strips, to_rgb

_LOW_BYTES = "RGB;16L"
"""Pillow's way to take the second byte of each value of 16 bits; for a PNG that is the lower one."""


def keyed_to_rgb(image: Image.Image, payload: bytes, bits: int, icc: bytes) -> tuple[NDArray[np.uint8], list[str]]:
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
