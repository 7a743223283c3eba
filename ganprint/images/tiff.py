"""Which picture of a TIFF is read, and the small plain TIFFs that Pillow is given of it.

A decoder that is handed a whole TIFF takes its first directory, be it a thumbnail, and reads planes of 16 bits and
palettes of 8 wrongly. Here the picture is chosen, and directories written that hold only what decoding needs.
"""

import io
import struct
from dataclasses import dataclass, replace
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ganprint.images.rgb import as_array, eight_bits, profile_notes, to_rgb
from ganprint.images.spliced import spliced
from ganprint.images.tags import SUB_IFDS, Directory, Field, Tags

_SUBFILE, _WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC, _MAKE = 254, 256, 257, 258, 259, 262, 271
_STRIPS, _SAMPLES, _STRIP_ROWS, _STRIP_BYTES, _PLANAR, _PALETTE = 273, 277, 278, 279, 284, 320
_TILE_WIDTH, _TILE_HEIGHT, _TILES, _TILE_BYTES, _EXTRA, _SAMPLE_FORMAT = 322, 323, 324, 325, 338, 339
_ORIENTATION, _PREDICTOR, _YCBCR_SUBSAMPLING, _DNG = 274, 317, 530, 50706
# Beside those: fill order, T4 and T6 options, ink set, JPEG tables, and YCbCr's coefficients, positioning and black.
_NEEDED = {
    *(
        _WIDTH,
        _HEIGHT,
        _BITS,
        _COMPRESSION,
        _PHOTOMETRIC,
        _STRIPS,
        _SAMPLES,
        _STRIP_ROWS,
        _STRIP_BYTES,
        _PLANAR,
    ),
    *(_PALETTE, _TILE_WIDTH, _TILE_HEIGHT, _TILES, _TILE_BYTES, _EXTRA, _SAMPLE_FORMAT, _PREDICTOR),
    *(266, 292, 293, 332, 347, 512, 513, 514, 515, 519, 520, 521, 529, _YCBCR_SUBSAMPLING, 531, 532),
}
_WHITE_ZERO, _RGB, _INDEXED, _CMYK, _YCBCR, _LAB = 0, 2, 3, 5, 6, 8
_MOST_SAMPLES = 16
_RAW_PHOTOMETRICS = (32803, 34892)  # colour filter array, linear raw
_RAW_COMPRESSIONS = (32767, 34713, 65535)  # Sony's, Nikon's, Pentax's
_RAW_MAKERS = {
    "nikon": "NEF",
    "sony": "ARW",
    "canon": "CR2",
    "pentax": "PEF",
    "ricoh": "PEF",
    "samsung": "SRW",
}
_MODES = {0: "L", 1: "L", _RGB: "RGB", _CMYK: "CMYK", _YCBCR: "YCbCr", _LAB: "LAB"}
# The modes of Pillow with alpha: what ExtraSamples calls 1, which the colours were multiplied by, and 2.
_ALPHA_MODES = {("L", 1): "La", ("L", 2): "LA", ("RGB", 1): "RGBa", ("RGB", 2): "RGBA"}


@dataclass(frozen=True)
class TiffPicture:
    """The picture of a TIFF that is read.

    `file` is a TIFF for Pillow, of the picture as it is or, where `samples` is above 1, of grey that holds its samples:
    a page for each plane, or one page that is as many times as wide. `size` is width and height as stored, `bits`
    the depth; `pages` says whether other pages follow. `missing` says what of the picture is not in the file, empty
    where nothing is. `raw` names a camera's raw format: then `file` is empty.
    """

    file: BinaryIO
    directory: Directory
    size: tuple[int, int]
    bits: int
    samples: int
    pages: bool
    notes: tuple[str, ...]
    missing: str
    raw: str | None

    @property
    def orientation(self) -> int:
        """The orientation that it states itself, zero where it states none."""
        return _number(self.directory, _ORIENTATION)


