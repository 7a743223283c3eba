"""Read bytes as upright 8-bit RGB, safely: the result is an image or an ImageError."""

import hashlib
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image

from ganprint.errors import (
    DecompressionBombError,
    EmptyFileError,
    ImageError,
    ImageUnreadableError,
    NotAnImageError,
    TruncatedImageError,
    UnsupportedImageError,
)
from ganprint.files import open_file
from ganprint.images.containers import take_apart
from ganprint.images.content import BLOCK
from ganprint.images.find import no_file
from ganprint.images.formats import RAW_FORMATS, SNIFFED_BYTES, is_decodable, open_image, promised_format, sniff
from ganprint.images.jpeg_pixels import decoded_jpeg, missing_of_jpeg
from ganprint.images.large import await_turn
from ganprint.images.limits import DEFAULT_MAX_PIXELS, MAX_FILE_BYTES, check_parts, check_pixels, check_sides
from ganprint.images.parts import ONLY_FIRST, Parts, take_from_decoder
from ganprint.images.png_pixels import png_to_rgb
from ganprint.images.quiet import quiet_decoders
from ganprint.images.rgb import bands_to_rgb, orientation_of, profile_notes, to_rgb, upright
from ganprint.images.tiff import TiffPicture, choose_picture, decoded_pages, merge_samples
from ganprint.local_files import UnfitFileError
from ganprint.plain_text import printable
from ganprint.remote import location

_CONVERT = "Convert it to PNG without resizing and try again."
_COMPLETE = "Get a complete copy of the file; if it opens elsewhere, convert it to PNG without resizing."


@dataclass(frozen=True)
class ImageFile:
    """An image as read: pixels, and what an examiner must know of where they came from.

    `pixels` is uint8 (H, W, 3), sRGB, upright; `width` and `height` are theirs. `name` is as given, `format`
    is Pillow's name of the format found in the bytes, `sha256` is of exactly the bytes decoded, in hex.
    `notes` are sentences for the user, one for each change that reading made or oddity it found.
    """

    pixels: np.ndarray
    name: str
    width: int
    height: int
    format: str
    sha256: str
    notes: tuple[str, ...]


def read_image(
    source: Path | str | bytes | BinaryIO,
    *,
    name: str | None = None,
    max_pixels: int = DEFAULT_MAX_PIXELS,
    min_side: int = 32,
) -> ImageFile:
    """Read one image from a path, from bytes or from a binary stream.

    `name` is what messages and the result call it, the path unless given. Only regular files are opened, and
    the bytes are read once. Raises ImageError, always: one subclass for each cause, naming the file. Safe to
    call from several threads.
    """
    return read_parts(source, name=name, max_pixels=max_pixels, min_side=min_side)[0]


def read_parts(
    source: Path | str | bytes | BinaryIO,
    *,
    name: str | None = None,
    max_pixels: int = DEFAULT_MAX_PIXELS,
    min_side: int = 32,
) -> tuple[ImageFile, bytes, Parts]:
    """Read one image as `read_image` does, with the bytes it was decoded from and the parts they were taken into."""
    if name is None:
        name = str(source) if isinstance(source, (str, Path)) else "the image"
    try:
        return _read(source, name, max_pixels, min_side)
    except ImageError as error:
        # An error kept to the end of a batch would keep the file's bytes alive through the frames it names.
        error.__context__ = None
        raise error.with_traceback(None) from None


