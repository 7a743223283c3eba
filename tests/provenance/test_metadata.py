"""Metadata is read from any bytes without an error, made harmless, and put into sentences."""

import json
import random
import struct
import zlib

import pytest

from ganprint.provenance.metadata import Metadata

from ..conftest import chunk, png_file
from .conftest import CAVEAT, FORMATS, exif, picture, read_metadata, with_text, with_xmp


def test_camera_software_and_place_are_read_from_exif() -> None:
    made = exif(x10F="Nikon", x110="D850", x131="darktable 4.8", x132="2024:05:01 10:00:00")
    made[0x8769] = {0x9003: "2024:04:30 09:00:00", 0x829A: (1, 250), 0x927C: b"\0maker"}
    made[0x8825] = {1: "N", 2: (52.0, 31.0, 12.0)}
    metadata = read_metadata(picture("JPEG", exif=made), "JPEG")
    assert metadata.exif["Model"] == "D850"
    assert metadata.exif["DateTimeOriginal"] == "2024:04:30 09:00:00"
    assert metadata.exif["GPSLatitudeRef"] == "N"
    assert metadata.exif["GPSLatitude"] == "52.0, 31.0, 12.0"
    assert not {"MakerNote", "ExifOffset", "GPSInfo"} & metadata.exif.keys()
    assert metadata.software == ["darktable 4.8"]
    assert metadata.notes == metadata.signs == []
    said = ["Camera: Nikon D850, 2024:04:30 09:00:00.", "Software: darktable 4.8."]
    assert metadata.sentences()[:2] == said


def test_a_jpeg_whose_past_is_not_known_is_not_said_to_be_compressed_before() -> None:
    data = picture("JPEG")
    said = read_metadata(data[: len(data) // 2], "JPEG").sentences()
    assert [line for line in said if "ompressed before" in line] == [
        "Not known if it was compressed before: Its pixels are not all there."
    ]


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("<script>alert(1)</script>", "<script>alert(1)</script>"),
        ("\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m"),
        ("two\r\nlines", "two\\r\\nlines"),
        ("a\0b", "a"),  # Pillow ends a text at its first zero byte
        ("x" * 5000, "x" * 299 + "…"),
    ],
    ids=["html", "escapes", "newlines", "zeros", "long"],
)
def test_hostile_exif_becomes_one_printable_line(written: str, read: str) -> None:
    metadata = read_metadata(picture("JPEG", exif=exif(x131=written)), "JPEG")
    assert metadata.exif["Software"].startswith(read)
    assert all(text.isprintable() and len(text) <= 300 for text in metadata.exif.values())
    assert metadata.software == [metadata.exif["Software"]]


def test_surrogates_and_direction_marks_are_escaped() -> None:
    # iTXt holds UTF-8; Pillow keeps what is none as it can.
    marked = read_metadata(with_text(Title="\u202egnp.exe"), "PNG")
    assert marked.text == {"Title": "\\u202egnp.exe"}
    raw = chunk(b"tEXt", b"Title\0\xed\xa0\x80\xff")
    data = picture("PNG")
    odd = read_metadata(data[:33] + raw + data[33:], "PNG")
    odd.model_dump_json().encode("utf-8")
    assert all(text.isprintable() for text in odd.text.values())


def test_at_most_a_hundred_entries_are_kept() -> None:
    assert len(read_metadata(with_text(**{f"k{i}": "v" for i in range(300)}), "PNG").text) == 100


@pytest.mark.parametrize("kind", ["JPEG", "GIF"])
def test_comments_are_text(kind: str) -> None:
    assert read_metadata(picture(kind, comment=b"made\nby hand"), kind).text == {"comment": "made\\nby hand"}


@pytest.mark.parametrize("kind", FORMATS)
def test_plain_images_give_empty_metadata_and_the_caveat_last(kind: str) -> None:
    metadata = read_metadata(picture(kind), kind)
    assert (metadata.text, metadata.software, metadata.signs, metadata.notes) == ({}, [], [], [])
    assert (metadata.jpeg is not None) == (kind == "JPEG")
    assert metadata.sentences()[-1] == CAVEAT


