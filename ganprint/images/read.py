"""Bytes to upright 8-bit RGB, safely: whatever the bytes are, an image or an ImageError comes out."""

import hashlib
import io
import stat
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np
from PIL import Image

from ganprint.errors import (
    DecompressionBombError,
    EmptyFileError,
    ImageError,
    ImageNotFoundError,
    ImageUnreadableError,
    NotAnImageError,
    TruncatedImageError,
    UnsupportedImageError,
)
from ganprint.images.formats import SNIFFED_BYTES, is_decodable, printable, promised_format, sniff
from ganprint.images.limits import (
    DEFAULT_MAX_PIXELS,
    MAX_FILE_BYTES,
    check_pixels,
    check_sides,
    check_structure,
)
from ganprint.images.quiet import quiet_decoders
from ganprint.images.rgb import bits_per_channel, has_all_rows, orientation_of, to_rgb, upright

if TYPE_CHECKING:
    from ganprint.images.metadata import Metadata

# Counting the frames of a GIF walks through all of it, so beyond this the sentence says "several".
_COUNTED_GIF_BYTES = 4 * 1024 * 1024

_CONVERT = "Convert it to PNG without resizing and try again."


@dataclass(frozen=True)
class ImageFile:
    """An image as read: pixels, and what an examiner must know of where they came from.

    `pixels` is uint8 (H, W, 3), sRGB, upright; `width` and `height` are theirs. `name` is as given, `format`
    is Pillow's name of the format found in the bytes, `sha256` is of exactly the bytes decoded, in hex.
    `notes` are sentences for the user, one for each change that reading made or oddity it met; `metadata` is what the
    same bytes state beside the pixels, where it was asked for.
    """

    pixels: np.ndarray
    name: str
    width: int
    height: int
    format: str
    sha256: str
    notes: tuple[str, ...]
    metadata: "Metadata | None" = None


def read_image(
    source: Path | str | bytes | BinaryIO,
    *,
    name: str | None = None,
    max_pixels: int = DEFAULT_MAX_PIXELS,
    min_side: int = 32,
    metadata: bool = False,
) -> ImageFile:
    """Read one image from a path, from bytes or from a binary stream; its metadata too where they are asked for.

    `name` is what messages and the result call it, the path unless given. Only regular files are opened, and
    the bytes are read once. Raises ImageError, always: one subclass for each cause, naming the file. Safe to
    call from several threads.
    """
    if name is None:
        name = str(source) if isinstance(source, (str, Path)) else "the image"
    try:
        return _read(source, name, max_pixels, min_side, metadata)
    except ImageError as error:
        # An error kept to the end of a batch would keep the file's bytes alive through the frames it names.
        error.__context__ = None
        raise error.with_traceback(None) from None


def _read(
    source: Path | str | bytes | BinaryIO, name: str, max_pixels: int, min_side: int, metadata: bool
) -> ImageFile:
    data = _read_bytes(source, name)
    found = _identify(data, name)
    try:
        with quiet_decoders():
            pixels, notes = _decode(data, found, name, max_pixels, min_side)
    except ImageError:
        raise
    except (MemoryError, Image.DecompressionBombError) as error:
        raise DecompressionBombError(
            f"{printable(name)} announces more pixels than can be held in memory.",
            "It may be made to exhaust memory; if you trust it, convert it to a smaller size first.",
        ) from error
    except Exception as error:
        # The one place where everything is caught: Pillow and the C libraries under it raise almost any type
        # on hostile bytes (SyntaxError, struct.error, KeyError, ZeroDivisionError, ...), and a damaged file
        # among thousands must never end the batch.
        raise TruncatedImageError(
            f"{printable(name)} starts as {found} but ends early, is damaged, or is of a rare kind.",
            "Get a complete copy of the file; if it opens elsewhere, convert it to PNG without resizing.",
        ) from error
    promised = promised_format(name)
    if promised not in (None, found):
        notes.append(f"Its name promises {promised}, its bytes are {found}.")
    height, width = pixels.shape[:2]
    digest = hashlib.sha256(data).hexdigest()
    stated = None
    if metadata:
        from ganprint.images.metadata import read_metadata

        stated = read_metadata(data, found)
    return ImageFile(pixels, name, width, height, found, digest, tuple(notes), stated)


