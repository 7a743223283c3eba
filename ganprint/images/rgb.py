"""Convert a decoded Pillow image of any mode to upright 8-bit sRGB, with a sentence for each change."""

from collections.abc import Iterable, Iterator
from contextlib import closing
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, TiffImagePlugin

from ganprint.images.colours import is_srgb
from ganprint.images.large import BAND_PIXELS
from ganprint.images.parts import MAX_EXIF_BYTES, Parts
from ganprint.images.tags import Tags
from ganprint.images.xmp import read_xmp

Pixels = NDArray[np.uint8]

_DARK = "It came out dark, as values of fewer bits do that were stored in more."
"""Said of pixels of more than 8 bits that all lie below 64."""

CLEAR = "Transparent parts were laid over white."

_PHOTOMETRIC, _WHITE_IS_ZERO, _ORIENTATION = 262, 0, 274
_DEPTHS = (8, 10, 12, 14)  # of sensors and scanners, below 16
_ALPHA_MODES = {"LA", "La", "PA", "RGBA", "RGBa"}
_STRAIGHT_ALPHA = {"La": "LA"}  # Pillow converts premultiplied grey to straight grey and to nothing else


def eight_bits(planes: list[NDArray[Any]], bits: int) -> tuple[list[Pixels], list[str]]:
    """Reduce planes of one depth to 8 bits together; returns notes beside them.

    The highest 8 bits are kept, as Pillow keeps of 16-bit colour and libpng's png_set_strip_16. Values of 10, 12 or 14
    bits that were stored in 16 as they are would come out dark, and are taken as what they are.
    """
    if bits == 8:
        return [*planes], []
    reached, notes = _reached(max(int(plane.max()) for plane in planes), bits)
    return [_shifted(plane, reached - 8) for plane in planes], notes


def _reached(high: int, bits: int) -> tuple[int, list[str]]:
    """Return of how many bits values are that were stored in `bits` and reach `high`, and the note on it."""
    reached = next((depth for depth in _DEPTHS if 0 < high < 1 << depth < 1 << bits), bits)
    note = f"{bits} bits a channel were reduced to 8 by keeping the highest 8."
    if reached < bits:
        note = f"Its values of {bits} bits reach only {high}; they were read as values of {reached} bits."
    return reached, [note]


