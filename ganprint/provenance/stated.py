"""Read an image together with its metadata."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from ganprint.images import DEFAULT_MAX_PIXELS, ImageFile
from ganprint.images.read import read_parts
from ganprint.provenance.metadata import Metadata, metadata_of


@dataclass(frozen=True)
class StatedFile(ImageFile):
    """An image with what the same bytes state: the generator they name, and all metadata where asked for."""

    metadata: Metadata | None = None
    stated_generator: str | None = None


def read_stated(
    source: Path | str | bytes | BinaryIO,
    *,
    name: str | None = None,
    max_pixels: int = DEFAULT_MAX_PIXELS,
    metadata: bool = False,
) -> StatedFile:
    """Read one image as `read_image` does, with the generator that its file names.

    With `metadata` all that the file states is kept too, which takes longer. A note says where its C2PA manifest is
    kept, if that is elsewhere. Raises ImageError.
    """
    image, data, parts = read_parts(source, name=name, max_pixels=max_pixels)
    facts = metadata_of(data, image.format, parts, jpeg=metadata)
    if facts.c2pa.state == "remote":
        image = replace(image, notes=(*image.notes, facts.c2pa.detail))
    return StatedFile(**vars(image), metadata=facts if metadata else None, stated_generator=facts.stated_generator)
