"""Image inputs: files, folders, patterns, bytes, streams, and pixels in memory."""

import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from typing_extensions import TypeIs

from ganprint.errors import GanprintError, ImageError, ImageNotFoundError, NoImagesError, UsageError
from ganprint.images import DEFAULT_MAX_PIXELS, ImageFile, find_images
from ganprint.images.find import unsearched_folders
from ganprint.images.memory import from_memory
from ganprint.plain_text import printable
from ganprint.provenance.stated import read_stated
from ganprint.remote import join_location

ImageInput: TypeAlias = str | os.PathLike[str] | bytes | bytearray | memoryview | BinaryIO | Image.Image | NDArray[Any]
"""A file, folder or pattern, `-` for standard input; the bytes of a file; a stream of them; a Pillow image; a uint8
array (H, W, 3) of RGB."""
Images: TypeAlias = ImageInput | Iterable[ImageInput]
"""One image or many, as `ImageInput` has them; an array (N, H, W, 3) is many."""
BYTES = (bytes, bytearray, memoryview)
Source: TypeAlias = Path | str | bytes | BinaryIO | Image.Image | NDArray[Any]


def is_one(images: Images) -> bool:
    """Return whether this is one image, or one name of some, and no collection."""
    if isinstance(images, np.ndarray):
        return images.ndim != 4
    return isinstance(images, (str, *BYTES, os.PathLike)) or hasattr(images, "read") or isinstance(images, Image.Image)


def several(images: Images) -> Iterable[ImageInput]:
    """Return what was given as a collection; raise UsageError for what is neither that nor an image."""
    if not (is_one(images) or isinstance(images, Iterable)):
        raise _no_image(images)
    return [images] if is_one(images) else images  # type: ignore[list-item, return-value]


@dataclass(frozen=True)
class Inputs:
    """What was named as images: `images`, and the file `files_from` that lists paths; folders are searched in depth
    with `recursive`.
    """

    images: Images
    recursive: bool = False
    files_from: Path | None = None

    def paths(self) -> list[str]:
        """Return the paths, folders and patterns; of an iterator, which would use them up, none."""
        if isinstance(self.images, Iterator):
            return []
        return [os.fspath(each) for each in several(self.images) if isinstance(each, (str, os.PathLike))]

    def unsearched(self) -> list[str]:
        """Return the folders named that have images and folders, which are searched with `recursive` only."""
        return [] if self.recursive else list(unsearched_folders(self.paths()))

    def named(self) -> Iterator[tuple[str, Source | ImageError]]:
        """Yield each image's name with where its pixels are, or with why it is none.

        A path is its own name, Pillow's image that of its file, anything else `image 1` and so on, by its place among
        all. Raises UsageError for what can be no image.
        """
        for number, image in enumerate(several(self.images), 1):
            if isinstance(image, (str, os.PathLike)):
                path = os.fspath(image)
                if path == "-":
                    yield "-", sys.stdin.buffer
                else:
                    yield from _found(path, [path], self.recursive, None)
            else:
                yield str(getattr(image, "filename", "") or f"image {number}"), content_of(image)
        if self.files_from is not None:
            rows = _manifest_paths(self.files_from)
            if rows is None:
                yield from _found(str(self.files_from), [], self.recursive, self.files_from)
            else:
                places = (join_location(self.files_from.parent, listed) for listed in rows)
                yield from ((str(place), place) for place in places)


def _manifest_paths(file: Path) -> Iterator[str] | None:
    """Return the paths of a manifest, None where a file is none by its name or first line."""
    kind = file.suffix.lower()
    if kind == ".parquet":
        from ganprint.data.parquetfile import stream_paths

        return stream_paths(file)
    if kind == ".csv":
        from ganprint.data.csvfile import csv_paths, lists_paths

        return csv_paths(file) if lists_paths(file) else None
    return None


def content_of(image: Any) -> bytes | BinaryIO | Image.Image | NDArray[Any]:
    """Return the bytes, stream or pixels that an image is given as; raise UsageError for what can be none."""
    if isinstance(image, BYTES):
        return bytes(image)
    if hasattr(image, "read") or is_pixels(image):
        return image  # type: ignore[no-any-return]
    raise _no_image(image)


def _no_image(given: object) -> UsageError:
    return UsageError(
        f"{type(given).__name__} is not an image.",
        "Give a path, bytes, a Pillow image, a uint8 array (H, W, 3), or a list of these.",
    )


def _found(
    name: str, named: list[str], recursive: bool, listed: Path | None
) -> Iterator[tuple[str, Source | ImageError]]:
    for found in find_images(named, recursive=recursive, files_from=listed):
        yield (name, found) if isinstance(found, ImageError) else (str(found), found)


def read_named(
    named: Iterable[tuple[str, Source | ImageError]], *, max_pixels: int | None = None
) -> Iterator[tuple[str, ImageFile | ImageError]]:
    """Yield each image with its pixels, or with what keeps it from being read."""
    for name, source in named:
        yield name, read_source(name, source, max_pixels=max_pixels)


def read_source(
    name: str, source: Source | ImageError, *, max_pixels: int | None = None, metadata: bool = False
) -> ImageFile | ImageError:
    """Return an image with its pixels and what its file states, or what keeps it from being read."""
    limit = max_pixels or DEFAULT_MAX_PIXELS
    if isinstance(source, ImageError):
        return source
    try:
        if is_pixels(source):
            return from_memory(source, name, max_pixels=limit)
        return read_stated(source, name=name, max_pixels=limit, metadata=metadata)
    except ImageError as error:
        return error


def all_absent(named: Iterable[tuple[str, Source | ImageError]]) -> list[ImageError]:
    """Return why nothing of what was named is there, an error each, or [] once something is; this reads no image."""
    errors: list[ImageError] = []
    for name, source in named:
        absent = isinstance(source, Path) and not os.path.exists(name)  # noqa: PTH110 - as in images.find
        found = read_source(name, source) if absent else source
        if not isinstance(found, ImageNotFoundError | NoImagesError):
            return []
        errors.append(found)
    return errors


def read_one(image: ImageInput) -> ImageFile:
    """Read the one image that is named; raise UsageError where that is several, ImageError where it cannot be read."""
    named = list(Inputs(image).named())
    if len(named) != 1:
        raise UsageError(f"{printable(str(image))} is several images.", "Name one.")
    ((_, read),) = read_named(named)
    if isinstance(read, GanprintError):
        raise read
    return read


def is_pixels(source: object) -> TypeIs[Image.Image | NDArray[Any]]:
    """Return whether this is pixels in memory."""
    return isinstance(source, (np.ndarray, Image.Image))