def test_the_record_survives_json() -> None:
    metadata = read_metadata(picture("JPEG", exif=exif(x131="GIMP"), comment="hello"), "JPEG")
    assert Metadata.model_validate(json.loads(json.dumps(metadata.model_dump(mode="json")))) == metadata


@pytest.mark.parametrize("kind", FORMATS)
def test_truncated_and_damaged_bytes_never_raise(kind: str, capfd: pytest.CaptureFixture[str]) -> None:
    draw = random.Random(0)
    options = {"exif": exif(x131="GIMP", x10F="Nikon")} if kind != "GIF" and kind != "BMP" else {}
    whole = picture(kind, **options)
    for _ in range(40):
        data = bytearray(whole[: draw.randrange(len(whole) + 1)])
        for _ in range(draw.randrange(8)):
            if data:
                data[draw.randrange(min(len(data), 800))] = draw.randrange(256)
        metadata = read_metadata(bytes(data), kind)
        json.dumps(metadata.model_dump(mode="json")).encode()
        assert metadata.sentences()[-1] == CAVEAT
    for data in (b"", b"\0", draw.randbytes(500), b"<html>"):
        assert read_metadata(data, kind).sentences()[-1] == CAVEAT
    assert capfd.readouterr().err == ""


def test_bombs_are_not_decoded() -> None:
    assert read_metadata(png_file((60_000, 60_000), zlib.compress(bytes(1000))), "PNG").notes == []
    text = chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(1 << 26)))
    data = picture("PNG")
    assert read_metadata(data[:33] + text * 50 + data[33:], "PNG").notes


def exif_block(tag: int, kind: int, value: bytes) -> bytes:
    entry = struct.pack("<HHII", tag, kind, len(value), 26)
    return b"Exif\0\0II*\0" + struct.pack("<IH", 8, 1) + entry + bytes(4) + value


@pytest.mark.parametrize(
    ("kind", "value", "read"),
    [
        (2, "Porträtt på Eva\0".encode(), "Porträtt på Eva"),
        (2, "Portr\xe4tt\0".encode("latin-1"), "Porträtt"),
        (2, b"Cam 7\0junk from the heap", "Cam 7"),
        (7, b"Acme\0\0", "Acme"),
        (1, b"Acme\0\0", "Acme"),
        (7, b"\1\2\3\4\5\6", None),
    ],
    ids=["utf-8", "latin-1", "zero byte", "undefined", "bytes", "binary"],
)
def test_exif_text_is_read_up_to_its_end_in_any_kind(kind: int, value: bytes, read: str | None) -> None:
    data = picture("JPEG", exif=exif_block(0x010F, kind, value))
    assert read_metadata(data, "JPEG").exif.get("Make") == read


def png_with(*texts: bytes) -> bytes:
    data = picture("PNG")
    return data[:33] + b"".join(chunk(b"tEXt", b"Comment\0" + text) for text in texts) + data[33:]


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (png_with(*[b"ai generated;" * 1500 + str(i).encode() for i in range(300)]), "PNG"),
        (png_with(*[b"--v 1 " * 3000 + str(i).encode() for i in range(300)]), "PNG"),
        (with_xmp("WEBP", b"<xmp:CreatorTool><tiff:Software>" * 20_000), "WEBP"),
        (with_xmp("WEBP", b"<a " + b"x" * 1_000_000 + b">"), "WEBP"),
        (picture("JPEG")[:2] + b"\xff" * 10_000_000, "JPEG"),
        (picture("JPEG").replace(b"\xff\xda", b"\xff\xda\0\2\xff\0" * 30_000 + b"\xff\xda"), "JPEG"),
        (picture("GIF")[:-1] + b"\x21\xfe" + b"\1a" * 5_000_000 + b"\0", "GIF"),
    ],
    ids=["names", "marks", "open tags", "attributes", "filling", "scans", "sub-blocks"],
)
def test_many_of_a_thing_do_not_take_a_time_that_grows_with_their_square(data: bytes, kind: str) -> None:
    # Each took minutes, or would, where what is read of it were not bounded.
    assert read_metadata(data, kind).sentences()[-1] == CAVEAT
