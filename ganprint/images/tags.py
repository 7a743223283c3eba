"""TIFF directories, as used by TIFF, EXIF and MPF, read from untrusted bytes."""

import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

# The kinds of values (TIFF 6.0, section 2; 13, 16 to 18 of BigTIFF; 129 of EXIF 3), as struct writes them.
_KINDS = {1: "B", 2: "s", 3: "H", 4: "I", 5: "II", 6: "b", 7: "s", 8: "h", 9: "i", 10: "ii", 11: "f", 12: "d"}
_KINDS |= {13: "I", 16: "Q", 17: "q", 18: "Q", 129: "s"}
_RATIONAL = (5, 10)
_CHARACTERS = (1, 2, 6, 7, 129)
_MOST_DIRECTORIES = 64
_MOST_ENTRIES = 100_000


@dataclass(frozen=True)
class Field:
    """One value of a directory: its kind, and its bytes in the file's order, where they lie in the file."""

    kind: int
    count: int
    order: str
    raw: memoryview = field(repr=False)

    def numbers(self, most: int = 1_000_000) -> tuple[float, ...]:
        """Return its first `most` numbers, rationals as quotients; none of texts."""
        code = _KINDS[self.kind]
        if code == "s":
            return tuple(self.raw[:most])
        count = min(self.count, most) * len(code)
        found = struct.unpack_from(f"{self.order}{count}{code[0]}", self.raw)
        if self.kind in _RATIONAL:
            return tuple(a / b if b else 0.0 for a, b in zip(found[::2], found[1::2], strict=True))
        return found

    def number(self) -> int:
        """Return its first number as an integer, zero where it has none that is finite."""
        found = self.numbers(1)
        return int(found[0]) if found and math.isfinite(found[0]) else 0

    def text(self, most: int = 20_000) -> str | None:
        """Return its characters up to a zero byte, UTF-8 or else Latin-1, None where it is of numbers."""
        if self.kind not in _CHARACTERS:
            return None
        body = bytes(self.raw[:most]).split(b"\0", 1)[0]
        try:
            return body.decode("utf-8").strip()
        except UnicodeDecodeError:
            # A cut may have gone through a character.
            cut = body.decode("utf-8", "ignore")
            return (cut if len(cut.encode()) > len(body) - 4 and len(body) == most else body.decode("latin-1")).strip()


Directory = dict[int, Field]


@dataclass
class Tags:
    """The directories of a TIFF structure, found through `data`, whose first bytes are its header.

    Raises ValueError where there is no such header; a directory that is damaged ends where the damage is, and
    is then among the `damaged`. Values that reach past the end of the data are left out.
    """

    data: bytes
    damaged: bool = False
    entries: int = 0
    order: str = field(init=False)
    big: bool = field(init=False)

    def __post_init__(self) -> None:
        self.order = {b"II": "<", b"MM": ">"}.get(self.data[:2], "")
        version = int.from_bytes(self.data[2:4], "little" if self.order == "<" else "big")
        if not self.order or version not in (42, 43):
            raise ValueError("not a TIFF structure")
        self.big = version == 43

    def chain(self) -> Iterator[Directory]:
        """Yield the directories that follow each other from the header on, the first pages or EXIF's two."""
        offset = self._number("Q", 8) if self.big else self._number("I", 4)
        seen: set[int] = set()
        while offset and offset not in seen and len(seen) < _MOST_DIRECTORIES:
            seen.add(offset)
            directory, offset = self._directory(offset)
            yield directory

    def below(self, directory: Directory, tag: int) -> Iterator[Directory]:
        """Yield the directories that a value points to, such as EXIF's, GPS's or those of SubIFDs."""
        if tag in directory and directory[tag].kind in (3, 4, 13, 16, 18):
            for offset in directory[tag].numbers(_MOST_DIRECTORIES):
                yield self._directory(int(offset))[0]

    def _number(self, code: str, offset: int) -> int:
        try:
            return int(struct.unpack_from(self.order + code, self.data, offset)[0])
        except (struct.error, OverflowError):
            self.damaged = True
            return 0

    def _directory(self, offset: int) -> tuple[Directory, int]:
        head, entry, place = ("Q", "HHQ", 12) if self.big else ("H", "HHI", 8)
        size = place * 2 - 4
        count = min(self._number(head, offset), _MOST_ENTRIES - self.entries)
        self.entries += count
        start = offset + struct.calcsize("=" + head)
        found: Directory = {}
        for at in range(start, start + count * size, size):
            try:
                tag, kind, length = struct.unpack_from(self.order + entry, self.data, at)
            except (struct.error, OverflowError):
                self.damaged = True
                return found, 0
            value = self._field(kind, length, at + place, size - place)
            if value is not None:
                found.setdefault(tag, value)
        return found, self._number("Q" if self.big else "I", start + count * size)

    def _field(self, kind: int, count: int, at: int, room: int) -> Field | None:
        if kind not in _KINDS:
            return None
        length = count * struct.calcsize("=" + _KINDS[kind])
        if length > room:
            at = self._number("Q" if self.big else "I", at)
        if at + length > len(self.data):
            self.damaged = True
            return None
        return Field(kind, count, self.order, memoryview(self.data)[at : at + length])
