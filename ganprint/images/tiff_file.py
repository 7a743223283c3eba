"""TIFFs written for the decoder: directories that hold only what decoding needs, and the strips of a picture."""

import io
import struct
from collections.abc import Iterator
from itertools import accumulate
from typing import Any, BinaryIO

from PIL.ExifTags import Base

from ganprint.images.large import BAND_PIXELS
from ganprint.images.tags import Directory, Field

YCBCR = 6
_NEEDED = {
    *(Base.ImageWidth, Base.ImageLength, Base.BitsPerSample, Base.Compression, Base.PhotometricInterpretation),
    *(Base.FillOrder, Base.StripOffsets, Base.SamplesPerPixel, Base.RowsPerStrip, Base.StripByteCounts),
    *(Base.PlanarConfiguration, Base.T4Options, Base.T6Options, Base.Predictor, Base.ColorMap, Base.TileWidth),
    *(Base.TileLength, Base.TileOffsets, Base.TileByteCounts, Base.InkSet, Base.ExtraSamples, Base.SampleFormat),
    *(Base.JPEGTables, Base.JPEGProc, Base.JpegIFOffset, Base.JpegIFByteCount, Base.JpegRestartInterval),
    *(Base.JpegQTables, Base.JpegDCTables, Base.JpegACTables, Base.YCbCrCoefficients, Base.YCbCrSubSampling),
    *(Base.YCbCrPositioning, Base.ReferenceBlackWhite),
}
_OLD_JPEG = 6
_HEAD = 8


def numbers_of(directory: Directory, tag: int, default: int) -> tuple[float, ...]:
    """Return the numbers under a tag, the default where there are none."""
    return (directory[tag].numbers() if tag in directory else ()) or (default,)


def number_of(directory: Directory, tag: int, default: int = 0) -> int:
    """Return the first number under a tag as an integer."""
    return int(numbers_of(directory, tag, default)[0])


def strip_tags(directory: Directory) -> tuple[int, int]:
    """Return the tags of where a picture's strips or tiles lie, and of their lengths."""
    if Base.TileOffsets in directory:
        return Base.TileOffsets, Base.TileByteCounts
    return Base.StripOffsets, Base.StripByteCounts


def field_of(directory: Directory, *values: int) -> Field:
    """Return a field of 32-bit integers in the order of bytes of those of a directory."""
    order = next(iter(directory.values())).order
    return Field(4, len(values), order, memoryview(struct.pack(f"{order}{len(values)}I", *values)))


def write_tiff(body: list[bytes | memoryview], order: str, directories: list[Directory]) -> BinaryIO:
    """Write a TIFF of what follows its header of 8 bytes, and of directories, at its end, with what decoding needs."""
    length = _HEAD + sum(map(len, body))
    place = length + length % 2
    head = (b"II" if order == "<" else b"MM") + struct.pack(order + "HI", 42, place)
    pieces = [bytes(length % 2)]
    for number, directory in enumerate(directories):
        kept = sorted(_NEEDED & directory.keys())
        place += 2 + 12 * len(kept) + 4
        entries, values = [struct.pack(order + "H", len(kept))], []
        for tag in kept:
            field = directory[tag]
            if field.kind in (16, 17, 18):  # of BigTIFF
                field = field_of(directory, *map(int, field.numbers()))
            raw = bytes(field.raw)
            cell = raw.ljust(4, b"\0") if len(raw) <= 4 else struct.pack(order + "I", place)
            entries.append(struct.pack(order + "HHI", tag, field.kind, field.count) + cell)
            if len(raw) > 4:
                values.append(raw + bytes(len(raw) % 2))
                place += len(values[-1])
        follows = place if number + 1 < len(directories) else 0
        pieces += [*entries, struct.pack(order + "I", follows), *values]
    return io.BufferedReader(_Spliced([head, *body, b"".join(pieces)]))


def tiff_bands(data: bytes, order: str, directory: Directory) -> Iterator[tuple[slice, BinaryIO]]:
    """Yield the rows of a picture of interleaved samples, and a TIFF of each such band alone.

    There are none where its strips cannot be told from each other, or where there is only one that is compressed.
    """
    width, height = number_of(directory, Base.ImageWidth), number_of(directory, Base.ImageLength)
    tiled = Base.TileOffsets in directory
    places, sizes = strip_tags(directory)
    rows = min(number_of(directory, Base.TileLength if tiled else Base.RowsPerStrip) or height, height)
    across = -(-width // max(number_of(directory, Base.TileWidth), 1)) if tiled else 1
    starts, lengths = ([int(v) for v in numbers_of(directory, tag, 0)] for tag in (places, sizes))
    photometric, compression = (
        number_of(directory, tag, 1) for tag in (Base.PhotometricInterpretation, Base.Compression)
    )
    if rows == height and len(starts) == 1 and not tiled and compression == 1 and photometric != YCBCR:
        bits = number_of(directory, Base.BitsPerSample, 1) * number_of(directory, Base.SamplesPerPixel, 1)
        rows, row_bytes = max(1, BAND_PIXELS // width), (width * bits + 7) // 8
        starts = [starts[0] + top * row_bytes for top in range(0, height, rows)]
        lengths = [min(rows, height - top) * row_bytes for top in range(0, height, rows)]
    lines = -(-height // rows)
    # Strips that lie over each other would be copied as often as they are named.
    known = min(len(starts), len(lengths)) >= lines * across and min(lengths) > 0
    if not known or sum(lengths) > len(data) or lines < 2 or compression == _OLD_JPEG:
        return
    each = max(1, BAND_PIXELS // (width * rows))
    for first in range(0, lines, each):
        top = first * rows
        some = slice(first * across, min(first + each, lines) * across)
        strips: list[bytes | memoryview] = [
            memoryview(data)[start : start + length] for start, length in zip(starts[some], lengths[some], strict=True)
        ]
        found = [len(strip) for strip in strips]
        changed = {Base.ImageLength: (min(each * rows, height - top),), Base.RowsPerStrip: (rows,), sizes: tuple(found)}
        changed[places] = tuple(accumulate(found[:-1], initial=_HEAD))
        if tiled:
            del changed[Base.RowsPerStrip]
        band = directory | {tag: field_of(directory, *values) for tag, values in changed.items()}
        yield slice(top, top + changed[Base.ImageLength][0]), write_tiff(strips, order, [band])


class _Spliced(io.RawIOBase):
    """One file of several pieces, none of them copied: a TIFF may have 256 MiB, and a new directory."""

    def __init__(self, pieces: list[bytes | memoryview]) -> None:
        self._pieces = pieces
        self._size = sum(map(len, pieces))
        self._place = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        self._place = max(0, offset + (0, self._place, self._size)[whence])
        return self._place

    def readinto(self, buffer: Any) -> int:
        start = self._place
        for piece in self._pieces:
            if start < len(piece):
                part = piece[start : start + len(buffer)]
                buffer[: len(part)] = part
                self._place += len(part)
                return len(part)
            start -= len(piece)
        return 0