def _shifted(plane: NDArray[Any], bits: int) -> Pixels:
    """Return the bits above the lowest ones, in strips, since the intermediate results are large."""
    result = np.empty(plane.shape, np.uint8)
    rows = max(1, BAND_PIXELS // plane.shape[1])
    for top in range(0, len(plane), rows):
        result[top : top + rows] = np.minimum(plane[top : top + rows] >> bits, 255)
    return result


def to_rgb(image: Image.Image, bits: int, icc: bytes) -> tuple[Pixels, list[str]]:
    """Turn a loaded image of any Pillow mode into RGB as it lies in the file.

    Returns uint8 (H, W, 3) and the notes to say to the user. `bits` is the depth in the file, which Pillow's mode does
    not always tell, `icc` its colour profile, empty where there is none. Raises what Pillow raises.
    """
    if image.mode.startswith("I;16"):
        pixels, more = _from_sixteen_bits(image, bits)
    elif image.mode in ("I", "F"):
        pixels, more = _from_wide_grey(image)
    elif image.mode in _ALPHA_MODES or "transparency" in image.info:
        pixels, more = _over_white(image)
    else:
        pixels, more = np.empty((image.height, image.width, 3), np.uint8), []
        for rows, strip in strips(image):
            pixels[rows] = np.asarray(strip if strip.mode == "RGB" else strip.convert("RGB"))
    if image.mode == "CMYK":
        more.append("CMYK ink values were converted to RGB by the plain formula, without a colour profile.")
    if image.mode == "LAB":
        more.append("CIE L*a*b* values were converted to sRGB.")
    if bits > 8 and image.mode != "F" and not image.mode.startswith("I"):
        more.insert(0, f"{bits} bits a channel were reduced to 8 by keeping the highest 8.")
        if 0 < pixels.max() < 64:
            more.insert(1, _DARK)
    if _is_white_zero(image):
        np.subtract(255, pixels, out=pixels)
    if image.mode not in ("CMYK", "LAB"):  # the sentence on their conversion says it
        more += profile_notes(icc)
    return pixels, more


def bands_to_rgb(
    bands: Iterable[tuple[slice, Image.Image]], size: tuple[int, int], bits: int, icc: bytes
) -> tuple[NDArray[np.uint8], list[str]]:
    """Turn a picture whose bands are given with the rows that each is, as `to_rgb` does."""
    width, height = size
    pixels = np.empty((height, width, 3), np.uint8)
    notes: dict[str, None] = {}
    for rows, band in bands:
        with closing(band):
            band.load()
            # A band of a PNG has the row above it, too.
            converted, said = to_rgb(band, bits, icc)
            pixels[rows] = converted[rows.start - rows.stop :]
        notes |= dict.fromkeys(said)
    if _DARK in notes and pixels.max() >= 64:
        del notes[_DARK]
    return pixels, [*notes]


def profile_notes(icc: bytes) -> list[str]:
    """Say that a colour profile was not applied, where it is not sRGB's."""
    if not icc or is_srgb(icc):
        return []
    return ["Its embedded colour profile is not sRGB; it was not applied, which would alter every pixel."]


def _is_white_zero(image: Image.Image) -> bool:
    """Return whether white is 0 in a mode where Pillow leaves it so; it inverts the 1- to 8-bit ones itself."""
    return (
        isinstance(image, TiffImagePlugin.TiffImageFile)
        and image.mode in ("I;16", "F")
        and image.tag_v2.get(_PHOTOMETRIC) == _WHITE_IS_ZERO
    )


def strips(image: Image.Image) -> Iterator[tuple[slice, Image.Image]]:
    """Yield an image in strips of rows, each with the rows that it is."""
    width, height = image.size
    rows = max(1, BAND_PIXELS // width)
    for top in range(0, height, rows):
        bottom = min(top + rows, height)
        yield slice(top, bottom), image.crop((0, top, width, bottom)) if rows < height else image


def as_array(image: Image.Image) -> NDArray[Any]:
    """Return the values (H, W) of an image of one band, in strips, since Pillow's own way holds them three times."""
    values = np.empty((image.height, image.width), np.asarray(image.crop((0, 0, 1, 1))).dtype)
    for rows, strip in strips(image):
        values[rows] = np.asarray(strip)
    return values


def _over_white(image: Image.Image) -> tuple[Pixels, list[str]]:
    pixels = np.empty((image.height, image.width, 3), np.uint8)
    transparent = False
    for rows, strip in strips(image):
        straight = strip.convert(_STRAIGHT_ALPHA[strip.mode]) if strip.mode in _STRAIGHT_ALPHA else strip
        rgba = np.asarray(straight.convert("RGBA"))
        colour, alpha = rgba[..., :3], rgba[..., 3:]
        if alpha.min() == 255:
            pixels[rows] = colour
            continue
        transparent = True
        weight = alpha.astype(np.uint16)  # nothing below passes 255 * 255 + 127
        pixels[rows] = (colour * weight + 255 * (255 - weight) + 127) // 255
    return pixels, [CLEAR] if transparent else []


def _from_sixteen_bits(image: Image.Image, bits: int) -> tuple[Pixels, list[str]]:
    transparent = image.info.get("transparency")
    high = max(int(np.asarray(strip).max()) for _, strip in strips(image))
    reached, notes = _reached(high, bits)
    pixels, keyed = np.empty((image.height, image.width, 3), np.uint8), False
    for rows, strip in strips(image):
        values = np.asarray(strip)
        grey = _shifted(values, reached - 8)
        if isinstance(transparent, int) and (values == transparent).any():
            grey[values == transparent] = 255
            keyed = True
        pixels[rows] = grey[..., None]
    return pixels, [*notes, CLEAR] if keyed else notes


def _from_wide_grey(image: Image.Image) -> tuple[Pixels, list[str]]:
    """Scale 32-bit integers or floats, whose white no file states, by the least usual white above them."""
    low, high = np.inf, -np.inf
    for _, strip in strips(image):
        values = np.asarray(strip)
        finite = values[np.isfinite(values)]
        if finite.size:
            low, high = min(low, float(finite.min())), max(high, float(finite.max()))
    if low > high:
        low = high = 0.0
    kind, whites = ("floating-point", (1, 255, 65535)) if image.mode == "F" else ("integer", (255, 65535))
    white = next((white for white in whites if high <= white), None)
    # An image that would come out almost black was not made for that white: its own range is used.
    if low >= 0 and white is not None and (white == whites[0] or high > white / 16):
        low, high = 0.0, float(white)
    pixels = np.empty((image.height, image.width, 3), np.uint8)
    for rows, strip in strips(image):
        values = np.nan_to_num(np.asarray(strip).astype(np.float64), nan=low, posinf=high, neginf=low)
        grey = np.rint((values - low) * (255 / max(high - low, np.finfo(np.float64).tiny)))
        pixels[rows] = np.clip(grey, 0, 255).astype(np.uint8)[..., None]
    return pixels, [f"32-bit {kind} values from {low:g} to {high:g} were scaled to 8 bits."]


def orientation_of(parts: Parts) -> tuple[int, list[str]]:
    """Return the orientation 1 to 8 that EXIF states or, where it states none, XMP; 1 where neither does.

    Beside it come sentences on what it was taken from, and on EXIF data that was not read.
    """
    notes: list[str] = []
    if parts.exif is not parts.payload and len(parts.exif) > MAX_EXIF_BYTES:
        return 1, [f"It has more than {MAX_EXIF_BYTES // 2**20} MiB of EXIF data, which was ignored."]
    stated, where = parts.orientation, "EXIF"
    if parts.exif and not stated:
        try:
            first = next(Tags(parts.exif).chain(), {})
            stated = first[_ORIENTATION].number() if _ORIENTATION in first else 0
        except ValueError:
            notes.append("Its EXIF data is damaged and was ignored.")
    if not 1 <= stated <= 8 and any(b"Orientation" in packet for packet in parts.xmp):
        orientations = [value for value in read_xmp(parts.xmp).orientations if value in "12345678"]
        stated, where = int(orientations[0]) if orientations else 0, "XMP"
    if not 2 <= stated <= 8:
        return 1, notes
    return stated, [*notes, f"It was turned upright as its {where} orientation {stated} says."]


def upright(pixels: Pixels, orientation: int, block: int = 1) -> tuple[Pixels, list[str]]:
    """Undo an EXIF orientation of 1 to 8 (Exif 2.32, tag 0x0112) on an (H, W, 3) array, with a note where it is cut.

    A JPEG has its incomplete blocks at the bottom and the right. What of them comes to the top or the left is cut, as
    `jpegtran -trim` does, so that the grid of blocks begins at the first pixel, which crops are placed by.
    """
    if orientation >= 5:  # rows and columns are exchanged
        pixels = pixels.transpose(1, 0, 2)
    height, width = pixels.shape[:2]
    if orientation in (3, 4, 7, 8):
        pixels = pixels[: height // block * block or height][::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, : width // block * block or width][:, ::-1]
    cut = {"rows": height - pixels.shape[0], "columns": width - pixels.shape[1]}
    said = " and ".join(f"{count} {what}" for what, count in cut.items() if count)
    notes = [f"Turned, it began with incomplete JPEG blocks; these were cut ({said})."] if said else []
    return np.ascontiguousarray(pixels), notes
