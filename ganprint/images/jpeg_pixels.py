"""A JPEG's pixels without Pillow, which holds a copy of four bytes a pixel and cannot tell of damage."""

from contextlib import suppress

import numpy as np
from numpy.typing import NDArray
from PIL import Image


def decoded_jpeg(image: Image.Image, payload: bytes) -> NDArray[np.uint8] | None:
    """Decode a JPEG in RGB (H, W, 3) to what Pillow decodes it to; None where that is not possible or it is damaged.

    `image` is it, as Pillow opened it: one of other colours than YCbCr is not decoded.
    """
    from simplejpeg import decode_jpeg

    if image.mode != "RGB" or image.info.get("adobe_transform") == 0:
        return None
    # It raises at any warning of libjpeg's, of missing data, too.
    with suppress(ValueError, RuntimeError, MemoryError):
        pixels: NDArray[np.uint8] = decode_jpeg(payload, fastdct=False, fastupsample=False)
        if pixels.shape == (image.height, image.width, 3):
            return pixels
    return None
