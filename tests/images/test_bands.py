"""A large picture decoded in bands of rows is the picture decoded whole, notes and refusals included."""

import io
import zlib

import numpy as np
import pytest
from PIL import Image
from PIL.ExifTags import Base

from ganprint.errors import TruncatedImageError
from ganprint.images import large, png_pixels, read, read_image, rgb, tags, tiff_file

from ..conftest import chunk, encoded

tifffile = pytest.importorskip("tifffile")  # scikit-image brings it
SIZE = (61, 83)
MODES = {"RGB": 3, "RGBA": 4, "LA": 2, "L": 1, "CMYK": 4, "YCbCr": 3, "LAB": 3}


@pytest.fixture
def small_bands(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make pictures of more than a thousand pixels large, and bands of some ten rows."""
    monkeypatch.setattr(large, "LARGE", 1000)
    monkeypatch.setattr(png_pixels, "BAND_PIXELS", 700)
    monkeypatch.setattr(tiff_file, "BAND_PIXELS", 700)


def picture(mode: str) -> Image.Image:
    draw = np.random.default_rng(3)
    smooth = np.add.outer(np.arange(SIZE[1]), 2 * np.arange(SIZE[0]))[..., None] * np.arange(1, MODES[mode] + 1)
    values = (smooth + draw.integers(0, 4, smooth.shape)).astype(np.uint8)
    return Image.frombytes(mode, SIZE, values.tobytes())


def png(mode: str, filtering: int) -> bytes:
    """Write a PNG of random differences to what one filter, the same in every row, says."""
    rows = np.random.default_rng(3).integers(0, 256, (SIZE[1], 1 + MODES[mode] * SIZE[0]), np.uint8)
    rows[:, 0] = filtering
    return with_pixel_data(encoded(picture(mode)), zlib.compress(rows.tobytes()))


def with_pixel_data(data: bytes, packed: bytes) -> bytes:
    """Return a PNG whose pixel data lie in chunks of 100 bytes."""
    head, pieces = data[: data.index(b"IDAT") - 4], [packed[i : i + 100] for i in range(0, len(packed), 100)]
    return head + b"".join(chunk(b"IDAT", piece) for piece in pieces) + chunk(b"IEND", b"")


def tif(mode: str, **options: object) -> bytes:
    return encoded(picture(mode), "TIFF", **options)


def tiled(compression: str | None) -> bytes:
    target = io.BytesIO()
    options = {"photometric": "rgb", "metadata": None, "byteorder": ">", "tile": (16, 32), "compression": compression}
    tifffile.imwrite(target, np.asarray(picture("RGB")), **options)
    return target.getvalue()


FILES = {
    **{f"png-{mode}-filter-{number}": png(mode, number) for mode in ("RGB", "RGBA", "LA") for number in range(5)},
    "png-RGB-key-colour": encoded(picture("RGB"), transparency=tuple(map(int, np.asarray(picture("RGB"))[40, 7]))),
    **{
        f"tiff-{mode}-{compression or 'plain'}": tif(mode, compression=compression, strip_size=800)
        for mode in ("RGB", "RGBA", "CMYK", "LAB", "YCbCr")
        for compression in (None, "tiff_lzw", "tiff_adobe_deflate", "packbits")
        if (mode, compression) != ("YCbCr", None)
    },
    "tiff-RGB-jpeg": tif("RGB", compression="jpeg", quality=95, strip_size=800),
    "tiff-one-strip": tif("RGB", strip_size=1 << 20),
    "tiff-tiles": tiled(None),
    "tiff-tiles-deflate": tiled("zlib"),
}


@pytest.mark.parametrize("name", FILES)
def test_bands_are_the_picture(name: str, monkeypatch: pytest.MonkeyPatch, request) -> None:
    whole = read_image(FILES[name])
    request.getfixturevalue("small_bands")
    counts, convert = [], rgb.bands_to_rgb

    def counting(parts, *given):
        parts = [*parts]
        counts.append(len(parts))
        return convert(parts, *given)

    for module in (png_pixels, read):
        monkeypatch.setattr(module, "bands_to_rgb", counting)
    found = read_image(FILES[name])
    assert counts and counts[0] > 3
    assert np.array_equal(found.pixels, whole.pixels)
    assert found.notes == whole.notes


@pytest.mark.usefixtures("small_bands")
@pytest.mark.parametrize("kept", [0.3, 0.8, 0.99])
def test_rows_that_are_missing_are_counted(kept: float) -> None:
    packed = zlib.compress(bytes((3 * SIZE[0] + 1) * int(kept * SIZE[1])))
    with pytest.raises(TruncatedImageError, match=f": {int(kept * SIZE[1])} of its 83 rows are there"):
        read_image(with_pixel_data(png("RGB", 0), packed), name="cut")


@pytest.mark.usefixtures("small_bands")
def test_damaged_pixel_data_are_refused() -> None:
    flipped = bytearray(zlib.compress(np.random.default_rng(0).bytes((3 * SIZE[0] + 1) * SIZE[1])))
    flipped[1000] ^= 255
    for packed in (flipped, zlib.compress(b"\7" * 184 * 83)):  # no filter has that number
        with pytest.raises(TruncatedImageError):
            read_image(with_pixel_data(png("RGB", 1), packed))


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