def choose_picture(data: bytes) -> TiffPicture:
    """Choose the picture of a TIFF, and write it again. Raises ValueError on damage."""
    tags = Tags(data)
    pages = list(tags.chain())
    if not pages:
        raise ValueError("no directory")
    below = [found for page in pages[:4] for found in tags.below(page, SUB_IFDS)]
    raw = _raw_format([*pages, *below])
    chosen, notes = _full_picture(pages, below)
    if not _area(chosen):
        raise ValueError("no pixels")
    bits = {int(value) for value in _numbers(chosen, _BITS, 1)}
    plain = TiffPicture(
        io.BytesIO(), chosen, _size(chosen), max(bits), 1, len(pages) > 1, tuple(notes), "", raw
    )
    if raw:
        return plain
    samples = _number(chosen, _SAMPLES, 1)
    missing = _missing(chosen, samples, len(data))
    chosen, more = _with_full_palette(chosen)
    apart = _number(chosen, _PLANAR, 1) == 2
    # Pillow has no mode for 16 bits of colour, keeps the highest 8, and has none at all for grey with alpha.
    wide = bits == {16} and _number(chosen, _SAMPLE_FORMAT, 1) == 1
    if samples == 1 or not (apart or wide):
        directories = [chosen | {_PLANAR: _field(chosen, 1)}]
        samples = 1
    elif len(bits) > 1 or not bits <= {8, 16} or samples > _MOST_SAMPLES:
        raise ValueError("samples of a rare kind")
    else:
        directories = _planes(chosen, samples) if apart else [_as_wide_grey(chosen, samples)]
    file = _written(data, tags.order, directories)
    return replace(plain, file=file, samples=samples, notes=tuple(notes + more), missing=missing)


def _numbers(directory: Directory, tag: int, default: int) -> tuple[float, ...]:
    return (directory[tag].numbers() if tag in directory else ()) or (default,)


def _number(directory: Directory, tag: int, default: int = 0) -> int:
    return int(_numbers(directory, tag, default)[0])


def _size(directory: Directory) -> tuple[int, int]:
    return _number(directory, _WIDTH), _number(directory, _HEIGHT)


def _area(directory: Directory) -> int:
    width, height = _size(directory)
    return width * height


def _raw_format(directories: list[Directory]) -> str | None:
    """Name the camera's raw format that a TIFF is, None where it is none."""
    if any(_DNG in directory for directory in directories):
        return "DNG"
    for directory in directories:
        if (
            _number(directory, _PHOTOMETRIC) in _RAW_PHOTOMETRICS
            or _number(directory, _COMPRESSION) in _RAW_COMPRESSIONS
        ):
            makers = [(d[_MAKE].text() or "").lower() for d in directories if _MAKE in d]
            named = (
                name for maker in makers for start, name in _RAW_MAKERS.items() if maker.startswith(start)
            )
            return next(named, "a camera's raw file")
    return None


def _full_picture(pages: list[Directory], below: list[Directory]) -> tuple[Directory, list[str]]:
    """Choose the first page, or the full picture where that is a thumbnail of it."""
    first = pages[0]
    full = [d for d in [*below, *pages[1:]] if not _number(d, _SUBFILE) & 1 and _area(d) > _area(first)]
    if not _number(first, _SUBFILE) & 1:
        # It does not say so itself: it is one where the larger picture lies below it, or is of its shape.
        full = [d for d in full if d in below or _is_enlarged(first, d)]
    if not full:
        return first, []
    chosen = max(full, key=_area)
    width, height = _size(chosen)
    small = "{} x {}".format(*_size(first))
    return chosen, [
        f"Its first picture is a thumbnail of {small}; the full one, {width} x {height}, was taken."
    ]


def _is_enlarged(small: Directory, large: Directory) -> bool:
    """Return whether a picture has the shape of another, to a pixel of that, and at least twice its sides."""
    (width, height), (wide, tall) = _size(small), _size(large)
    return wide >= 2 * width and abs(tall * width - wide * height) <= max(wide, tall)


