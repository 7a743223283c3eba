"""Each TIFF is read as what it is, however its samples lie, and its full picture; a camera's raw file is refused."""

import io
import struct
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from ganprint.errors import ImageError, TruncatedImageError, UnsupportedImageError
from ganprint.images import read_image
from ganprint.provenance.stated import read_stated

tifffile = pytest.importorskip("tifffile")  # scikit-image brings it
SIZE = (40, 56)


def noise(*shape: int, bits: int = 8) -> np.ndarray:
    kind = np.uint8 if bits == 8 else np.uint16
    return np.random.default_rng(0).integers(0, 1 << bits, shape).astype(kind)


def written(values: np.ndarray, **options: object) -> bytes:
    target = io.BytesIO()
    tifffile.imwrite(target, values, metadata=None, **options)
    return target.getvalue()


def over_white(samples: np.ndarray) -> np.ndarray:
    """Return what samples (H, W, 1 to 4) are as RGB: their highest 8 bits, over white where the last is alpha."""
    eight = (samples >> 8 if samples.dtype == np.uint16 else samples).astype(int)
    count = samples.shape[2]
    colour = eight[..., :3] if count > 2 else np.repeat(eight[..., :1], 3, axis=2)
    if count in (2, 4):
        alpha = eight[..., -1:]
        colour = (colour * alpha + 255 * (255 - alpha) + 127) // 255
    return colour


