"""Which image formats are read, told by their first bytes and never by the file's name."""

import re
from pathlib import PurePath

# Each plug-in registers its format with Pillow on import; naming them here spares Image.init(), which
# imports some forty decoders that are not wanted.
from PIL import (  # noqa: F401
    AvifImagePlugin,
    BmpImagePlugin,
    GifImagePlugin,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
    features,
)

SNIFFED_BYTES = 32
"""How many bytes from the start of a file `sniff` looks at."""

READ_FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF", "AVIF")
"""The formats that are read, by Pillow's names; AVIF and WebP where Pillow was built with them."""

EXTENSIONS = {
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".jpe": "JPEG",
    ".jfif": "JPEG",
    ".mpo": "JPEG",
    ".png": "PNG",
    ".apng": "PNG",
    ".webp": "WEBP",
    ".bmp": "BMP",
    ".dib": "BMP",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".gif": "GIF",
    ".avif": "AVIF",
    ".avifs": "AVIF",
    ".heic": "HEIC",
    ".heif": "HEIC",
    ".jxl": "JPEG XL",
    ".jp2": "JPEG 2000",
}
"""The format that a file's extension promises, unread ones too: each of those deserves its sentence."""

_SIGNATURES = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"II*\x00", "TIFF"),
    (b"MM\x00*", "TIFF"),
    (b"II+\x00", "TIFF"),
    (b"MM\x00+", "TIFF"),
    (b"\xff\x0a", "JPEG XL"),
    (b"\x00\x00\x00\x0cJXL \r\n\x87\n", "JPEG XL"),
    (b"\x00\x00\x00\x0cjP  \r\n\x87\n", "JPEG 2000"),
    (b"\xff\x4f\xff\x51", "JPEG 2000"),
)
_AVIF_BRANDS = {b"avif", b"avis"}
_HEIC_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"}
_BMP_HEADER_SIZES = {12, 40, 52, 56, 64, 108, 124}


def sniff(start: bytes) -> str | None:
    """Return the format that the first `SNIFFED_BYTES` bytes of a file announce, None if no image's.

    Beside `READ_FORMATS` this knows "HEIC", "JPEG XL" and "JPEG 2000", so that they can be refused by name.
    """
    for signature, name in _SIGNATURES:
        if start.startswith(signature):
            return name
    if start[:4] == b"RIFF" and start[8:12] == b"WEBP":
        return "WEBP"
    # "BM" alone begins many a text; the size of the second header settles it.
    if start[:2] == b"BM" and int.from_bytes(start[14:18], "little") in _BMP_HEADER_SIZES:
        return "BMP"
    if start[4:8] == b"ftyp":
        # A file may call itself a generic HEIF (mif1, msf1) and name its coding among the compatible brands.
        brands = [start[8:12], *(start[i : i + 4] for i in range(16, len(start), 4))]
        for brand in brands:
            if brand in _AVIF_BRANDS:
                return "AVIF"
            if brand in _HEIC_BRANDS:
                return "HEIC"
    return None


def is_decodable(name: str) -> bool:
    """Say whether this installation's Pillow decodes a format that `sniff` names."""
    feature = {"WEBP": "webp", "AVIF": "avif", "JPEG": "jpg", "PNG": "zlib"}.get(name)
    return name in READ_FORMATS and (feature is None or bool(features.check(feature)))


def promised_format(name: str) -> str | None:
    """Return the format that the extension of a file name promises, None if it promises none."""
    return EXTENSIONS.get(PurePath(name).suffix.lower())


def printable(name: str) -> str:
    """Return a file name fit for a message: control and other unprintable characters escaped."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in name)


_FORMULA = re.compile(r"\s*[=+@-].", re.DOTALL)
_LINE_BREAK = re.compile(r"\r\n|[\r\n\v\f\x1c-\x1e\x85\u2028\u2029]")


def cell(text: str) -> str:
    """Return text, such as a file name, fit for a cell of a CSV: one line, printable, and no formula.

    Text that a spreadsheet would run gets an apostrophe before it, as spreadsheets write such text themselves;
    line breaks become spaces, and control characters and bytes that are no text are escaped.
    """
    line = printable(_LINE_BREAK.sub(" ", text))
    return f"'{line}" if _FORMULA.match(line) else line
