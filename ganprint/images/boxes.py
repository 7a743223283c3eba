"""The properties of an AVIF or HEIC picture: size, depth and colours (ISO/IEC 23008-12)."""

from collections.abc import Iterator
from dataclasses import dataclass

_MOST_BOXES = 10_000
# Boxes that hold boxes, and how many bytes of their own come before those.
_HOLDERS = {b"meta": 4, b"iprp": 0, b"ipco": 0, b"moov": 0, b"trak": 0}


@dataclass
class Boxes:
    """The largest size announced, the most bits a channel, and the codes of primaries and transfer, if any."""

    size: tuple[int, int] = (0, 0)
    bits: int = 8
    colours: tuple[int, int] | None = None


def describe_boxes(data: bytes) -> Boxes:
    """Read the properties of the pictures in a HEIF file of any coding; on damage, those before it."""
    found = Boxes()
    for kind, body in _boxes(data):
        if kind == b"ispe" and len(body) >= 12:
            size = (int.from_bytes(body[4:8], "big"), int.from_bytes(body[8:12], "big"))
            found.size = max(found.size, size, key=lambda sides: sides[0] * sides[1])
        elif kind == b"pixi" and len(body) > 5:
            found.bits = max(found.bits, *body[5:9])
        elif kind == b"av1C" and len(body) >= 4 and body[2] & 0x40:
            found.bits = max(found.bits, 12 if body[2] & 0x20 else 10)
        elif kind == b"colr" and body[:4] == b"nclx" and len(body) >= 8 and found.colours is None:
            found.colours = (int.from_bytes(body[4:6], "big"), int.from_bytes(body[6:8], "big"))
    return found


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield each box's kind and content, those within others too; of large boxes only the first bytes."""
    waiting, count = [(0, len(data))], 0
    while waiting:
        place, stop = waiting.pop()
        while place + 8 <= stop and count < _MOST_BOXES:
            count += 1
            length, kind, head = (
                int.from_bytes(data[place : place + 4], "big"),
                data[place + 4 : place + 8],
                8,
            )
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
