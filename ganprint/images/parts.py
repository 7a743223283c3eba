"""The parts of an image file beside its pixels, as bytes."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeVar

from PIL import Image

MAX_EXIF_BYTES = 4 * 1024 * 1024
"""The most EXIF data that is parsed; cameras write some 64 KiB."""

MAX_TEXT_BYTES = 1024 * 1024
"""The most of one text or profile that is unpacked; a workflow of ComfyUI has some 100 KiB."""

ONLY_FIRST = "Only the first "
"""How the note begins that a file holds more pictures than the one that was read."""

# Python walks through these, so their number is time.
_MOST_PIECES = 100_000
_Piece = TypeVar("_Piece")


@dataclass
class Parts:
    """What lies in a file, each thing as its bytes.

    `payload` is what a decoder is given: the file without what it does not need. `texts` are keys and texts,
    comments under "comment". `scans` are a JPEG's, `images` the frames or pictures in the file, None where they were
    not counted. `colours` names what the file states of its colours otherwise than by a profile, `bits` the depth
    where the container states it, `size` the largest it announces. `damage` is what is wrong with its pixel data.
    `run_lengths` are the pixels or bytes, whichever are more, of a BMP of run lengths. `orientation` is that of a
    picture in a TIFF that states its own. `excess` says what there is too much of, `room` how much more is unpacked.
    `notes` are sentences.
    """

    payload: bytes
    exif: bytes = b""
    xmp: list[bytes] = field(default_factory=list)
    icc: bytes = b""
    iptc: bytes = b""
    texts: list[tuple[str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    images: int | None = 1
    scans: int = 0
    colours: str = ""
    bits: int = 8
    size: tuple[int, int] = (0, 0)
    damage: str = ""
    run_lengths: int = 0
    orientation: int = 0
    excess: str = ""
    room: int = 16 * MAX_TEXT_BYTES


def take_from_decoder(parts: Parts, image: Image.Image) -> None:
    """Take what lies beside the pixels of an AVIF or HEIC from its decoder, which knows where it is."""
    exif = image.info.get("exif") or b""
    parts.exif = exif[6:] if exif[:5] == b"Exif\0" else exif
    parts.xmp = [image.info["xmp"]] if image.info.get("xmp") else []
    parts.icc = image.info.get("icc_profile") or b""
    parts.images = getattr(image, "n_frames", 1)


def counted(pieces: Iterator[_Piece], parts: Parts) -> Iterator[_Piece]:
    """Yield pieces up to the most that are walked through, and say in `excess` where there are more."""
    for number, piece in enumerate(pieces):
        if number == _MOST_PIECES:
            parts.excess = f"more than {_MOST_PIECES:,} segments, chunks or blocks"
            return
        yield piece


def as_text(body: bytes) -> str:
    """Decode text that is UTF-16 with a byte order mark, or UTF-8, or else taken for Latin-1."""
    if body[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return body.decode("utf-16", "replace")
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError:
        return body.decode("latin-1")
