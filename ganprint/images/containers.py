"""Take a file of any format apart before any of it is decoded."""

import re
import struct
from collections.abc import Iterator

from ganprint.images.colours import coding_of_colours
from ganprint.images.parts import MAX_EXIF_BYTES, Parts, as_text, counted
from ganprint.images.png import take_png_apart
from ganprint.images.tags import Tags

_MARKER = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")
_NEEDED_JPEG = {*range(0xC0, 0xE1), 0xEE}
_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
_ZEROS = 64
_MPF_IMAGES = 0xB001
_MOST_SUB_BLOCKS = 1_000_000
_MOST_BOXES = 10_000
# Boxes that hold boxes, and how many bytes of their own come before those.
_HOLDERS = {b"meta": 4, b"iprp": 0, b"ipco": 0, b"moov": 0, b"trak": 0}


def take_apart(data: bytes, found: str) -> Parts:
    """Take a file apart whose format is given as `sniff` names it.

    Never raises: on damage it takes what comes before it, and where there is too much, it says so in `excess`.
    """
    parts = Parts(data)
    if found in _READERS:
        _READERS[found](data, parts)
    return parts


def jpeg_segments(data: bytes) -> Iterator[tuple[int, int, int, bytes]]:
    """Yield each segment of a JPEG's first picture: marker, where it starts and ends, and what it holds.

    The marker of the end of the picture, 0xD9, is the last; what lies between segments is pixel data.
    """
    place = 2
    while match := _MARKER.search(data, place):
        marker, place = data[match.end() - 1], match.end()
        if marker == 0xD9:
            yield marker, match.start(), place, b""
            return
        if marker in (0xD8, 0x01):
            continue
        length = int.from_bytes(data[place : place + 2], "big")
        if length < 2:
            return
        yield marker, match.start(), place + length, data[place + 2 : place + length]
        place += length


def _jpeg(data: bytes, parts: Parts) -> None:
    kept, since, scanning, ended = [data[:2]], 2, False, False
    exif, profile, extended = bytearray(), dict[int, bytes](), dict[int, bytes]()
    for marker, start, stop, body in counted(jpeg_segments(data), parts):
        # Only what follows the header of a scan is pixel data; between other segments lies filling.
        kept.append(data[since:start] if scanning else b"")
        since, scanning, ended = stop, marker == 0xDA, marker == 0xD9
        parts.scans += scanning
        if marker in _FRAMES:
            parts.size = int.from_bytes(body[3:5], "big"), int.from_bytes(body[1:3], "big")
        if marker in _NEEDED_JPEG:
            kept.append(data[start:stop])
        else:
            # Left out, so that no decoder reads what anyone may have written there.
            _application_segment(parts, marker, body, exif, profile, extended)
    if not ended:
        # The decoder then decodes what is there, and where that is not all, it is refused.
        kept.append((data[since:] if scanning else b"") + b"\xff\xd9")
        parts.notes.append("The marker of its end is missing; its pixels are all there.")
        if data.endswith(bytes(_ZEROS)):
            parts.damage = "it ends in zeros, which a decoder takes for pixels"
    parts.payload = b"".join(kept)
    parts.exif = bytes(exif)
    parts.icc = b"".join(profile[key] for key in sorted(profile))
    if extended:
        parts.xmp.append(b"".join(extended[key] for key in sorted(extended)))


def _application_segment(
    parts: Parts, marker: int, body: bytes, exif: bytearray, profile: dict[int, bytes], extended: dict[int, bytes]
) -> None:
    """Take a segment into `parts`, or what may be continued in others into the three that come after it."""
    if marker == 0xFE:
        parts.texts.append(("comment", as_text(body)))
    elif marker == 0xE1 and body.startswith(b"Exif\0"):
        block = body[6:]
        # What does not begin a structure of its own continues the one before (as exiftool writes long ones).
        if not exif or (block[:2] not in (b"II", b"MM") and len(exif) <= MAX_EXIF_BYTES):
            exif += block
    elif marker == 0xE1 and body.startswith(b"http://ns.adobe.com/xap/1.0/\0"):
        parts.xmp.append(body[29:])
    elif marker == 0xE1 and body.startswith(b"http://ns.adobe.com/xmp/extension/\0"):
        extended[int.from_bytes(body[71:75], "big")] = body[75:]
    elif marker == 0xE2 and body.startswith(b"ICC_PROFILE\0"):
        profile[body[12] if len(body) > 12 else 0] = body[14:]
    elif marker == 0xE2 and body.startswith(b"MPF\0"):
        try:
            first = next(Tags(body[4:]).chain(), {})
        except ValueError:
            return
        parts.images = first[_MPF_IMAGES].number() if _MPF_IMAGES in first else None
    elif marker == 0xED and body.startswith(b"Photoshop 3.0\0"):
        parts.iptc = parts.iptc or body[14:]


