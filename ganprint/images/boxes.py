"""The properties of an AVIF or HEIC picture: size, depth and colours (ISO/IEC 23008-12)."""

import struct
from collections.abc import Iterator

from ganprint.images.colours import coding_of_colours
from ganprint.images.parts import Parts

_MOST_BOXES = 10_000
# Boxes that hold boxes, and how many bytes of their own come before those.
_HOLDERS = {b"meta": 4, b"iprp": 0, b"ipco": 0, b"moov": 0, b"trak": 0}


def take_heif_apart(data: bytes, parts: Parts) -> None:
    """Take the properties of the pictures in a HEIF file of any coding into `parts`; on damage, those before it.

    They are the largest size and the most bits a channel that are announced, and the first colours.
    """
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
            parts.colours, coded = coding_of_colours(*struct.unpack_from(">HH", body, 4), "nclx"), True


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