LAYOUTS = {
    "one strip": {},
    "strips": {"rowsperstrip": 16},
    "tiles": {"tile": (16, 32)},
    "deflate": {"compression": "zlib", "rowsperstrip": 16},
    "differences": {"compression": "zlib", "predictor": 2},
    "tiles of differences": {"compression": "zlib", "predictor": 2, "tile": (16, 32)},
    "big": {"bigtiff": True, "rowsperstrip": 16},
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(
    ("bits", "samples", "planar", "order"),
    [
        (bits, samples, planar, order)
        for bits, samples, planar, order in product((8, 16), (1, 2, 3, 4), ("contig", "separate"), ("<", ">"))
        if samples > 1 or planar == "contig"
    ],
)
def test_samples_come_out_however_they_lie(bits: int, samples: int, planar: str, order: str, layout: str) -> None:
    values = noise(*SIZE, samples, bits=bits)
    stored = values[..., 0] if samples == 1 else values if planar == "contig" else np.moveaxis(values, -1, 0)
    options: dict[str, object] = {"photometric": "rgb" if samples > 2 else "minisblack", "byteorder": order}
    if samples > 1:
        options["planarconfig"] = planar
    if samples in (2, 4):
        options["extrasamples"] = ["unassalpha"]
    image = read_image(written(stored, **options, **LAYOUTS[layout]))
    assert np.array_equal(image.pixels, over_white(values))
    assert ("16 bits" in " ".join(image.notes)) == (bits == 16)


def test_white_is_zero_holds_for_planes_with_alpha() -> None:
    values = noise(*SIZE, 2)
    values[..., 1] = 255
    options = {"photometric": "miniswhite", "planarconfig": "separate", "extrasamples": ["unassalpha"]}
    pixels = read_image(written(np.moveaxis(values, -1, 0), **options)).pixels
    assert np.array_equal(pixels[..., 0], 255 - values[..., 0])


@pytest.mark.parametrize("order", ["<", ">"])
def test_a_palette_of_eight_bits_is_not_black(order: str) -> None:
    indices, palette = noise(*SIZE), noise(3, 256)
    wide, narrow = (
        read_image(written(indices, photometric="palette", colormap=palette.astype(np.uint16) * by, byteorder=order))
        for by in (257, 1)
    )
    assert np.array_equal(wide.pixels, palette.T[indices]) and np.array_equal(narrow.pixels, wide.pixels)
    assert wide.notes == () and "palette has values of 8 bits" in narrow.notes[0]


@pytest.mark.parametrize("bits", [10, 12, 14])
@pytest.mark.parametrize("samples", [1, 3])
def test_values_of_fewer_bits_in_sixteen_are_not_dark(bits: int, samples: int) -> None:
    values = noise(*SIZE, samples, bits=bits)
    values[0, 0] = (1 << bits) - 1
    data = written(values[..., 0] if samples == 1 else values, photometric="rgb" if samples == 3 else "minisblack")
    image = read_image(data)
    assert np.array_equal(image.pixels, np.broadcast_to(values >> (bits - 8), (*SIZE, 3)))
    assert image.notes == (
        f"Its values of 16 bits reach only {(1 << bits) - 1}; they were read as values of {bits} bits.",
    )


FULL, SMALL = noise(120, 160, 3), noise(40, 53, 3)


def with_thumbnail(first: dict[str, object], below: bool, *others: dict[str, object]) -> bytes:
    """Write a small picture and full ones, the first of them below the small one or all after it."""
    target = io.BytesIO()
    with tifffile.TiffWriter(target) as file:
        file.write(SMALL, photometric="rgb", metadata=None, subifds=1 if below else 0, **first)
        for number, options in enumerate(others):
            file.write(FULL[:: (-1) ** number], photometric="rgb", metadata=None, **options)
    return target.getvalue()


@pytest.mark.parametrize(
    ("data", "full", "note"),
    [
        (with_thumbnail({"subfiletype": 1}, True, {}), True, "thumbnail of 53 x 40; the full one, 160 x 120,"),
        (with_thumbnail({"subfiletype": 1}, False, {}), True, "thumbnail of 53 x 40; the full one, 160 x 120,"),
        (with_thumbnail({}, True, {}), True, "thumbnail of 53 x 40; the full one, 160 x 120,"),
        (with_thumbnail({}, True, {"subfiletype": 1}), False, ""),
        (with_thumbnail({}, False, {}), True, "thumbnail of 53 x 40"),
        (with_thumbnail({}, False, {"subfiletype": 1}), False, "Only the first page of several was read."),
        (written(np.stack([SMALL, SMALL[::-1]])), False, "Only the first page of several was read."),
    ],
    ids=[
        "below", "after", "below and larger", "reduced below", "larger page", "reduced page", "another page",
    ],
)  # fmt: skip
def test_the_full_picture_is_taken_and_that_is_said(data: bytes, full: bool, note: str) -> None:
    image = read_image(data)
    assert np.array_equal(image.pixels, FULL if full else SMALL)
    assert note in " ".join(image.notes)


@pytest.mark.parametrize("below", [True, False])
@pytest.mark.parametrize(
    ("after", "rest"), [([], ""), ([{"subfiletype": 1}], ""), ([{}], "; its other pages were not")]
)
def test_one_note_says_what_was_taken_of_a_thumbnail_and_pages(
    below: bool, after: list[dict[str, object]], rest: str
) -> None:
    image = read_image(with_thumbnail({"subfiletype": 1}, below, {}, *after))
    assert np.array_equal(image.pixels, FULL)
    taken = f"Its first picture is a thumbnail of 53 x 40; the full one, 160 x 120, was taken{rest}."
    assert image.notes == (taken,)


def test_the_full_picture_has_its_own_orientation() -> None:
    data = with_thumbnail({"subfiletype": 1}, True, {"extratags": [(274, 3, 1, 6, True)]})
    assert np.array_equal(read_image(data).pixels, np.rot90(FULL, -1))


def raw(maker: str, tag: tuple[object, ...] | None, photometric: int) -> bytes:
    tags = [(271, 2, 0, maker, True), *([tag] if tag else [])]
    target = io.BytesIO()
    with tifffile.TiffWriter(target) as file:
        file.write(SMALL, photometric="rgb", metadata=None, subifds=1, subfiletype=1, extratags=tags)
        samples = (3,) if photometric == 34892 else ()
        file.write(noise(120, 160, *samples, bits=16), photometric=photometric, metadata=None)
    return target.getvalue()


@pytest.mark.parametrize(
    ("data", "name", "called"),
    [
        (raw("NIKON CORPORATION", None, 32803), "a.tif", "NEF"),
        (raw("SONY", None, 32803), "a.tif", "ARW"),
        (raw("Acme", (50706, 1, 4, (1, 4, 0, 0), True), 32803), "a.tif", "DNG"),
        (raw("Acme", (50706, 1, 4, (1, 4, 0, 0), True), 34892), "a.tif", "DNG"),
        (b"II*\0\x10\0\0\0CR\x02\0" + bytes(99), "a.tif", "CR2"),
        (written(SMALL), "photo.NEF", "NEF"),
        (written(SMALL), "photo.arw", "ARW"),
        (b"\0\0\0\x18ftypcrx \0\0\0\1crx isom" + bytes(99), "a", "CR3"),
        (b"FUJIFILMCCD-RAW 0201" + bytes(99), "a", "RAF"),
        (b"IIU\0\x18\0\0\0" + bytes(99), "a", "RW2"),
    ],
    ids=["nef", "arw", "dng", "linear dng", "cr2", "nef by name", "arw by name", "cr3", "raf", "rw2"],
)
def test_a_camera_s_raw_file_is_refused_by_name(data: bytes, name: str, called: str) -> None:
    with pytest.raises(UnsupportedImageError, match=f"is {called}, what a camera's sensor saw") as caught:
        read_image(data, name=name)
    assert "develop it" in caught.value.hint


RGB = noise(*SIZE, 3)
HEIGHT = struct.pack("<HHI", 257, 4, 1)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (written(RGB, photometric="rgb", rowsperstrip=10)[: -56 * 3 * 15], "25 of its 40 rows are there"),
        (written(RGB, photometric="rgb", rowsperstrip=40)[: -56 * 3 * 15], "25 of its 40 rows are there"),
        (written(RGB, photometric="rgb", rowsperstrip=10, compression="zlib")[:-2000], "20 of its 40 rows are there"),
        (written(RGB, photometric="rgb", tile=(16, 16))[:-1000], "of its 12 tiles are there"),
        (written(RGB, photometric="rgb", rowsperstrip=8).replace(HEIGHT + b"\x28", HEIGHT + b"\x38"),
         "40 of its 56 rows are there"),
    ],
    ids=["strips", "one strip", "deflate", "tiles", "fewer strips than announced"],
)  # fmt: skip
def test_what_is_missing_of_a_tiff_is_said(data: bytes, says: str) -> None:
    with pytest.raises(TruncatedImageError, match=f"is a damaged TIFF: .*{says}"):
        read_image(data, name="cut.tif")


def test_directories_that_overlap_and_loop_take_no_time_to_speak_of() -> None:
    entries = b"".join(
        (1000 + i).to_bytes(2, "little") + b"\x04\0" + (4_000).to_bytes(4, "little") + bytes(4) for i in range(4000)
    )
    looping = (4000).to_bytes(2, "little") + entries + (8).to_bytes(4, "little")
    with pytest.raises(ImageError):
        read_stated(b"II*\0\x08\0\0\0" + looping + bytes(20_000), metadata=True)


@pytest.mark.parametrize("name", ["planar16_raw_le.tif", "palette_map8bit.tif", "thumb_first_subifd.tif"])
def test_reference_files_are_read_right(name: str, shared: Path) -> None:
    folder = shared / "inputs"
    right = read_image(folder / "contig16.tif").pixels.astype(int)
    assert np.abs(read_image(folder / name).pixels - right).mean() < 12
