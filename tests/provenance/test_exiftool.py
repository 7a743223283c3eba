"""What files state is read as exiftool reads it, where exiftool is installed."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from .conftest import STATED, picture, read_metadata, xmp

EXIFTOOL = shutil.which("exiftool")
pytestmark = pytest.mark.skipif(EXIFTOOL is None, reason="exiftool is not installed")

XMP = xmp(STATED + "<xmp:CreatorTool>Adobe Firefly</xmp:CreatorTool>")
TEXT = {"parameters": "a cat\nSteps: 20", "Software": "NovelAI"}


def made(kind: str) -> bytes:
    """Write a picture with what each format holds: EXIF, XMP, text and comments."""
    exif = Image.Exif()
    exif[0x010F], exif[0x0110], exif[0x0131], exif[0x010E] = "Acme", "Cam 7", "darktable 4.8", "Porträtt"
    exif[0x8769] = {0x9003: "2024:04:30 09:00:00", 0x829A: 0.004, 0xA434: "50mm F1.8"}
    exif[0x8825] = {1: "N", 2: (52.0, 31.0, 12.0)}
    options: dict[str, object] = {"exif": exif}
    if kind == "PNG":
        info = PngInfo()
        info.add_itxt("XML:com.adobe.xmp", XMP.decode(), zip=True)
        for key, value in TEXT.items():
            info.add_text(key, value, zip=key == "parameters")
        options["pnginfo"] = info
    elif kind == "GIF":
        options = {"comment": b"made with GIMP"}
    else:
        options["xmp"] = XMP
    if kind == "JPEG":
        options["comment"] = b"made with GIMP"
    return picture(kind, **options)


def by_exiftool(data: bytes, folder: Path, kind: str) -> dict[str, str]:
    path = folder / f"made.{kind.lower()}"
    path.write_bytes(data)
    said = subprocess.run(
        [str(EXIFTOOL), "-json", "-n", "-s", "-charset", "UTF8", str(path)], capture_output=True, check=True
    )
    return {key: str(value) for key, value in json.loads(said.stdout)[0].items()}


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF"])
def test_what_is_read_is_what_exiftool_reads(kind: str, tmp_path: Path) -> None:
    data = made(kind)
    ours, theirs = read_metadata(data, kind), by_exiftool(data, tmp_path, kind)
    if kind == "GIF":
        assert ours.text == {"comment": theirs["Comment"]}
        return
    for tag in ("Make", "Model", "ImageDescription", "DateTimeOriginal", "LensModel", "GPSLatitudeRef"):
        assert ours.exif[tag] == theirs[tag]
    assert float(ours.exif["ExposureTime"]) == float(theirs["ExposureTime"])
    assert ours.digital_source_type == theirs["DigitalSourceType"].rsplit("/", 1)[-1]
    assert theirs["CreatorTool"] in ours.software
    if kind == "PNG":
        assert ours.text["parameters"].replace("\\n", "\n") == theirs["Parameters"]
    if kind == "JPEG":
        assert ours.text["comment"] == theirs["Comment"]


@pytest.mark.parametrize(
    "name", ["exif_utf8_and_nul.jpg", "exif_undefined_make.jpg", "two_coms_ai_first.jpg", "comfy_exif.webp"]
)
def test_odd_files_are_read_as_exiftool_reads_them(name: str, shared: Path, tmp_path: Path) -> None:
    path = shared / "inputs" / name
    kind = "WEBP" if path.suffix == ".webp" else "JPEG"
    data = path.read_bytes()
    ours, theirs = read_metadata(data, kind), by_exiftool(data, tmp_path, kind)
    for tag in ("Make", "Model", "ImageDescription"):
        assert ours.exif.get(tag) == theirs.get(tag)