def _read_bytes(source: Path | str | bytes | BinaryIO, name: str) -> bytes:
    if isinstance(source, bytes):
        data = source
    elif isinstance(source, (str, Path)):
        data = _read_file(Path(source), name)
    else:
        try:
            data = source.read(MAX_FILE_BYTES + 1)
        except (OSError, ValueError) as error:
            raise ImageUnreadableError(f"{printable(name)} cannot be read: {error}.") from error
    if not data:
        raise EmptyFileError(f"{printable(name)} is empty.", "Get a complete copy of the file.")
    if len(data) > MAX_FILE_BYTES:
        raise ImageUnreadableError(
            f"{printable(name)} is larger than {MAX_FILE_BYTES // 2**20} MiB, the most that is read.",
            "Save it with lossless compression, without resizing, and try again.",
        )
    return data


def _read_file(path: Path, name: str) -> bytes:
    shown = printable(name)
    try:
        # Opening a pipe waits for a writer and opening a device may do anything, so look before.
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise ImageUnreadableError(f"{shown} is a folder, not a file.", "Name the images in it.")
        if not stat.S_ISREG(mode):
            raise ImageUnreadableError(
                f"{shown} is a pipe, socket or device, not a regular file.",
                "Copy its content to a file first.",
            )
        with path.open("rb") as file:
            return file.read(MAX_FILE_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise ImageNotFoundError(f"There is no file {shown}.", "Check the spelling of the path.") from error
    except PermissionError as error:
        raise ImageUnreadableError(
            f"{shown} may not be read by this user.",
            "Change its permissions, or copy it to where you may read it.",
        ) from error
    except OSError as error:
        raise ImageUnreadableError(f"{shown} cannot be read: {error.strerror or error}.") from error
    except ValueError as error:  # a name with a zero byte
        raise ImageNotFoundError(f"There is no file {shown}.", "Check the spelling of the path.") from error


def _identify(data: bytes, name: str) -> str:
    found = sniff(data[:SNIFFED_BYTES])
    if found is None:
        raise NotAnImageError(
            f"{printable(name)} is not an image of a format that is read.",
            "JPEG, PNG, WebP, BMP, TIFF, GIF and AVIF are read.",
        )
    if not is_decodable(found):
        raise UnsupportedImageError(
            f"{printable(name)} is {found}, which this installation does not read.", _CONVERT
        )
    return found


def _decode(
    data: bytes, found: str, name: str, max_pixels: int, min_side: int
) -> tuple[np.ndarray, list[str]]:
    check_structure(data, found, name, max_pixels)
    if found == "PNG":
        # Decoding ignores the checksums of the pixel data, which tell damage from pixels.
        with closing(Image.open(io.BytesIO(data), formats=(found,))) as image:
            check_pixels(image.size, found, name, max_pixels)
            image.verify()
    # Closed, a Pillow image gives its memory back, which turning the pixels upright may need.
    with closing(Image.open(io.BytesIO(data), formats=(found,))) as image:
        check_pixels(image.size, found, name, max_pixels)
        check_sides(image.size, name, min_side)
        orientation, notes = orientation_of(image)
        notes += _frame_notes(image, data)
        if not has_all_rows(image):
            raise ValueError("rows are missing")  # Pillow would leave them black
        bits = bits_per_channel(image, data)
        image.load()
        pixels, more = to_rgb(image, bits)
    if orientation != 1:
        notes.append(f"It was turned upright as its EXIF orientation {orientation} says.")
    # Pillow turns a TIFF itself while decoding, and no other format.
    return pixels if found == "TIFF" else upright(pixels, orientation), notes + more


def _frame_notes(image: Image.Image, data: bytes) -> list[str]:
    """Say that only the first of several frames is looked at."""
    if image.format == "GIF":
        count = _gif_frames(data) if len(data) <= _COUNTED_GIF_BYTES else None
    elif image.format == "TIFF":
        # Counting pages takes Pillow a time that grows with their square.
        count = None if getattr(image, "is_animated", False) else 1
    else:
        count = getattr(image, "n_frames", 1)
    if count == 1:
        return []
    what = "page" if image.format == "TIFF" else "frame"
    return [f"The first {what} of {count or 'several'} was taken."]


def _gif_frames(data: bytes) -> int | None:
    """Count a GIF's frames on a copy of its own, None where a later frame is damaged."""
    try:
        with Image.open(io.BytesIO(data), formats=("GIF",)) as image:
            return int(getattr(image, "n_frames", 1))
    except Exception:
        # As in read_image; the first frame may be whole all the same.
        return None
