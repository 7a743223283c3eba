"""Open one image file and collect what `check` compares: hashes, format, JPEG quality and size."""

import hashlib
from typing import NamedTuple

import numpy as np
from PIL import Image

from ganprint.errors import ImageError
from ganprint.images import read_image
from ganprint.images.quiet import quiet_decoders


class FileFacts(NamedTuple):
    """What one file is; `error` is its stable code and empty where it could be read.

    `content` and `pixels` are SHA-256 digests, of the bytes and of the decoded pixels with their shape.
    `quality` estimates the JPEG quality 1 to 100, and is 0 for other formats.
    """

    error: str = ""
    message: str = ""
    content: bytes = bytes(32)
    pixels: bytes = bytes(32)
    format: str = ""
    quality: int = 0
    width: int = 0
    height: int = 0


def inspect_file(path: str) -> FileFacts:
    """Read a file as training would and return its facts, an error among them instead of raised."""
    try:
        image = read_image(path)
    except ImageError as error:
        return FileFacts(error=error.code, message=error.message)
    digest = hashlib.sha256(repr(image.pixels.shape).encode())
    digest.update(np.ascontiguousarray(image.pixels).data)
    return FileFacts(
        content=bytes.fromhex(image.sha256),
        pixels=digest.digest(),
        format=image.format,
        quality=_quality_of(path) if image.format == "JPEG" else 0,
        width=image.width,
        height=image.height,
    )


def jpeg_quality(table: list[int]) -> int:
    """Estimate the quality 1 to 100 under which libjpeg would write a luminance quantisation table.

    `table` holds its 64 divisors in any order; only their sum is compared, so that an encoder with tables
    of its own gets the quality of the libjpeg table of the same mean coarseness.
    """
    return int(np.abs(_table_sums() - sum(table)).argmin()) + 1


def _quality_of(path: str) -> int:
    with quiet_decoders(), Image.open(path) as image:
        tables: dict[int, list[int]] = getattr(image, "quantization", {})
    return jpeg_quality(list(tables[min(tables)])) if tables else 0


# ITU-T T.81 (JPEG), table K.1: the luminance divisors that libjpeg scales by quality.
_LUMINANCE = (
    "16 11 10 16 24 40 51 61 12 12 14 19 26 58 60 55 14 13 16 24 40 57 69 56 14 17 22 29 51 87 80 62 "
    "18 22 37 56 68 109 103 77 24 35 55 64 81 104 113 92 49 64 78 87 103 121 120 101 72 92 95 98 "
    "112 100 103 99"
)


def _table_sums() -> np.ndarray:
    """Return the sum of the table at qualities 1 to 100, by libjpeg's jpeg_quality_scaling."""
    quality = np.arange(1, 101)[:, None]
    scale = np.where(quality < 50, 5000 // quality, 200 - 2 * quality)
    base = np.array(_LUMINANCE.split(), dtype=np.int64)
    sums: np.ndarray = np.clip((base * scale + 50) // 100, 1, 255).sum(axis=1)
    return sums
