"""A decoded Pillow image of any mode to upright 8-bit sRGB, and a sentence for each change made."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, TiffImagePlugin

from ganprint.images.limits import MAX_EXIF_BYTES

Pixels = NDArray[np.uint8]

# Rows are converted in strips of about so many pixels, so that a large image is not held three times over.
_STRIP_PIXELS = 1 << 21

_HEIGHT, _BITS_PER_SAMPLE, _PHOTOMETRIC, _ORIENTATION = 257, 258, 262, 274
_WHITE_IS_ZERO = 0
_PNG_DEPTH_OFFSET = 24  # in IHDR, always the first chunk
_ALPHA_MODES = {"LA", "La", "PA", "RGBA", "RGBa"}
_STRAIGHT_ALPHA = {"La": "LA"}  # Pillow converts premultiplied grey to straight grey and to nothing else


def orientation_of(image: Image.Image) -> tuple[int, list[str]]:
    """Return the EXIF orientation 1 to 8 of an opened image, 1 where it is absent, invalid or unreadable."""
    if len(image.info.get("exif", b"")) > MAX_EXIF_BYTES:
        return 1, [f"It has more than {MAX_EXIF_BYTES // 2**20} MiB of EXIF data, which was ignored."]
    try:
        value = image.getexif().get(_ORIENTATION, 1)
    except Exception:
        # EXIF is parsed by Pillow from bytes anyone may have written and can fail in any way at all;
        # pixels that decode are not refused for it.
        return 1, ["Its EXIF data is damaged and was ignored."]
    return (value if isinstance(value, int) and 1 <= value <= 8 else 1), []


def bits_per_channel(image: Image.Image, data: bytes) -> int:
    """Return the depth in the file, which Pillow's mode does not always tell."""
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        return int(max(image.tag_v2.get(_BITS_PER_SAMPLE, (1,))))
    return data[_PNG_DEPTH_OFFSET] if image.format == "PNG" else 8


def has_all_rows(image: Image.Image) -> bool:
    """Say whether an opened TIFF has strips or tiles down to its last row; other decoders see to it."""
    if not isinstance(image, TiffImagePlugin.TiffImageFile):
        return True
    bottoms = [tile.extents[3] for tile in image.tile if tile.extents]
    return bool(bottoms) and max(bottoms) >= image.tag_v2[_HEIGHT]


def to_rgb(image: Image.Image, bits: int) -> tuple[Pixels, list[str]]:
    """Turn a loaded image of any Pillow mode into RGB as it lies in the file.

    Returns uint8 (H, W, 3) and the notes to say to the user. `bits` is `bits_per_channel`. Raises what Pillow
    raises.
    """
    notes = []
    if image.mode.startswith("I;16"):
        pixels, more = _from_sixteen_bits(image, bits)
    elif image.mode in ("I", "F"):
        pixels, more = _from_wide_grey(image)
    elif image.mode in _ALPHA_MODES or "transparency" in image.info:
        pixels, more = _over_white(image)
    else:
        pixels, more = _in_strips(image), []
    if image.mode == "CMYK":
        more.append("CMYK ink values were converted to RGB by the plain formula, without a colour profile.")
    if image.mode == "LAB":
        more.append("CIE L*a*b* values were converted to sRGB.")
    if bits > 8 and image.mode not in ("I", "F"):
        notes.append(f"{bits} bits a channel were reduced to 8 by keeping the highest 8.")
    if _is_white_zero(image):
        np.subtract(255, pixels, out=pixels)
    return pixels, [*notes, *more, *_profile_notes(image)]


def _is_white_zero(image: Image.Image) -> bool:
    """Say whether white is 0 in a mode where Pillow leaves it so; it inverts the 1- to 8-bit ones itself."""
    return (
        isinstance(image, TiffImagePlugin.TiffImageFile)
        and image.mode in ("I;16", "F")
        and image.tag_v2.get(_PHOTOMETRIC) == _WHITE_IS_ZERO
    )