def _with_full_palette(directory: Directory) -> tuple[Directory, list[str]]:
    """Spread a palette of 8-bit values, which some programs write, over the 16 bits that TIFF has for them."""
    values = [int(value) for value in _numbers(directory, _PALETTE, 0)]
    if _number(directory, _PHOTOMETRIC) != _INDEXED or not 0 < max(values) < 256:
        return directory, []
    field = directory[_PALETTE]
    raw = struct.pack(f"{field.order}{len(values)}H", *(value * 257 for value in values))
    spread = Field(3, len(values), field.order, memoryview(raw))
    return {**directory, _PALETTE: spread}, [
        "Its palette has values of 8 bits where TIFF has 16; it was read so."
    ]


def _missing(directory: Directory, samples: int, length: int) -> str:
    """Say what of a picture's strips or tiles is not in a file of so many bytes, empty where all is."""
    width, height = _size(directory)
    tiled = _TILES in directory
    offsets = _numbers(directory, _TILES if tiled else _STRIPS, 0)
    counts = _numbers(directory, _TILE_BYTES if tiled else _STRIP_BYTES, 0)
    rows = min(_number(directory, _TILE_HEIGHT if tiled else _STRIP_ROWS, height) or height, 1 << 24)
    columns = _number(directory, _TILE_WIDTH, width) if tiled else width
    across = -(-width // max(columns, 1))
    down = -(-height // max(rows, 1))
    apart = _number(directory, _PLANAR, 1) == 2
    plain = _number(directory, _COMPRESSION, 1) == 1 and _number(directory, _PHOTOMETRIC) != _YCBCR
    bits = sum(_numbers(directory, _BITS, 1)[:1]) * (1 if apart else samples)
    row_bytes = int(columns * bits + 7) // 8
    wanted = across * down * (samples if apart else 1)
    for number in range(wanted):
        top = number // across % down * rows
        least = row_bytes * (rows if tiled else min(rows, height - top)) if plain else 1
        offset = int(offsets[number]) if number < len(offsets) else length
        there = length - offset
        if number < len(counts) and counts[number]:
            least = least if plain else int(counts[number])
            there = min(there, int(counts[number]))
        if there < least:
            if tiled or apart:
                return f"{number} of its {wanted} {'tiles' if tiled else 'strips'} are there"
            part = max(there, 0) // row_bytes if plain else 0
            return f"{min(top + part, height)} of its {height} rows are there"
    return "" if wanted else "it has no rows"


def _field(directory: Directory, *values: int) -> Field:
    """Return a field of 32-bit integers in the order of bytes of those of a directory."""
    order = next(iter(directory.values())).order
    return Field(4, len(values), order, memoryview(struct.pack(f"{order}{len(values)}I", *values)))


def _planes(directory: Directory, samples: int) -> list[Directory]:
    """Return a directory of grey for each plane of a picture whose samples are apart."""
    strips, sizes = (_TILES, _TILE_BYTES) if _TILES in directory else (_STRIPS, _STRIP_BYTES)
    each = len(_numbers(directory, strips, 0)) // samples
    grey, (mode, alpha) = _grey(directory), _mode(directory, samples)
    wanted = [*range(_colours(mode)), *([alpha] if alpha else [])]
    return [
        grey
        | {
            tag: _field(directory, *(int(v) for v in _numbers(directory, tag, 0)[i * each : (i + 1) * each]))
            for tag in (strips, sizes)
            if tag in directory
        }
        for i in wanted
    ]


def _as_wide_grey(directory: Directory, samples: int) -> Directory:
    """Return a directory of grey of a picture of 16-bit samples, which lie side by side in its rows."""
    wide = {tag: _number(directory, tag) * samples for tag in (_WIDTH, _TILE_WIDTH) if tag in directory}
    return _grey(directory) | {
        tag: _field(directory, value) for tag, value in (wide | {_PREDICTOR: 1}).items()
    }


def _grey(directory: Directory) -> Directory:
    if _number(directory, _PHOTOMETRIC) not in _MODES or max(_numbers(directory, _YCBCR_SUBSAMPLING, 1)) > 1:
        raise ValueError("samples of a rare kind")
    one = {_BITS: _number(directory, _BITS), _PHOTOMETRIC: 1, _PLANAR: 1, _SAMPLES: 1}
    kept = {tag: value for tag, value in directory.items() if tag not in (_EXTRA, _PALETTE, _SAMPLE_FORMAT)}
    return kept | {tag: _field(directory, value) for tag, value in one.items()}


def _written(data: bytes, order: str, directories: list[Directory]) -> BinaryIO:
    """Write a TIFF whose strips lie where they lay, and whose directories, at its end, hold what decoding needs."""
    place = len(data) + len(data) % 2
    head = data[:2] + struct.pack(order + "HI", 42, place)
    pieces = [bytes(len(data) % 2)]
    for number, directory in enumerate(directories):
        kept = sorted(_NEEDED & directory.keys())
        place += 2 + 12 * len(kept) + 4
        entries, values = [struct.pack(order + "H", len(kept))], []
        for tag in kept:
            field = directory[tag]
            if field.kind in (16, 17, 18):  # of BigTIFF
                field = _field(directory, *map(int, field.numbers()))
            raw = bytes(field.raw)
            cell = raw.ljust(4, b"\0") if len(raw) <= 4 else struct.pack(order + "I", place)
            entries.append(struct.pack(order + "HHI", tag, field.kind, field.count) + cell)
            if len(raw) > 4:
                values.append(raw + bytes(len(raw) % 2))
                place += len(values[-1])
        follows = place if number + 1 < len(directories) else 0
        pieces += [*entries, struct.pack(order + "I", follows), *values]
    return spliced([head, memoryview(data)[8:], b"".join(pieces)])


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


def merge_samples(
    picture: TiffPicture, planes: list[NDArray[Any]], icc: bytes
) -> tuple[NDArray[np.uint8], list[str]]:
    """Put the decoded pages of a picture of several samples together, as `to_rgb`; the list is emptied."""
    directory = picture.directory
    if len(planes) == 1:
        values = planes.pop()
        if _number(directory, _PREDICTOR, 1) == 2:
            values = _undo_differences(values, picture)
        planes += [values[:, sample :: picture.samples] for sample in range(picture.samples)]
        del values
    mode, alpha = _mode(directory, picture.samples)
    count = _colours(mode)
    colours, notes = eight_bits(planes[:count], picture.bits)
    if _number(directory, _PHOTOMETRIC) == _WHITE_ZERO:
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
    mode = _MODES[_number(directory, _PHOTOMETRIC)]
    # RGB of four samples without a word on the fourth is RGB with alpha, as other readers take it.
    extra = _numbers(
        directory, _EXTRA, 2 if mode == "RGB" and samples == 4 and _EXTRA not in directory else 0
    )
    for place, kind in enumerate(extra[: samples - _colours(mode)]):
        if (mode, int(kind)) in _ALPHA_MODES:
            return _ALPHA_MODES[mode, int(kind)], _colours(mode) + place
    return mode, 0


def _undo_differences(values: NDArray[np.uint16], picture: TiffPicture) -> NDArray[np.uint16]:
    """Undo TIFF's horizontal differences (TIFF 6.0, section 14) of samples side by side, in each tile."""
    whole = np.empty_like(values)
    samples = picture.samples
    columns = _number(picture.directory, _TILE_WIDTH, picture.size[0]) * samples
    for left in range(0, values.shape[1], columns):
        for sample in range(samples):
            part = slice(left + sample, left + columns, samples)
            np.cumsum(values[:, part], axis=1, dtype=np.uint16, out=whole[:, part])
    return whole
