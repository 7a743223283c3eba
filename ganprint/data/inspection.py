"""Open one image file and collect what `check` compares: hashes, format, JPEG quality and size."""

import hashlib
from contextlib import closing
from typing import NamedTuple

import numpy as np

from ganprint.errors import ImageError
from ganprint.images.formats import open_image
from ganprint.images.parts import Parts
from ganprint.images.quiet import quiet_decoders
from ganprint.images.read import read_parts
from ganprint.provenance.jpeg import nearest_quality


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
        image, _, parts = read_parts(path)
    except ImageError as error:
        return FileFacts(error=error.code, message=error.message)
    digest = hashlib.sha256(repr(image.pixels.shape).encode())
    digest.update(np.ascontiguousarray(image.pixels).data)
    return FileFacts(
        content=bytes.fromhex(image.sha256),
        pixels=digest.digest(),
        format=image.format,
        quality=_quality_of(parts) if image.format == "JPEG" else 0,
        width=image.width,
        height=image.height,
    )


def _quality_of(parts: Parts) -> int:
    with quiet_decoders(), closing(open_image(parts.payload, "JPEG")) as image:
        tables: dict[int, list[int]] = getattr(image, "quantization", {})
    return nearest_quality([np.array(tables[min(tables)]).reshape(8, 8)])[0] if tables else 0
