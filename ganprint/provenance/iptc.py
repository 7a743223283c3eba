"""The statements of an IPTC-IIM record on how a picture was made (IPTC-NAA IIM 4.2, record 2)."""

from collections.abc import Iterator
from dataclasses import dataclass, field

_RECORD = 0x0404  # among the resources that Photoshop stores
_STATEMENTS = {65: "software"} | dict.fromkeys((80, 110, 115), "credits") | dict.fromkeys((5, 105, 120), "captions")
_MOST_FIELDS = 1000


@dataclass
class Iptc:
    """Statements of software, of credit and byline, and captions, in their order."""

    software: list[str] = field(default_factory=list)
    credits: list[str] = field(default_factory=list)
    captions: list[str] = field(default_factory=list)


def read_iptc(data: bytes) -> Iptc:
    """Read an IIM record, as it is or among Photoshop's resources; on damage, what comes before it."""
    found = Iptc()
    for number, value in _fields(b"".join(_records(data)) if data[:4] == b"8BIM" else data):
        if number in _STATEMENTS:
            getattr(found, _STATEMENTS[number]).append(value.decode("utf-8", "replace").strip("\0 "))
    return found


def _records(data: bytes) -> Iterator[bytes]:
    place = 0
    for _ in range(_MOST_FIELDS):
        if data[place : place + 4] != b"8BIM" or place + 12 > len(data):
            return
        name = data[place + 6] + 1
        start = place + 6 + name + name % 2
        size = int.from_bytes(data[start : start + 4], "big")
        if int.from_bytes(data[place + 4 : place + 6], "big") == _RECORD:
            yield data[start + 4 : start + 4 + size]
        place = start + 4 + size + size % 2


def _fields(record: bytes) -> Iterator[tuple[int, bytes]]:
    place = 0
    for _ in range(_MOST_FIELDS):
        if record[place : place + 1] != b"\x1c" or place + 5 > len(record):
            return
        size = int.from_bytes(record[place + 3 : place + 5], "big")
        if size & 0x8000:  # an extended one, of which the length is elsewhere: no text that is looked for has that
            return
        if record[place + 1] == 2:
            yield record[place + 2], record[place + 5 : place + 5 + size]
        place += 5 + size