def _webp(data: bytes, parts: Parts) -> None:
    frames, number, place = 0, 0, 12
    canvas = data[12:16]
    if canvas == b"VP8X":
        parts.size = (int.from_bytes(data[24:27], "little") + 1, int.from_bytes(data[27:30], "little") + 1)
    elif canvas == b"VP8 ":
        width, height = int.from_bytes(data[26:28], "little"), int.from_bytes(data[28:30], "little")
        parts.size = (width & 0x3FFF, height & 0x3FFF)
    elif canvas == b"VP8L":
        bits = int.from_bytes(data[21:25], "little")
        parts.size = ((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1)
    while place + 8 <= len(data) and number < _MOST_SUB_BLOCKS:
        kind, length = data[place : place + 4], int.from_bytes(data[place + 4 : place + 8], "little")
        body = data[place + 8 : place + 8 + length] if kind in (b"EXIF", b"XMP ", b"ICCP") else b""
        if kind == b"EXIF":
            parts.exif = parts.exif or body.removeprefix(b"Exif\0\0")
        elif kind == b"XMP ":
            parts.xmp.append(body)
        elif kind == b"ICCP":
            parts.icc = body
        frames += kind == b"ANMF"
        place, number = place + 8 + length + length % 2, number + 1
    parts.images = max(frames, 1)


def _gif_blocks(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Yield each block's label, where its sub-blocks begin, and where they end: 0x2C for pictures, 0x3B the end."""
    flags = data[10:11] or b"\0"
    place = 13 + (3 << (flags[0] & 7) + 1 if flags[0] & 0x80 else 0)
    count = 0
    while place < len(data):
        kind = data[place]
        if kind == 0x2C:
            flags = data[place + 9 : place + 10] or b"\0"
            start = place + 11 + (3 << (flags[0] & 7) + 1 if flags[0] & 0x80 else 0)
        elif kind == 0x21:
            kind, start = int.from_bytes(data[place + 1 : place + 2], "big"), place + 2
        else:
            yield (0x3B if kind == 0x3B else -1), place, place
            return
        place = start
        while place < len(data) and data[place]:
            place += 1 + data[place]
            count += 1
            if count > _MOST_SUB_BLOCKS:
                yield -1, place, place
                return
        yield kind, start, place
        place += 1


def _gif(data: bytes, parts: Parts) -> None:
    frames, kind = 0, -1
    for kind, start, stop in counted(_gif_blocks(data), parts):
        frames += kind == 0x2C
        if kind == 0xFE:
            parts.texts.append(("comment", as_text(_joined(data, start, stop))))
        elif kind == 0xFF and data[start + 1 : start + 12] == b"XMP DataXMP":
            # The packet lies there as it is, and the trailer after it takes those through who read sub-blocks.
            parts.xmp.append(data[start + 12 : stop].split(b"\1\xff\xfe", 1)[0])
        elif kind == 0xFF and data[start + 1 : start + 12] == b"ICCRGBG1012":
            parts.icc = _joined(data, start + 12, stop)
    # Where a later frame is damaged, how many there are is not known.
    parts.images = max(frames, 1) if kind == 0x3B or frames < 2 else None


def _joined(data: bytes, start: int, stop: int) -> bytes:
    blocks = []
    while start < stop:
        blocks.append(data[start + 1 : start + 1 + data[start]])
        start += 1 + data[start]
    return b"".join(blocks)


def _heif(data: bytes, parts: Parts) -> None:
    """Take the largest size, the most bits a channel and the first colours of a HEIF file (ISO/IEC 23008-12)."""
    coded = False
    for kind, body in _boxes(data):
        if kind == b"ispe" and len(body) >= 12:
            width, height = struct.unpack_from(">II", body, 4)
            parts.size = max(parts.size, (width, height), key=lambda sides: sides[0] * sides[1])
        elif kind == b"pixi" and len(body) > 5:
            parts.bits = max(parts.bits, *body[5:9])
        elif kind == b"av1C" and len(body) >= 4 and body[2] & 0x40:
            parts.bits = max(parts.bits, 12 if body[2] & 0x20 else 10)
        elif kind == b"colr" and body[:4] == b"nclx" and len(body) >= 8 and not coded:
            primaries, transfer = struct.unpack_from(">HH", body, 4)
            parts.colours, coded = coding_of_colours(primaries, transfer, "nclx"), True


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield each box's kind and content, those within others too; of large boxes only the first bytes."""
    waiting, count = [(0, len(data))], 0
    while waiting:
        place, stop = waiting.pop()
        while place + 8 <= stop and count < _MOST_BOXES:
            count += 1
            length, kind = struct.unpack_from(">I4s", data, place)
            head = 8
            if length == 1:
                length, head = int.from_bytes(data[place + 8 : place + 16], "big"), 16
            end = stop if length == 0 else place + length
            if (length and length < head) or end > stop:
                break
            if kind in _HOLDERS:
                waiting.append((place + head + _HOLDERS[kind], end))
            else:
                yield kind, data[place + head : min(end, place + head + 64)]
            place = end


def _bmp(data: bytes, parts: Parts) -> None:
    start = 14 if data[:2] == b"BM" else 0
    width, height = (int.from_bytes(data[start + i : start + i + 4], "little", signed=True) for i in (4, 8))
    if data[start : start + 1] != b"\x0c" and data[start + 16 : start + 17] in (b"\1", b"\2"):
        parts.run_lengths = max(abs(width * height), len(data))


def _tiff(data: bytes, parts: Parts) -> None:
    parts.exif = data
    try:
        first = next(Tags(data).chain(), {})
    except ValueError:
        return
    parts.xmp = [bytes(first[700].raw)] if 700 in first else []
    parts.icc = bytes(first[34675].raw) if 34675 in first else b""
    resources = first.get(33723) or first.get(34377)
    parts.iptc = bytes(resources.raw) if resources else b""


_READERS = {
    "JPEG": _jpeg,
    "PNG": take_png_apart,
    "WEBP": _webp,
    "GIF": _gif,
    "AVIF": _heif,
    "HEIC": _heif,
    "BMP": _bmp,
    "TIFF": _tiff,
}
