"""Which picture of a TIFF is read, and the small plain TIFFs that Pillow is given of it.

A decoder that is handed a whole TIFF takes its first directory, be it a thumbnail, and reads planes of 16 bits and
palettes of 8 wrongly. Here the picture is chosen, and directories written that hold only what decoding needs.
"""

import io
import struct
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.ExifTags import Base

from ganprint.images.large import is_large
from ganprint.images.rgb import as_array, eight_bits, profile_notes, to_rgb
from ganprint.images.tags import Directory, Field, Tags
from ganprint.images.tiff_file import YCBCR, field_of, number_of, numbers_of, strip_tags, tiff_bands, write_tiff

_WHITE_ZERO, _RGB, _INDEXED, _CMYK, _LAB = 0, 2, 3, 5, 8
_MOST_SAMPLES = 16
_RAW_PHOTOMETRICS = (32803, 34892)  # colour filter array, linear raw
_RAW_COMPRESSIONS = (32767, 34713, 65535)  # Sony's, Nikon's, Pentax's
_RAW_MAKERS = {"nikon": "NEF", "sony": "ARW", "canon": "CR2", "pentax": "PEF", "ricoh": "PEF", "samsung": "SRW"}
_MODES = {0: "L", 1: "L", _RGB: "RGB", _CMYK: "CMYK", YCBCR: "YCbCr", _LAB: "LAB"}
# The modes of Pillow with alpha: what ExtraSamples calls 1, which the colours were multiplied by, and 2.
_ALPHA_MODES = {("L", 1): "La", ("L", 2): "LA", ("RGB", 1): "RGBa", ("RGB", 2): "RGBA"}


@dataclass(frozen=True)
class TiffPicture:
    """The picture of a TIFF that is read.

    `file` is a TIFF for Pillow, of the picture as it is or, where `samples` is above 1, of grey that holds its samples:
    a page for each plane, or one page that is as many times as wide. `size` is width and height as stored, `bits`
    the depth; `pages` says whether others follow the first one, which is taken. `bands` are files of some rows of a
    large picture each, instead of `file`, unless there are none. `missing` says what of the picture is not in the
    file, empty where nothing is. `raw` names a camera's raw format: then `file` is empty.
    """

    directory: Directory
    size: tuple[int, int]
    bits: int
    pages: bool
    notes: tuple[str, ...]
    raw: str | None
    file: BinaryIO = field(default_factory=io.BytesIO)
    samples: int = 1
    bands: Iterable[tuple[slice, BinaryIO]] = ()
    missing: str = ""

    @property
    def orientation(self) -> int:
        """The orientation that it states itself, zero where it states none."""
        return number_of(self.directory, Base.Orientation)


def choose_picture(data: bytes) -> TiffPicture:
    """Choose the picture of a TIFF, and write it again. Raises ValueError on damage."""
    tags = Tags(data)
    pages = list(tags.chain())
    if not pages:
        raise ValueError("no directory")
    below = [found for page in pages[:4] for found in tags.below(page, Base.SubIFDs)]
    raw = _raw_format([*pages, *below])
    chosen, notes = _full_picture(pages, below)
    if not _area(chosen):
        raise ValueError("no pixels")
    bits = {int(value) for value in numbers_of(chosen, Base.BitsPerSample, 1)}
    is_first_of_several = len(pages) > 1 and chosen is pages[0]
    picture = TiffPicture(chosen, _size(chosen), max(bits), is_first_of_several, tuple(notes), raw)
    if raw:
        return picture
    samples = number_of(chosen, Base.SamplesPerPixel, 1)
    missing = _missing(chosen, samples, len(data))
    chosen, more = _with_full_palette(chosen)
    apart = number_of(chosen, Base.PlanarConfiguration, 1) == 2
    # Pillow has no mode for 16 bits of colour, keeps the highest 8, and has none at all for grey with alpha.
    wide = bits == {16} and number_of(chosen, Base.SampleFormat, 1) == 1
    bands: Iterable[tuple[slice, BinaryIO]] = ()
    if samples == 1 or not (apart or wide):
        if samples > 1 and is_large(picture.size):
            bands = tiff_bands(data, tags.order, chosen)
        directories = [chosen | {Base.PlanarConfiguration: field_of(chosen, 1)}]
        samples = 1
    elif len(bits) > 1 or not bits <= {8, 16} or samples > _MOST_SAMPLES:
        raise ValueError("samples of a rare kind")
    else:
        directories = _planes(chosen, samples) if apart else [_as_wide_grey(chosen, samples)]
    file = write_tiff([memoryview(data)[8:]], tags.order, directories)
    return replace(picture, file=file, samples=samples, bands=bands, notes=(*notes, *more), missing=missing)


def _size(directory: Directory) -> tuple[int, int]:
    return number_of(directory, Base.ImageWidth), number_of(directory, Base.ImageLength)