def _read(
    source: Path | str | bytes | BinaryIO, name: str, max_pixels: int, min_side: int
) -> tuple[ImageFile, bytes, Parts]:
    data = _read_bytes(source, name)
    found = _identify(data, name)
    try:
        with quiet_decoders():
            parts = take_apart(data, found)
            pixels, notes = _decode(data, parts, found, name, max_pixels, min_side)
    except ImageError:
        raise
    except (MemoryError, Image.DecompressionBombError) as error:
        what = "more pixels than can be held in memory"
        if isinstance(error, Image.DecompressionBombError):
            # Pillow refuses twice its own limit on opening, whatever is asked for.
            most = min(max_pixels, 2 * (Image.MAX_IMAGE_PIXELS or max_pixels))
            what = f"too many pixels; of a {found} at most {most:,} are read"
        raise DecompressionBombError(
            f"{printable(name)} announces {what}.",
            "It may be made to exhaust memory; if you trust it, cut parts out of it without resizing.",
        ) from error
    except Exception as error:
        # The one place where everything is caught: Pillow and the C libraries under it raise almost any type
        # on hostile bytes (SyntaxError, struct.error, KeyError, ZeroDivisionError, ...), and a damaged file
        # among thousands must never end the batch.
        raise TruncatedImageError(
            f"{printable(name)} starts as {found} but ends early, is damaged, or is of a rare kind.", _COMPLETE
        ) from error
    promised = promised_format(name)
    if promised not in (None, found):
        notes.append(f"Its name promises {promised}, its bytes are {found}.")
    height, width = pixels.shape[:2]
    digest = hashlib.sha256(data).hexdigest()
    return ImageFile(pixels, name, width, height, found, digest, tuple(notes)), data, parts


def _read_bytes(source: Path | str | bytes | BinaryIO, name: str) -> bytes:
    if isinstance(source, bytes):
        data = source
    elif isinstance(source, (str, Path)):
        data = _read_file(location(source), name)
    else:
        try:
            data = source.read(MAX_FILE_BYTES + 1)
        except (OSError, ValueError) as error:
            raise ImageUnreadableError(f"{printable(name)} cannot be read: {error}.") from error
        if not isinstance(data, bytes):
            raise ImageUnreadableError(f"{printable(name)} gives text, not bytes.", 'Open it with the mode "rb".')
    if not data:
        raise EmptyFileError(f"{printable(name)} is empty.", "Get a complete copy of the file.")
    if len(data) > MAX_FILE_BYTES:
        raise ImageUnreadableError(
            f"{printable(name)} is larger than {MAX_FILE_BYTES // 2**20} MiB, the most that is read.",
            "Save it with lossless compression, without resizing, and try again.",
        )
    return data


def _read_file(path: Path | str, name: str) -> bytes:
    shown = printable(name)
    try:
        with open_file(path) as file:
            return file.read(MAX_FILE_BYTES + 1) or b""
    except UnfitFileError as error:
        raise ImageUnreadableError(
            f"{shown} cannot be read: {error.strerror}.", "Name a regular file, or the images in a folder."
        ) from error
    except (FileNotFoundError, NotADirectoryError, ValueError) as error:  # ValueError: a name with a zero byte
        raise no_file(path, shown) from error
    except PermissionError as error:
        raise ImageUnreadableError(
            f"{shown} may not be read by this user.", "Change its permissions, or copy it to where you may read it."
        ) from error
    except OSError as error:
        raise ImageUnreadableError(f"{shown} cannot be read: {error.strerror or error}.") from error


def _identify(data: bytes, name: str) -> str:
    found = sniff(data[:SNIFFED_BYTES])
    if found is None:
        raise NotAnImageError(
            f"{printable(name)} is not an image of a format that is read.",
            "JPEG, PNG, WebP, BMP, TIFF, GIF, AVIF and HEIC are read.",
        )
    if found == "TIFF" and promised_format(name) in RAW_FORMATS:
        found = promised_format(name) or found
    if not is_decodable(found):
        raise _unsupported(found, name)
    return found


def _unsupported(found: str, name: str) -> UnsupportedImageError:
    if found in RAW_FORMATS:
        return UnsupportedImageError(
            f"{printable(name)} is {found}, what a camera's sensor saw, which is not read.",
            "Take the JPEG that the camera saved with it, or develop it to PNG or TIFF without resizing.",
        )
    hint = f"pip install 'ganprint[heic]', or {_CONVERT[0].lower()}{_CONVERT[1:]}" if found == "HEIC" else _CONVERT
    return UnsupportedImageError(f"{printable(name)} is {found}, which this installation does not read.", hint)


