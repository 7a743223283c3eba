"""An image comes out upright as its EXIF or XMP says, and neither costs the image where it is damaged."""

import struct
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image, features

from ganprint.images import read_image
from ganprint.images.containers import take_apart
from ganprint.images.xmp import read_xmp

from ..conftest import encoded, gradient, with_segments

SIDE = 64
RGB = Image.fromarray(gradient())
AVIF = pytest.mark.skipif(not features.check("avif"), reason="this Pillow has no AVIF")

STORED: dict[int, Callable[[np.ndarray], np.ndarray]] = {
    1: lambda upright: upright,
    2: lambda upright: upright[:, ::-1],
    3: lambda upright: np.rot90(upright, 2),
    4: lambda upright: upright[::-1],
    5: lambda upright: upright.transpose(1, 0, 2),
    6: lambda upright: np.rot90(upright, 1),  # the viewer turns it clockwise
    7: lambda upright: np.rot90(upright, 2).transpose(1, 0, 2),
    8: lambda upright: np.rot90(upright, -1),
}


@pytest.mark.parametrize("orientation", STORED)
@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP", "JPEG", pytest.param("AVIF", marks=AVIF)])
def test_every_exif_orientation_comes_out_upright(orientation: int, kind: str) -> None:
    upright = gradient()[: SIDE - 16]
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = Image.fromarray(np.ascontiguousarray(STORED[orientation](upright)))
    lossless: dict[str, object] = {"lossless": True} if kind == "WEBP" else {}
    image = read_image(encoded(stored, kind, exif=exif, **lossless))
    assert image.pixels.shape == upright.shape
    tolerance = {"JPEG": 25, "AVIF": 25}.get(kind, 0)
    assert np.abs(image.pixels.astype(int) - upright).max() <= tolerance
    assert any("upright" in note for note in image.notes) == (orientation != 1)


@pytest.mark.parametrize("orientation", STORED)
def test_the_blocks_of_a_turned_jpeg_begin_at_its_first_pixel(orientation: int) -> None:
    rows, columns = np.ogrid[: SIDE - 3, : SIDE - 5]
    stored = Image.fromarray((((rows // 8 + columns // 8) % 2) * 200 + 20).astype(np.uint8))
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = read_image(encoded(stored, "JPEG", exif=exif, quality=95))
    whole = image.pixels[: image.height // 8 * 8, : image.width // 8 * 8]
    assert np.ptp(whole.reshape(len(whole) // 8, 8, -1, 8, 3), axis=(1, 3)).max() < 8
    # What still comes last may be incomplete.
    kept = {1: (61, 59), 2: (61, 56), 3: (56, 56), 4: (56, 59), 5: (59, 61), 6: (59, 56), 7: (56, 56), 8: (56, 61)}
    assert (image.height, image.width) == kept[orientation]
    assert any("were cut" in note for note in image.notes) == (orientation not in (1, 5))


@pytest.mark.parametrize("exif", [b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0junk", b"Exif\0\0"])
def test_damaged_exif_does_not_cost_the_image(exif: bytes) -> None:
    assert read_image(encoded(RGB, "JPEG", exif=exif)).pixels.shape == (SIDE, SIDE, 3)


def byte_orientation(kind: int) -> bytes:
    """Write an EXIF block whose orientation, 6, is of a kind of value that is not the usual one."""
    value = (6).to_bytes(4, "little")
    return b"Exif\0\0II*\0" + struct.pack("<IHHHI", 8, 1, 0x0112, kind, 1) + value + bytes(4)


@pytest.mark.parametrize("kind", [1, 3, 4, 7])
def test_an_orientation_of_any_kind_of_number_is_obeyed(kind: int) -> None:
    image = read_image(encoded(RGB.crop((0, 0, 64, 40)), "JPEG", exif=byte_orientation(kind)))
    assert (image.width, image.height) == (40, 64)


@pytest.mark.parametrize("value", [float("inf"), float("nan")])
def test_numbers_that_are_not_finite_do_not_cost_the_image(value: float) -> None:
    for name, tag, marker in ((b"Exif\0\0", 0x0112, 0xE1), (b"MPF\0", 0xB001, 0xE2)):
        body = name + struct.pack("<2sHIHHHIfI", b"II", 42, 8, 1, tag, 11, 1, value, 0)
        image = read_image(with_segments(encoded(RGB, "JPEG"), marker, body))
        assert image.pixels.shape == (64, 64, 3) and not any("upright" in note for note in image.notes)


def test_exif_in_several_segments_is_one_and_a_second_structure_is_left() -> None:
    whole = byte_orientation(3)
    blocks = (b"Exif\0\0" + block for block in (whole[6:20], whole[20:], b"II*\0second"))
    assert take_apart(with_segments(encoded(RGB, "JPEG"), 0xE1, *blocks), "JPEG").exif == whole[6:]


def test_of_several_prefixes_for_one_thing_one_is_open_at_a_time() -> None:
    # Each of many, one inside the other, would be searched through whole when it ends.
    spaces = 'xmlns:a="http://ns.adobe.com/xap/1.0/" xmlns:b="http://ns.adobe.com/xap/1.0/"'
    inside = "<a:CreatorTool><b:CreatorTool>GIMP</b:CreatorTool></a:CreatorTool>"
    found = read_xmp([f"<rdf:Description {spaces}>{inside}</rdf:Description>".encode()])
    assert (found.software, found.note) == (["GIMP"], "")


def test_an_orientation_that_only_xmp_states_is_called_so() -> None:
    packet = b'<rdf:Description xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="6"/>'
    image = read_image(encoded(RGB, "WEBP", xmp=packet))
    assert image.notes == ("It was turned upright as its XMP orientation 6 says.",)