def _area(directory: Directory) -> int:
    width, height = _size(directory)
    return width * height


def _raw_format(directories: list[Directory]) -> str | None:
    """Name the camera's raw format that a TIFF is, None where it is none."""
    if any(Base.DNGVersion in directory for directory in directories):
        return "DNG"
    for directory in directories:
        if (
            number_of(directory, Base.PhotometricInterpretation) in _RAW_PHOTOMETRICS
            or number_of(directory, Base.Compression) in _RAW_COMPRESSIONS
        ):
            makers = [(d[Base.Make].text() or "").lower() for d in directories if Base.Make in d]
            named = (name for maker in makers for start, name in _RAW_MAKERS.items() if maker.startswith(start))
            return next(named, "a camera's raw file")
    return None


def _full_picture(pages: list[Directory], below: list[Directory]) -> tuple[Directory, list[str]]:
    """Choose the first page, or the full picture where that is a thumbnail of it."""
    first = pages[0]
    full = [d for d in [*below, *pages[1:]] if not number_of(d, Base.NewSubfileType) & 1 and _area(d) > _area(first)]
    if not number_of(first, Base.NewSubfileType) & 1:
        # It does not say so itself: it is one where the larger picture lies below it, or is of its shape.
        full = [d for d in full if d in below or _is_enlarged(first, d)]
    if not full:
        return first, []
    chosen = max(full, key=_area)
    width, height = _size(chosen)
    small = "{} x {}".format(*_size(first))
    others = [d for d in pages[1:] if d is not chosen and not number_of(d, Base.NewSubfileType) & 1]
    rest = "; its other pages were not" if others else ""
    return chosen, [f"Its first picture is a thumbnail of {small}; the full one, {width} x {height}, was taken{rest}."]


def _is_enlarged(small: Directory, large: Directory) -> bool:
    """Return whether a picture has the shape of another, to a pixel of that, and at least twice its sides."""
    (width, height), (wide, tall) = _size(small), _size(large)
    return wide >= 2 * width and abs(tall * width - wide * height) <= max(wide, tall)


def _with_full_palette(directory: Directory) -> tuple[Directory, list[str]]:
    """Spread a palette of 8-bit values, which some programs write, over the 16 bits that TIFF has for them."""
    values = [int(value) for value in numbers_of(directory, Base.ColorMap, 0)]
    if number_of(directory, Base.PhotometricInterpretation) != _INDEXED or not 0 < max(values) < 256:
        return directory, []
    field = directory[Base.ColorMap]
    raw = struct.pack(f"{field.order}{len(values)}H", *(value * 257 for value in values))
    spread = Field(3, len(values), field.order, memoryview(raw))
    return {**directory, Base.ColorMap: spread}, ["Its palette has values of 8 bits where TIFF has 16; it was read so."]


