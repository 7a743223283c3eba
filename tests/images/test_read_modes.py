"""Every format, mode and depth comes out as the right RGB, and each change is said."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms, features

from ganprint.images import read_image
from ganprint.images.containers import take_apart
from ganprint.images.formats import sniff
from ganprint.provenance.stated import read_stated

from ..conftest import chunk, encoded, gradient, noise, png_file

SIDE = 64
RED, WHITE = (255, 0, 0), (255, 255, 255)


def png(depth: int, colour: int, rows: np.ndarray, *chunks: tuple[bytes, bytes]) -> bytes:
    """Write a PNG of depths and colour types that Pillow does not write; `rows` are the bytes of each row."""
    packed = zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows))
    before = [chunk(*each) for each in chunks]
    return png_file((SIDE, len(rows)), packed, *before, bits=depth, colour=colour)


RGB = Image.fromarray(gradient())
FLAT_RED = Image.new("RGB", (SIDE, SIDE), RED)
LAB = pytest.mark.skipif(not features.check("littlecms2"), reason="this Pillow converts no L*a*b*")
AVIF = pytest.mark.skipif(not features.check("avif"), reason="this Pillow has no AVIF")


@pytest.mark.parametrize(
    ("kind", "options", "tolerance"),
    [
        ("PNG", {}, 0),
        ("BMP", {}, 0),
        ("WEBP", {"lossless": True}, 0),
        ("TIFF", {}, 0),
        ("TIFF", {"compression": "tiff_lzw"}, 0),
        ("TIFF", {"compression": "tiff_adobe_deflate"}, 0),
        ("TIFF", {"compression": "packbits"}, 0),
        ("TIFF", {"compression": "jpeg", "quality": 95}, 6),
        ("JPEG", {"quality": 95, "subsampling": 0}, 6),
        ("JPEG", {"quality": 95, "subsampling": 0, "progressive": True}, 6),
        ("WEBP", {"quality": 95}, 12),
        pytest.param("AVIF", {"quality": 100, "subsampling": "4:4:4"}, 4, marks=AVIF),
    ],
    ids=str,
)
def test_each_format_gives_its_pixels(kind: str, options: dict[str, object], tolerance: int) -> None:
    image = read_image(encoded(RGB, kind, **options))
    assert image.format == kind
    assert (image.height, image.width, 3) == image.pixels.shape
    assert image.pixels.dtype == np.uint8
    assert np.abs(image.pixels.astype(int) - gradient()).max() <= tolerance
    assert image.notes == ()


@pytest.mark.parametrize(
    ("data", "pixels"),
    [
        (encoded(FLAT_RED, "GIF"), np.asarray(FLAT_RED)),
        (encoded(RGB, "BMP")[14:], gradient()),
        (encoded(noise(1100, 2000, 3), "BMP"), noise(1100, 2000, 3)),
    ],
    ids=["palette of a gif", "bitmap without its file's header", "larger than a strip"],
)
def test_pixels_are_exact(data: bytes, pixels: np.ndarray) -> None:
    assert np.array_equal(read_image(data).pixels, pixels)


GREY = np.tile(np.arange(SIDE, dtype=np.uint8) * 4, (SIDE, 1))
SIXTEEN = np.tile(np.linspace(0, 65535, SIDE).astype(np.uint16), (SIDE, 1))
EIGHT = (SIXTEEN >> 8).astype(np.uint8)


def tiff16(values: np.ndarray, photometric: int, bits: int = 16) -> bytes:
    """Write an uncompressed little-endian grey TIFF of one strip."""
    body = values.astype("<u2").tobytes() if bits == 16 else _packed12(values)
    height, width = values.shape
    tags = {256: width, 257: height, 258: bits, 259: 1, 262: photometric, 273: 122, 277: 1, 278: height, 279: len(body)}
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items())
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + b"\0\0\0\0" + body


def _packed12(values: np.ndarray) -> bytes:
    first, second = values[:, ::2].astype(int), values[:, 1::2].astype(int)
    return np.dstack([first >> 4, (first & 15) << 4 | second >> 8, second & 255]).astype(np.uint8).tobytes()


def as_float(values: np.ndarray) -> bytes:
    return encoded(Image.fromarray(values.astype(np.float32)), "TIFF")


NAN_RAMP = np.where(np.arange(SIDE) == 5, np.nan, GREY / 255)


@pytest.mark.parametrize(
    ("data", "expected", "note"),
    [
        (encoded(GREY, "PNG"), GREY, None),
        (encoded(GREY, "TIFF"), GREY, None),
        (encoded(Image.fromarray(GREY > 99), "PNG"), (GREY > 99) * 255, None),
        (encoded(Image.fromarray(GREY > 99), "TIFF", compression="group4"), (GREY > 99) * 255, None),
        (png(2, 0, np.full((SIDE, SIDE // 4), 0b00011011, np.uint8)),
         np.tile([0, 85, 170, 255], (SIDE, SIDE // 4)), None),
        (encoded(SIXTEEN, "PNG"), EIGHT, "16 bits"),
        (encoded(SIXTEEN, "TIFF"), EIGHT, "16 bits"),
        (tiff16(SIXTEEN, photometric=0), 255 - EIGHT, "16 bits"),
        (tiff16(SIXTEEN >> 4, photometric=1, bits=12), EIGHT, "12 bits"),
        (encoded(Image.fromarray(SIXTEEN.astype(np.int32)), "TIFF"), np.rint(SIXTEEN / 257), "from 0 to 65535"),
        (encoded(Image.fromarray(GREY.astype(np.int32)), "TIFF"), GREY, "from 0 to 255"),
        (as_float(GREY / 255), GREY, "from 0 to 1 "),
        (as_float(GREY), GREY, "from 0 to 255"),
        (as_float(GREY - 100.0), np.rint(GREY * (255 / 252)), "from -100 to 152"),
        (as_float(NAN_RAMP), np.where(np.arange(SIDE) == 5, 0, GREY), "from 0 to 1 "),
        (as_float(np.full((SIDE, SIDE), np.nan)), np.zeros((SIDE, SIDE)), "floating-point"),
    ],
    ids=[
        "8-bit", "8-bit tiff", "1-bit", "1-bit group 4", "2-bit", "16-bit png", "16-bit tiff",
        "white is zero",
        "12-bit", "int to 65535", "int to 255", "float to 1", "float to 255", "float below 0",
        "NaN", "all NaN",
    ],
)  # fmt: skip
def test_grey_of_any_depth_becomes_equal_channels(data: bytes, expected: np.ndarray, note: str | None) -> None:
    image = read_image(data)
    for channel in range(3):
        assert np.array_equal(image.pixels[..., channel], expected)
    assert [note is not None and note in said for said in image.notes] == ([True] if note else [])


@pytest.mark.parametrize("colour_type", [2, 6], ids=["rgb", "rgba"])
def test_sixteen_bit_colour_keeps_the_highest_eight(colour_type: int) -> None:
    channels = [SIXTEEN, SIXTEEN[:, ::-1], SIXTEEN, np.full_like(SIXTEEN, 65535)][: 3 + colour_type // 6]
    image = read_image(png(16, colour_type, np.dstack(channels).astype(">u2")))
    assert np.array_equal(image.pixels, np.dstack([EIGHT, EIGHT[:, ::-1], EIGHT]))
    assert image.notes == ("16 bits a channel were reduced to 8 by keeping the highest 8.",)


def half_clear(mode: str) -> Image.Image:
    """Return red (or its grey): opaque in the upper half, alpha 51 of 255, a fifth, in the lower."""
    alpha = np.full((SIDE, SIDE), 255, np.uint8)
    alpha[SIDE // 2 :] = 51
    image = FLAT_RED.convert("L" if mode.startswith("L") else "RGB")
    image.putalpha(Image.fromarray(alpha))
    return image


def palette_with_clear_half() -> bytes:
    image = Image.fromarray(np.repeat(np.array([0, 1], np.uint8), SIDE * SIDE // 2).reshape(SIDE, SIDE), "P")
    image.putpalette([255, 0, 0, 0, 0, 255])
    return encoded(image, "PNG", transparency=b"\xff\x33")


def key_colour() -> bytes:
    halves = np.asarray(FLAT_RED).copy()
    halves[SIDE // 2 :] = (0, 0, 255)
    return encoded(Image.fromarray(halves), "PNG", transparency=(0, 0, 255))


def halves_of_16_bits(upper: tuple[int, ...], lower: tuple[int, ...]) -> np.ndarray:
    return np.repeat([upper * SIDE, lower * SIDE], SIDE // 2, 0).astype(">u2")


@pytest.mark.parametrize(
    ("data", "upper", "lower"),
    [
        (encoded(half_clear("RGBA"), "PNG"), RED, (255, 204, 204)),
        (encoded(half_clear("RGBA"), "WEBP", lossless=True), RED, (255, 204, 204)),
        (encoded(half_clear("RGBA"), "TIFF"), RED, (255, 204, 204)),
        (encoded(half_clear("LA"), "PNG"), (76, 76, 76), (219, 219, 219)),
        (palette_with_clear_half(), RED, (204, 204, 255)),
        (key_colour(), RED, WHITE),
        (png(16, 0, np.repeat([[0x4C00], [0x1234]], SIDE // 2, 0).repeat(SIDE, 1).astype(">u2"),
             (b"tRNS", b"\x12\x34")), (76, 76, 76), WHITE),
        (png(2, 0, np.repeat([[0xFF], [0x55]], SIDE // 2, 0).repeat(SIDE // 4, 1).astype(np.uint8),
             (b"tRNS", b"\0\1")), WHITE, WHITE),
        # Only the lower byte of blue tells the halves apart.
        (png(16, 2, halves_of_16_bits((0xFF00, 0, 0x44), (0xFF00, 0, 0x45)),
             (b"tRNS", b"\xff\0\0\0\0\x45")), RED, WHITE),
        (png(16, 2, halves_of_16_bits((0xFF00, 0, 0x44), (0, 0, 0x45)), (b"tRNS", b"\0\0\0\0\0\x45")), RED, WHITE),
    ],
    ids=[
        "png", "webp", "tiff", "grey and alpha", "palette", "key colour",
        "16-bit grey key", "2-bit grey key", "16-bit key", "16-bit key below 256",
    ],
)  # fmt: skip
def test_transparency_is_laid_over_white_and_said(data: bytes, upper: tuple[int, ...], lower: tuple[int, ...]) -> None:
    image = read_image(data)
    assert (image.pixels[: SIDE // 2] == upper).all()
    assert (image.pixels[SIDE // 2 :] == lower).all()
    assert "Transparent parts were laid over white." in image.notes


def test_an_opaque_alpha_channel_is_not_mentioned() -> None:
    assert read_image(encoded(FLAT_RED.convert("RGBA"), "PNG")).notes == ()


@pytest.mark.parametrize(
    ("colour", "mode", "kind", "tolerance", "note"),
    [
        (RED, "CMYK", "TIFF", 0, "CMYK"),
        (RED, "CMYK", "JPEG", 3, "CMYK"),
        (RED, "YCbCr", "TIFF", 2, ""),
        # Well inside sRGB, where 8-bit L*a*b* is exact to a few levels.
        pytest.param((180, 90, 60), "LAB", "TIFF", 3, "CIE L*a*b* values were converted to sRGB.", marks=LAB),
    ],
)
def test_colours_of_other_modes_are_converted(colour, mode, kind, tolerance, note) -> None:
    image = read_image(encoded(Image.new("RGB", (SIDE, SIDE), colour).convert(mode), kind))
    assert np.abs(image.pixels.astype(int) - colour).max() <= tolerance
    assert note in " ".join(image.notes)


# What a viewer must do for each orientation, undone: the stored picture whose upright form is `gradient()`.


@pytest.mark.parametrize(
    ("kind", "note"),
    [
        ("GIF", "Only the first frame of 3 was read."),
        ("WEBP", "Only the first frame of 3 was read."),
        ("PNG", "Only the first frame of 3 was read."),
        ("MPO", "Only the first frame of 3 was read."),
        ("TIFF", "Only the first page of several was read."),
        pytest.param("AVIF", "Only the first frame of 3 was read.", marks=AVIF),
    ],
)
def test_only_the_first_frame_is_taken_and_that_is_said(kind: str, note: str) -> None:
    others = [Image.new("RGB", (SIDE, SIDE), colour) for colour in ("lime", "blue")]
    image = read_image(encoded(FLAT_RED, kind, save_all=True, append_images=others))
    assert np.abs(image.pixels.astype(int) - RED).max() <= 3
    assert image.notes == (note,)


SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


@pytest.mark.parametrize(
    ("profile", "is_srgb"),
    [
        (SRGB, True),
        (SRGB.replace("sRGB".encode("utf-16-be"), "wide".encode("utf-16-be")), True),
        (SRGB.replace(b"rXYZ", b"swap").replace(b"gXYZ", b"rXYZ").replace(b"swap", b"gXYZ"), False),
        (b"sRGB, but no profile", False),
    ],
    ids=["srgb", "srgb by another name", "other colours by that name", "no profile"],
)
def test_a_profile_is_srgb_by_what_it_does_and_not_by_its_name(profile: bytes, is_srgb: bool) -> None:
    image = read_image(encoded(RGB, "PNG", icc_profile=profile))
    assert np.array_equal(image.pixels, gradient())
    assert ["not applied" in note for note in image.notes] == ([] if is_srgb else [True])


@pytest.mark.parametrize(
    ("chunks", "said"),
    [
        ([(b"cICP", bytes((9, 16, 0, 1)))], "cICP: primaries BT.2020, transfer PQ"),
        ([(b"cICP", bytes((12, 13, 0, 1)))], "cICP: primaries Display P3, transfer sRGB"),
        ([(b"cICP", bytes((1, 13, 0, 1)))], None),
        ([(b"gAMA", struct.pack(">I", 100000))], "gAMA: a gamma of 1/1"),
        ([(b"gAMA", struct.pack(">I", 45455))], None),
        ([(b"sRGB", b"\0"), (b"gAMA", struct.pack(">I", 100000))], None),
        ([(b"cHRM", struct.pack(">8I", 31270, 32900, 68000, 32000, 26500, 69000, 15000, 6000))], "cHRM"),
    ],
    ids=["pq", "p3", "srgb", "linear", "2.2", "srgb chunk first", "other primaries"],
)
def test_colours_that_a_png_states_otherwise_are_said(chunks: list[tuple[bytes, bytes]], said: str | None) -> None:
    image = read_image(png(8, 2, gradient().reshape(SIDE, -1), *chunks))
    assert np.array_equal(image.pixels, gradient())
    assert [said is not None and said in note for note in image.notes] == ([True] if said else [])


@AVIF
def test_depth_and_colours_of_an_avif_are_said() -> None:
    data = encoded(RGB, "AVIF", quality=100)
    deep = data.replace(b"pixi\0\0\0\0\x03\x08\x08\x08", b"pixi\0\0\0\0\x03\x0a\x0a\x0a")
    hdr = data.replace(b"colrnclx\0\x01\0\x0d", b"colrnclx\0\x09\0\x10")
    assert deep != data
    assert hdr != data
    assert take_apart(deep, "AVIF").bits == 10
    assert "nclx: primaries BT.2020, transfer PQ" in " ".join(read_image(hdr).notes)


@AVIF
def test_an_avif_is_known_by_a_brand_that_comes_late() -> None:
    data = encoded(RGB, "AVIF")
    start = data.index(b"avif", 12)
    moved = data[:8] + b"mif1" + data[12:start] + data[start + 4 : 32] + b"avif" + data[32:]
    assert read_image(moved).format == "AVIF"
    assert sniff(struct.pack(">I", 100) + b"ftypmif1" + bytes(4) + b"abcd" * 20 + b"avif") == "AVIF"


def test_heic_gives_its_pixels_and_what_it_states() -> None:
    heif = pytest.importorskip("pillow_heif")
    exif = Image.Exif()
    exif[0x010F] = "Acme"
    target = io.BytesIO()
    heif.from_pillow(RGB).save(target, quality=100, chroma=444, exif=exif.tobytes())
    image = read_stated(target.getvalue(), metadata=True)
    assert image.format == "HEIC"
    assert np.abs(image.pixels.astype(int) - gradient()).max() <= 4
    assert image.metadata.exif["Make"] == "Acme"


@pytest.mark.parametrize(
    ("kind", "body", "says"),
    [
        (b"zTXt", b"workflow\0\0" + zlib.compress(bytes(2_000_000)), "text under 'workflow' is longer"),
        (b"iTXt", b"a\0\1\0\0\0" + zlib.compress(bytes(2_000_000)), "text under 'a' is longer"),
        (b"iCCP", b"p\0\0" + zlib.compress(bytes(2_000_000)), "colour profile is longer"),
        (b"zTXt", b"workflow\0\0no zlib", "text under 'workflow' is damaged"),
    ],
)
def test_a_large_or_damaged_text_does_not_cost_the_image(kind: bytes, body: bytes, says: str) -> None:
    image = read_image(png(8, 2, gradient().reshape(SIDE, -1), (kind, body)))
    assert np.array_equal(image.pixels, gradient())
    assert says in image.notes[0]
