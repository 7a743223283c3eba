"""A large picture decoded in bands of rows is the picture decoded whole, notes and refusals included."""

import struct
import zlib

import numpy as np
import pytest
from PIL import Image
from PIL.ExifTags import Base

from ganprint.errors import TruncatedImageError
from ganprint.images import bands, large, read, read_image, tags, tiff_file

from ..conftest import chunk, encoded

SIZE = (61, 83)
MODES = {"RGB": 3, "RGBA": 4, "LA": 2, "L": 1, "CMYK": 4, "YCbCr": 3, "LAB": 3}


@pytest.fixture
def small_bands(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make pictures of more than a thousand pixels large, and bands of some ten rows."""
    monkeypatch.setattr(large, "LARGE", 1000)
    monkeypatch.setattr(bands, "BAND_PIXELS", 700)
    monkeypatch.setattr(tiff_file, "BAND_PIXELS", 700)


def picture(mode: str) -> Image.Image:
    draw = np.random.default_rng(3)
    smooth = np.add.outer(np.arange(SIZE[1]), 2 * np.arange(SIZE[0]))[..., None] * np.arange(1, MODES[mode] + 1)
    values = (smooth + draw.integers(0, 4, smooth.shape)).astype(np.uint8)
    return Image.frombytes(mode, SIZE, values.tobytes())


def png(mode: str, filtering: int | None = None, **options: object) -> bytes:
    """Write a PNG, every row by one filter where that is named."""
    image = picture(mode)
    data = encoded(image, **options)
    if filtering is None:
        return data
    values = np.asarray(image).reshape(SIZE[1], -1).astype(np.int64)
    step = MODES[mode]
    left = np.pad(values, ((0, 0), (step, 0)))[:, :-step]
    above = np.pad(values, ((1, 0), (0, 0)))[:-1]
    corner = np.pad(values, ((1, 0), (step, 0)))[:-1, :-step]
    guess = left + above - corner
    far = [np.abs(guess - each) for each in (left, above, corner)]
    paeth = np.where((far[0] <= far[1]) & (far[0] <= far[2]), left, np.where(far[1] <= far[2], above, corner))
    predicted = (0 * values, left, above, (left + above) // 2, paeth)[filtering]
    rows = np.pad(((values - predicted) % 256).astype(np.uint8), ((0, 0), (1, 0)), constant_values=filtering)
    return with_pixel_data(data, zlib.compress(rows.tobytes()))


def with_pixel_data(data: bytes, packed: bytes) -> bytes:
    """Return a PNG whose pixel data lie in chunks of 100 bytes."""
    head, pieces = data[: data.index(b"IDAT") - 4], [packed[i : i + 100] for i in range(0, len(packed), 100)]
    return head + b"".join(chunk(b"IDAT", piece) for piece in pieces) + chunk(b"IEND", b"")


def tif(mode: str, **options: object) -> bytes:
    return encoded(picture(mode), "TIFF", **options)


def tiled(compressed: bool) -> bytes:
    """Write a TIFF in tiles of 32 x 16 pixels."""
    values = np.asarray(picture("RGB"))
    padded = np.pad(values, ((0, -SIZE[1] % 16), (0, -SIZE[0] % 32), (0, 0)))
    tiles = [
        padded[top : top + 16, left : left + 32].tobytes()
        for top in range(0, padded.shape[0], 16)
        for left in range(0, padded.shape[1], 32)
    ]
    tiles = [zlib.compress(tile) for tile in tiles] if compressed else tiles
    starts = np.cumsum([8, *map(len, tiles)])
    fields = {
        256: SIZE[0], 257: SIZE[1], 258: (8, 8, 8), 259: 8 if compressed else 1, 262: 2, 277: 3, 322: 32,
    }  # fmt: skip
    fields |= {323: 16, 324: tuple(map(int, starts[:-1])), 325: tuple(map(len, tiles))}
    place, entries, values_after = int(starts[-1]) + int(starts[-1]) % 2, [], b""
    after = place + 2 + 12 * len(fields) + 4
    for tag, value in fields.items():
        numbers = value if isinstance(value, tuple) else (value,)
        raw = struct.pack(f">{len(numbers)}I", *numbers)
        if len(numbers) > 1:
            raw, values_after = struct.pack(">I", after + len(values_after)), values_after + raw
        entries.append(struct.pack(">HHI", tag, 4, len(numbers)) + raw)
    body = b"".join(tiles)
    directory = struct.pack(">H", len(entries)) + b"".join(entries) + bytes(4)
    return b"MM" + struct.pack(">HI", 42, place) + body + bytes(len(body) % 2) + directory + values_after


FILES = {
    **{f"png-{mode}-filter-{number}": png(mode, number) for mode in ("RGB", "RGBA", "LA") for number in range(5)},
    "png-RGB-key-colour": png("RGB", transparency=tuple(map(int, np.asarray(picture("RGB"))[40, 7]))),
    **{
        f"tiff-{mode}-{compression or 'plain'}": tif(mode, compression=compression, strip_size=800)
        for mode in ("RGB", "RGBA", "CMYK", "LAB", "YCbCr")
        for compression in (None, "tiff_lzw", "tiff_adobe_deflate", "packbits")
        if (mode, compression) != ("YCbCr", None)
    },
    "tiff-RGB-jpeg": tif("RGB", compression="jpeg", quality=95, strip_size=800),
    "tiff-one-strip": tif("RGB", strip_size=1 << 20),
    "tiff-tiles": tiled(False),
    "tiff-tiles-deflate": tiled(True),
}


def counted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    found: list[int] = []
    whole = read.bands_to_rgb

    def counting(parts, *given):
        parts = [*parts]
        found.append(len(parts))
        return whole(parts, *given)

    monkeypatch.setattr(read, "bands_to_rgb", counting)
    return found


@pytest.mark.parametrize("name", FILES)
def test_bands_are_the_picture(name: str, monkeypatch: pytest.MonkeyPatch, request) -> None:
    data = FILES[name]
    whole = read_image(data, name="whole")
    request.getfixturevalue("small_bands")
    count = counted(monkeypatch)
    found = read_image(data, name="whole")
    assert count and count[0] > 3
    assert np.array_equal(found.pixels, whole.pixels)
    assert found.notes == whole.notes


@pytest.mark.usefixtures("small_bands")
@pytest.mark.parametrize("kept", [0.3, 0.8, 0.99])
def test_rows_that_are_missing_are_counted(kept: float) -> None:
    packed = zlib.compress(bytes((3 * SIZE[0] + 1) * int(kept * SIZE[1])))
    with pytest.raises(TruncatedImageError, match=f": {int(kept * SIZE[1])} of its 83 rows are there"):
        read_image(with_pixel_data(png("RGB"), packed), name="cut")


@pytest.mark.usefixtures("small_bands")
def test_damaged_pixel_data_are_refused() -> None:
    data = png("RGB", 1)
    packed = bytearray(zlib.compress(np.random.default_rng(0).bytes((3 * SIZE[0] + 1) * SIZE[1])))
    packed[1000] ^= 255
    with pytest.raises(TruncatedImageError):
        read_image(with_pixel_data(data, bytes(packed)), name="damaged")
    with pytest.raises(TruncatedImageError):
        read_image(with_pixel_data(data, zlib.compress(b"\7" * 183 * 83 + b"\7" * 83)), name="filters")


@pytest.mark.usefixtures("small_bands")
def test_strips_over_each_other_are_not_copied_as_often_as_they_are_named() -> None:
    data = tif("RGB", compression="tiff_lzw", strip_size=800)
    directory = next(tags.Tags(data).chain())
    strips = len(directory[Base.StripOffsets].numbers())
    assert len([*tiff_file.tiff_bands(data, "<", directory)]) > 3
    directory |= {
        Base.StripOffsets: tiff_file.field_of(directory, *[8] * strips),
        Base.StripByteCounts: tiff_file.field_of(directory, *[len(data) - 8] * strips),
    }
    assert not [*tiff_file.tiff_bands(data, "<", directory)]


@pytest.mark.usefixtures("small_bands")
def test_one_compressed_strip_is_decoded_whole() -> None:
    data = tif("RGB", compression="tiff_lzw", strip_size=1 << 20)
    assert not [*tiff_file.tiff_bands(data, "<", next(tags.Tags(data).chain()))]
    assert np.array_equal(read_image(data, name="whole").pixels, np.asarray(picture("RGB")))
