"""One file of several pieces of bytes, none of them copied."""

import io
from typing import Any


def spliced(pieces: list[bytes | memoryview]) -> io.BufferedReader:
    """Return a file to read that is the pieces one after the other: a TIFF may have 256 MiB, and a new directory."""
    return io.BufferedReader(_Spliced(pieces))


class _Spliced(io.RawIOBase):
    def __init__(self, pieces: list[bytes | memoryview]) -> None:
        self._pieces = pieces
        self._size = sum(map(len, pieces))
        self._place = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        self._place = max(0, offset + (0, self._place, self._size)[whence])
        return self._place

    def readinto(self, buffer: Any) -> int:
        start = self._place
        for piece in self._pieces:
            if start < len(piece):
                part = piece[start : start + len(buffer)]
                buffer[: len(part)] = part
                self._place += len(part)
                return len(part)
            start -= len(piece)
        return 0