def _missing(directory: Directory, samples: int, length: int) -> str:
    """Say what of a picture's strips or tiles is not in a file of so many bytes, empty where all is."""
    width, height = _size(directory)
    tiled = Base.TileOffsets in directory
    offsets, counts = (numbers_of(directory, tag, 0) for tag in strip_tags(directory))
    rows = min(number_of(directory, Base.TileLength if tiled else Base.RowsPerStrip, height) or height, 1 << 24)
    columns = number_of(directory, Base.TileWidth, width) if tiled else width
    across = -(-width // max(columns, 1))
    down = -(-height // max(rows, 1))
    apart = number_of(directory, Base.PlanarConfiguration, 1) == 2
    plain = (
        number_of(directory, Base.Compression, 1) == 1 and number_of(directory, Base.PhotometricInterpretation) != YCBCR
    )
    bits = sum(numbers_of(directory, Base.BitsPerSample, 1)[:1]) * (1 if apart else samples)
    row_bytes = int(columns * bits + 7) // 8
    wanted = across * down * (samples if apart else 1)
    for number in range(wanted):
        top = number // across % down * rows
        offset = int(offsets[number]) if number < len(offsets) else length
        count = int(counts[number]) if number < len(counts) else 0
        there = min(length - offset, count or length)
        least = row_bytes * (rows if tiled else min(rows, height - top)) if plain else count or 1
        if there < least:
            if tiled or apart:
                return f"{number} of its {wanted} {'tiles' if tiled else 'strips'} are there"
            part = max(there, 0) // row_bytes if plain else 0
            return f"{min(top + part, height)} of its {height} rows are there"
    return "" if wanted else "it has no rows"


def _planes(directory: Directory, samples: int) -> list[Directory]:
    """Return a directory of grey for each plane of a picture whose samples are apart."""
    strips, sizes = strip_tags(directory)
    each = len(numbers_of(directory, strips, 0)) // samples
    grey, (mode, alpha) = _grey(directory), _mode(directory, samples)
    wanted = [*range(_colours(mode)), *([alpha] if alpha else [])]
    return [
        grey
        | {
            tag: field_of(directory, *(int(v) for v in numbers_of(directory, tag, 0)[i * each : (i + 1) * each]))
            for tag in (strips, sizes)
            if tag in directory
        }
        for i in wanted
    ]


def _as_wide_grey(directory: Directory, samples: int) -> Directory:
    """Return a directory of grey of a picture of 16-bit samples, which lie side by side in its rows."""
    wide = {tag: number_of(directory, tag) * samples for tag in (Base.ImageWidth, Base.TileWidth) if tag in directory}
    return _grey(directory) | {tag: field_of(directory, value) for tag, value in (wide | {Base.Predictor: 1}).items()}


def _grey(directory: Directory) -> Directory:
    if (
        number_of(directory, Base.PhotometricInterpretation) not in _MODES
        or max(numbers_of(directory, Base.YCbCrSubSampling, 1)) > 1
    ):
        raise ValueError("samples of a rare kind")
    without = (Base.ExtraSamples, Base.ColorMap, Base.SampleFormat)
    grey = {tag: value for tag, value in directory.items() if tag not in without}
    grey[Base.BitsPerSample] = field_of(directory, number_of(directory, Base.BitsPerSample))
    one = (Base.PhotometricInterpretation, Base.PlanarConfiguration, Base.SamplesPerPixel)
    return grey | dict.fromkeys(one, field_of(directory, 1))


def decoded_pages(image: Image.Image) -> list[NDArray[Any]]:
    """Decode the pages of `TiffPicture.file`, grey each, and close it."""
    pages = []
    while True:
        image.load()
        pages.append(as_array(image))
        try:
            image.seek(len(pages))
        except EOFError:
            image.close()  # which gives back its memory
            return pages


def merge_samples(picture: TiffPicture, planes: list[NDArray[Any]], icc: bytes) -> tuple[NDArray[np.uint8], list[str]]:
    """Put the decoded pages of a picture of several samples together, as `to_rgb`; the list is emptied."""
    directory = picture.directory
    if len(planes) == 1:
        values = planes.pop()
        if number_of(directory, Base.Predictor, 1) == 2:
            values = _undo_differences(values, picture)
        planes += [values[:, sample :: picture.samples] for sample in range(picture.samples)]
        del values
    mode, alpha = _mode(directory, picture.samples)
    count = _colours(mode)
    colours, notes = eight_bits(planes[:count], picture.bits)
    if number_of(directory, Base.PhotometricInterpretation) == _WHITE_ZERO:
        colours[0] = 255 - colours[0]
    elif mode == "LAB":
        colours[1:] = [plane ^ np.uint8(128) for plane in colours[1:]]  # which TIFF has with a sign
    if alpha:
        colours += eight_bits([planes[alpha if len(planes) == picture.samples else count]], picture.bits)[0]
    planes.clear()
    if mode == "RGB":
        return np.stack(colours, axis=-1), notes + profile_notes(icc)
    merged = Image.merge(mode, [Image.fromarray(np.ascontiguousarray(plane)) for plane in colours])
    pixels, more = to_rgb(merged, 8, icc)
    return pixels, notes + more


def _colours(mode: str) -> int:
    """Count the colours among the bands of a mode."""
    return {"L": 1, "La": 1, "LA": 1, "CMYK": 4}.get(mode, 3)


def _mode(directory: Directory, samples: int) -> tuple[str, int]:
    """Return Pillow's mode of a picture's samples and which of them is alpha, zero where none is."""
    mode = _MODES[number_of(directory, Base.PhotometricInterpretation)]
    # RGB of four samples without a word on the fourth is RGB with alpha, as other readers take it.
    extra = numbers_of(
        directory, Base.ExtraSamples, 2 if mode == "RGB" and samples == 4 and Base.ExtraSamples not in directory else 0
    )
    for place, kind in enumerate(extra[: samples - _colours(mode)]):
        if (mode, int(kind)) in _ALPHA_MODES:
            return _ALPHA_MODES[mode, int(kind)], _colours(mode) + place
    return mode, 0


def _undo_differences(values: NDArray[np.uint16], picture: TiffPicture) -> NDArray[np.uint16]:
    """Undo TIFF's horizontal differences (TIFF 6.0, section 14) of samples side by side, in each tile."""
    whole = np.empty_like(values)
    samples = picture.samples
    columns = number_of(picture.directory, Base.TileWidth, picture.size[0]) * samples
    for left in range(0, values.shape[1], columns):
        for sample in range(samples):
            part = slice(left + sample, left + columns, samples)
            np.cumsum(values[:, part], axis=1, dtype=np.uint16, out=whole[:, part])
    return whole
