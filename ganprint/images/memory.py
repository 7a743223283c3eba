"""Images in memory (Pillow images and arrays) as ImageFile."""

import hashlib
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image

from ganprint.errors import ImageError, TruncatedImageError, UsageError
from ganprint.images.content import BLOCK
from ganprint.images.limits import DEFAULT_MAX_PIXELS, check_pixels, check_sides
from ganprint.images.read import ImageFile
from ganprint.images.rgb import to_rgb, upright
from ganprint.plain_text import printable

_LOADING = Lock()
FORMAT = "pixels"
"""What `ImageFile.format` is of an image that was not read from a file."""


def from_memory(
    image: Image.Image | NDArray[Any], name: str, *, max_pixels: int = DEFAULT_MAX_PIXELS, min_side: int = 32
) -> ImageFile:
    """Return a Pillow image of any mode, or a uint8 array (H, W, 3) of RGB, as an ImageFile.

    `sha256` is of the pixels (H, W, 3), row by row, as there is no file. Raises UsageError for other arrays, ImageError
    for images that are too large or small, or that Pillow cannot decode.
    """
    if isinstance(image, Image.Image):
        size = image.size
    elif image.dtype == np.uint8 and image.ndim == 3 and image.shape[2] == 3:
        size = (image.shape[1], image.shape[0])
    else:
        raise UsageError(
            f"{printable(name)} is an array of {image.dtype}, {image.shape}; uint8 (H, W, 3) is needed.",
            "Give RGB from 0 to 255; Image.fromarray(...) takes grey and alpha.",
        )
    check_pixels(size, FORMAT, name, max_pixels)
    check_sides(size, name, min_side)
    if isinstance(image, Image.Image):
        pixels, notes = _decoded(image, name)
    else:
        pixels, notes = np.ascontiguousarray(image), []
    height, width = pixels.shape[:2]
    digest = hashlib.sha256(pixels.data).hexdigest()
    return ImageFile(pixels, name, width, height, FORMAT, digest, tuple(notes))


def _decoded(image: Image.Image, name: str) -> tuple[NDArray[np.uint8], list[str]]:
    try:
        # Two threads may have the same image, whose file is read only now.
        with _LOADING:
            image.load()
        orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
        icc = image.info.get("icc_profile") or b""
        pixels, notes = to_rgb(image, 16 if image.mode.startswith("I") else 8, icc)
    except ImageError:
        raise
    except Exception as error:
        # As in `read`: Pillow raises almost any type on bytes that are damaged, and those may not be decoded yet.
        raise TruncatedImageError(
            f"{printable(name)} cannot be decoded by Pillow: {error}.", "Convert it to RGB first."
        ) from error
    turned, cut = upright(pixels, orientation, BLOCK if image.format == "JPEG" else 1)
    return turned, [*notes, *cut]