def _strips(image: Image.Image) -> Iterator[tuple[slice, Image.Image]]:
    width, height = image.size
    rows = max(1, _STRIP_PIXELS // width)
    for top in range(0, height, rows):
        bottom = min(top + rows, height)
        yield slice(top, bottom), image.crop((0, top, width, bottom))


def _in_strips(image: Image.Image) -> Pixels:
    if image.mode == "RGB" and image.width * image.height <= _STRIP_PIXELS:
        return np.array(image)
    pixels = np.empty((image.height, image.width, 3), np.uint8)
    for rows, strip in _strips(image):
        pixels[rows] = np.asarray(strip.convert("RGB"))
    return pixels


def _over_white(image: Image.Image) -> tuple[Pixels, list[str]]:
    pixels = np.empty((image.height, image.width, 3), np.uint8)
    transparent = False
    for rows, strip in _strips(image):
        straight = strip.convert(_STRAIGHT_ALPHA[strip.mode]) if strip.mode in _STRAIGHT_ALPHA else strip
        rgba = np.asarray(straight.convert("RGBA"))
        colour, alpha = rgba[..., :3], rgba[..., 3:]
        if alpha.min() == 255:
            pixels[rows] = colour
            continue
        transparent = True
        weight = alpha.astype(np.uint16)  # nothing below passes 255 * 255 + 127
        pixels[rows] = (colour * weight + 255 * (255 - weight) + 127) // 255
    return pixels, ["Transparent parts were laid over white."] if transparent else []


def _from_sixteen_bits(image: Image.Image, bits: int) -> tuple[Pixels, list[str]]:
    # The highest 8 bits, as Pillow keeps of 16-bit colour and libpng's png_set_strip_16 of both.
    transparent = image.info.get("transparency")
    pixels = np.empty((image.height, image.width, 3), np.uint8)
    notes: list[str] = []
    for rows, strip in _strips(image):
        values = np.asarray(strip)
        grey = np.minimum(values >> (bits - 8), 255).astype(np.uint8)
        if isinstance(transparent, int) and (values == transparent).any():
            grey[values == transparent] = 255
            notes = ["Transparent parts were laid over white."]
        pixels[rows] = grey[..., None]
    return pixels, notes


def _from_wide_grey(image: Image.Image) -> tuple[Pixels, list[str]]:
    """Scale 32-bit integers or floats, whose white no file states, by the least usual white above them."""
    low, high = np.inf, -np.inf
    for _, strip in _strips(image):
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
    for rows, strip in _strips(image):
        values = np.nan_to_num(np.asarray(strip).astype(np.float64), nan=low, posinf=high, neginf=low)
        grey = np.rint((values - low) * (255 / max(high - low, np.finfo(np.float64).tiny)))
        pixels[rows] = np.clip(grey, 0, 255).astype(np.uint8)[..., None]
    return pixels, [f"32-bit {kind} values from {low:g} to {high:g} were scaled to 8 bits."]


def upright(pixels: Pixels, orientation: int) -> Pixels:
    """Undo an EXIF orientation of 1 to 8 (Exif 2.32, tag 0x0112) on an (H, W, 3) array."""
    if orientation >= 5:  # rows and columns are exchanged
        pixels = pixels.transpose(1, 0, 2)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return np.ascontiguousarray(pixels)


def _profile_notes(image: Image.Image) -> Iterator[str]:
    profile: Any = image.info.get("icc_profile")
    if image.mode in ("CMYK", "LAB"):
        return  # the sentence on their conversion says it
    if isinstance(profile, bytes) and profile and not _names_srgb(profile):
        yield "Its embedded colour profile is not sRGB; it was not applied, which would alter every pixel."


def _names_srgb(profile: bytes) -> bool:
    # Descriptions are ASCII in version 2 profiles and big-endian UTF-16 in version 4.
    return b"sRGB" in profile or "sRGB".encode("utf-16-be") in profile
