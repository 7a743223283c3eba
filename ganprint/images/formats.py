"""The image formats that are read, recognised by their first bytes and never by the file's name."""

import io
from importlib.util import find_spec
from pathlib import PurePath
from typing import BinaryIO

# Each plug-in registers its format with Pillow on import; naming them here spares Image.init(), which
# imports some forty decoders that are not wanted.
from PIL import (  # noqa: F401
    AvifImagePlugin,
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
    features,
)

from ganprint.plain_text import printable
from ganprint.remote import name_in

SNIFFED_BYTES = 512
"""How many bytes from the start of a file `sniff` looks at."""

READ_FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF", "AVIF", "HEIC")
"""The formats that are read; AVIF and WebP where Pillow was built with them, HEIC where pillow-heif is there."""

RAW_FORMATS = ("DNG", "CR2", "CR3", "NEF", "NRW", "ARW", "SR2", "PEF", "SRW", "ORF", "RW2", "RAF")
"""The formats of cameras that hold what the sensor saw, most of them TIFFs; none is read."""

EXTENSIONS = {
    **dict.fromkeys((".jpg", ".jpeg", ".jpe", ".jfif", ".mpo"), "JPEG"),
    **dict.fromkeys((".png", ".apng"), "PNG"),
    ".webp": "WEBP",
    **dict.fromkeys((".bmp", ".dib"), "BMP"),
    **dict.fromkeys((".tif", ".tiff"), "TIFF"),
    ".gif": "GIF",
    **dict.fromkeys((".avif", ".avifs"), "AVIF"),
    **dict.fromkeys((".heic", ".heif"), "HEIC"),
    ".jxl": "JPEG XL",
    ".jp2": "JPEG 2000",
    **{f".{name.lower()}": name for name in RAW_FORMATS},
}
"""The format that a file's extension promises, unread ones too: each of those deserves its sentence."""

_SIGNATURES = {
    "JPEG": (b"\xff\xd8\xff",),
    "PNG": (b"\x89PNG\r\n\x1a\n",),
    "GIF": (b"GIF87a", b"GIF89a"),
    "TIFF": (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+"),
    "JPEG XL": (b"\xff\x0a", b"\x00\x00\x00\x0cJXL \r\n\x87\n"),
    "JPEG 2000": (b"\x00\x00\x00\x0cjP  \r\n\x87\n", b"\xff\x4f\xff\x51"),
    "RW2": (b"IIU\0",),
    "ORF": (b"IIRO", b"IIRS", b"MMOR"),
    "RAF": (b"FUJIFILMCCD-RAW",),
}
_BRANDS = {
    **dict.fromkeys((b"avif", b"avis"), "AVIF"),
    **dict.fromkeys((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"), "HEIC"),
    b"crx ": "CR3",
}
_OPENERS = {"BMP": ("BMP", "DIB"), "HEIC": ("HEIF",)}
_BMP_HEADER_SIZES = {12, 40, 52, 56, 64, 108, 124}


def sniff(start: bytes) -> str | None:
    """Return the format that the first `SNIFFED_BYTES` bytes of a file announce, None if no image's.

    Beside `READ_FORMATS` this knows "JPEG XL", "JPEG 2000" and some of `RAW_FORMATS`, to be refused by name.
    """
    if start[:4] == b"II*\0" and start[8:10] == b"CR":
        return "CR2"
    for name, signatures in _SIGNATURES.items():
        if start.startswith(signatures):
            return name
    if start[:4] == b"RIFF" and start[8:12] == b"WEBP":
        return "WEBP"
    # A bitmap without the file's header, as the clipboard holds it: its own size, sides, and one plane.
    if start[:4] in (b"\x28\0\0\0", b"\x6c\0\0\0", b"\x7c\0\0\0") and start[12:14] == b"\1\0":
        return "BMP"
    # "BM" alone begins many a text; the size of the second header settles it.
    if start[:2] == b"BM" and int.from_bytes(start[14:18], "little") in _BMP_HEADER_SIZES:
        return "BMP"
    if start[4:8] == b"ftyp":
        # A file may call itself a generic HEIF (mif1, msf1) and name its coding among the compatible brands.
        end = min(int.from_bytes(start[:4], "big"), len(start))
        brands = [start[8:12], *(start[i : i + 4] for i in range(16, end, 4))]
        return next((_BRANDS[brand] for brand in brands if brand in _BRANDS), None)
    return None


def is_decodable(name: str) -> bool:
    """Return whether this installation decodes a format that `sniff` names."""
    if name == "HEIC":
        return find_spec("pillow_heif") is not None
    feature = {"WEBP": "webp", "AVIF": "avif", "JPEG": "jpg", "PNG": "zlib"}.get(name)
    return name in READ_FORMATS and (feature is None or bool(features.check(feature)))


def open_image(payload: bytes | BinaryIO, name: str) -> Image.Image:
    """Open bytes or a file of a format that `sniff` names with Pillow, and raise what that raises."""
    if name == "HEIC":
        import pillow_heif

        pillow_heif.register_heif_opener(thumbnails=False)
    file = io.BytesIO(payload) if isinstance(payload, bytes) else payload
    return Image.open(file, formats=_OPENERS.get(name, (name,)))


def promised_format(name: str) -> str | None:
    """Return the format that the extension of a file name promises, None if it promises none."""
    return EXTENSIONS.get(PurePath(name_in(name)).suffix.lower())


def shortened(text: str, most: int = 300) -> str:
    """Return a text of a file's metadata as printable text of `most` characters at most."""
    plain = printable(text[: 2 * most].replace("\0", "").strip())
    return f"{plain[: most - 1]}…" if len(plain) > most else plain
