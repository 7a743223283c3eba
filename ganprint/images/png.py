"""Take a PNG apart: pixel data, texts, profiles and colours."""

import zlib

from ganprint.images.colours import coding_of_colours
from ganprint.images.formats import shortened
from ganprint.images.parts import MAX_TEXT_BYTES, Parts, as_text, counted
from ganprint.images.png_pixels import chunk_places

_NEEDED = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND")
_SRGB_CHROMATICITIES = (31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000)
_MOST_NOTES = 10


def take_png_apart(data: bytes, parts: Parts) -> None:
    """Take a PNG apart into `parts`."""
    view = memoryview(data)
    kept, colour = [view[:8]], dict[bytes, bytes]()
    for kind, start, stop in counted(chunk_places(data), parts):
        body = b"" if kind in _NEEDED else data[start + 8 : stop - 4]
        # Decoding ignores the checksums of the pixel data, which tell damage from pixels.
        sound = zlib.crc32(view[start + 4 : stop - 4]) == int.from_bytes(data[stop - 4 : stop], "big")
        if kind in _NEEDED:
            kept.append(view[start:stop])
            if not sound and stop <= len(data):  # of one that is cut, the rows are counted
                parts.damage = "its pixel data fail their checksums"
        elif not sound or stop > len(data):
            parts.notes.append("A part of it beside its pixels is damaged and was not read.")
        elif kind in (b"tEXt", b"zTXt", b"iTXt"):
            _take_text(parts, kind, body)
        elif kind == b"eXIf":
            parts.exif = parts.exif or body.removeprefix(b"Exif\0\0")
        elif kind == b"iCCP":
            parts.icc = _unpacked(parts, body.split(b"\0", 1)[-1][1:], "colour profile")
            if len(parts.icc) == MAX_TEXT_BYTES:
                parts.icc = b""  # of no use in part
        elif kind == b"acTL":
            parts.images = int.from_bytes(body[:4], "big")
        else:
            colour[kind] = body
        if kind == b"IEND":
            break
    parts.payload = b"".join(kept) if sum(map(len, kept)) < len(data) else data
    parts.bits = data[24] if len(data) > 24 else 8
    parts.colours = _stated_colours(colour, parts.icc)
    parts.notes = [*dict.fromkeys(parts.notes)][:_MOST_NOTES]


def _take_text(parts: Parts, kind: bytes, body: bytes) -> None:
    name, _, rest = body.partition(b"\0")
    key = name.decode("latin-1")
    if kind == b"tEXt":
        value = rest[:MAX_TEXT_BYTES]
    elif kind == b"zTXt":
        value = _unpacked(parts, rest[1:], f"text under '{shortened(key, 80)}'")
    else:
        packed, value = rest[:1] == b"\1", rest[2:].split(b"\0", 2)[-1]
        if packed:
            value = _unpacked(parts, value, f"text under '{shortened(key, 80)}'")
    if key == "XML:com.adobe.xmp":
        parts.xmp.append(value)
    elif key.startswith("Raw profile type "):
        _raw_profile(parts, key.removeprefix("Raw profile type ").lower(), value)
    else:
        parts.texts.append((key, as_text(value)))


def _raw_profile(parts: Parts, kind: str, value: bytes) -> None:
    """Take a profile as ImageMagick writes it into PNG: a line of its name, a length, and the bytes in hexadecimal."""
    _, _, rest = value.strip().partition(b"\n")
    try:
        block = bytes.fromhex(b"".join(rest.split()[1:]).decode("ascii"))
    except ValueError:
        parts.notes.append(f"Its raw profile '{shortened(kind, 80)}' is damaged and was not read.")
        return
    if kind == "xmp" or block.startswith(b"http://ns.adobe.com/xap/1.0/\0"):
        parts.xmp.append(block.removeprefix(b"http://ns.adobe.com/xap/1.0/\0"))
    elif kind in ("exif", "app1"):
        parts.exif = parts.exif or block.removeprefix(b"Exif\0\0")
    elif kind in ("iptc", "8bim"):
        parts.iptc = parts.iptc or block


def _unpacked(parts: Parts, packed: bytes, what: str) -> bytes:
    """Inflate what a PNG holds, as far as is read of it."""
    unpacker = zlib.decompressobj()
    try:
        value = unpacker.decompress(packed, max(1, min(MAX_TEXT_BYTES, parts.room)))
    except zlib.error:
        parts.notes.append(f"Its {what} is damaged and was not read.")
        return b""
    parts.room -= len(value)
    if unpacker.unconsumed_tail:
        parts.notes.append(f"Its {what} is longer than is read, {MAX_TEXT_BYTES // 2**20} MiB.")
    return value


def _stated_colours(chunks: dict[bytes, bytes], icc: bytes) -> str:
    """Name the colours that a PNG's cICP, gAMA and cHRM state, where they are others than sRGB's; cICP comes first."""
    if len(code := chunks.get(b"cICP", b"")) >= 2:
        return coding_of_colours(code[0], code[1], "cICP")
    if icc or b"sRGB" in chunks:
        return ""
    gamma = int.from_bytes(chunks.get(b"gAMA", b"\0\0\xb1\x8f")[:4], "big")
    if gamma and abs(gamma - 45455) > 1000:
        return f"gAMA: a gamma of 1/{100000 / gamma:.3g}"
    primaries = chunks.get(b"cHRM", b"")
    values = [int.from_bytes(primaries[i : i + 4], "big") for i in range(0, len(primaries), 4)]
    if values and any(abs(a - b) > 1000 for a, b in zip(values, _SRGB_CHROMATICITIES, strict=False)):
        return "cHRM: other primaries"
    return ""