def _damaged(missing: str, found: str, name: str) -> TruncatedImageError:
    return TruncatedImageError(f"{printable(name)} is a damaged {found}: {missing}.", _COMPLETE)


def _decode(
    data: bytes, parts: Parts, found: str, name: str, max_pixels: int, min_side: int
) -> tuple[np.ndarray, list[str]]:
    check_parts(parts, found, name, max_pixels)
    if found == "TIFF":
        return _decode_tiff(data, parts, name, max_pixels, min_side)
    if not parts.damage:
        # Closed, a Pillow image gives its memory back, which turning the pixels upright may need.
        with closing(open_image(parts.payload, found)) as image:
            check_pixels(image.size, found, name, max_pixels)
            check_sides(image.size, name, min_side)
            await_turn(image.size)
            if found in ("AVIF", "HEIC"):
                take_from_decoder(parts, image)
            pixels, notes = _pixels_of(image, parts, found)
    if parts.damage:
        raise _damaged(parts.damage, found, name)
    return _turned(pixels, parts, found, notes)


def _pixels_of(image: Image.Image, parts: Parts, found: str) -> tuple[np.ndarray, list[str]]:
    """Decode an opened image; if some of a JPEG or PNG is missing, its `damage` says so."""
    if found == "PNG":
        return png_to_rgb(image, parts)
    if found == "JPEG" and (whole := decoded_jpeg(image, parts.payload)) is not None:
        return whole, profile_notes(parts.icc)
    image.load()
    pixels, notes = to_rgb(image, parts.bits, parts.icc)
    if found == "JPEG":
        image.close()  # or it would be held beside what the other decoder takes
        parts.damage = missing_of_jpeg(parts.payload, pixels)
    return pixels, notes


def _decode_tiff(data: bytes, parts: Parts, name: str, max_pixels: int, min_side: int) -> tuple[np.ndarray, list[str]]:
    picture = choose_picture(data)
    if picture.raw is not None:
        raise _unsupported(picture.raw, name)
    deep = picture.samples > 1 and picture.bits > 8
    check_pixels(picture.size, "TIFF", name, max_pixels // (2 if deep else 1))
    check_sides(picture.size, name, min_side)
    await_turn(picture.size)
    if picture.missing:
        raise _damaged(picture.missing, "TIFF", name)
    pixels, notes = _tiff_pixels(picture, parts.icc)
    parts.images = None if picture.pages else 1
    parts.orientation = picture.orientation
    return _turned(pixels, parts, "TIFF", [*picture.notes, *notes])


def _tiff_pixels(picture: TiffPicture, icc: bytes) -> tuple[np.ndarray, list[str]]:
    if bands := [*picture.bands]:
        opened = ((rows, open_image(file, "TIFF")) for rows, file in bands)
        return bands_to_rgb(opened, picture.size, picture.bits, icc)
    with closing(open_image(picture.file, "TIFF")) as image:
        if picture.samples > 1:
            return merge_samples(picture, decoded_pages(image), icc)
        image.load()
        return to_rgb(image, picture.bits, icc)


def _turned(pixels: np.ndarray, parts: Parts, found: str, notes: list[str]) -> tuple[np.ndarray, list[str]]:
    """Turn pixels upright, and say what else there is to say of the file."""
    orientation, said = orientation_of(parts)
    if parts.images != 1:
        what = "page" if found == "TIFF" else "frame"
        said.append(f"{ONLY_FIRST}{what} of {parts.images or 'several'} was read.")
    if parts.colours:
        notes.append(f"It states other colours than sRGB's ({parts.colours}); they were not converted.")
    turned, cut = upright(pixels, orientation, BLOCK if found == "JPEG" else 1)
    return turned, [*said, *cut, *notes, *parts.notes]
