"""The chunks of a PNG, and its pixel data inflated as far as they go."""

import zlib
from collections.abc import Iterator
from typing import Any

SIGNATURE = b"\x89PNG\r\n\x1a\n"
CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
"""Of a pixel, by colour type."""


def chunk_places(payload: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Yield the kind of each chunk, where it starts, and where it ends, which may be beyond the end of what is cut."""
    place = len(SIGNATURE)
    while place + 12 <= len(payload):
        length = int.from_bytes(payload[place : place + 4], "big")
        yield payload[place + 4 : place + 8], place, place + 12 + length
        place += 12 + length


class PixelData:
    """The pixel data of a PNG, inflated as they are taken, to where they end or are damaged."""

    def __init__(self, payload: bytes) -> None:
        self._pieces: Iterator[memoryview] = (
            memoryview(payload)[start + 8 : stop - 4] for kind, start, stop in chunk_places(payload) if kind == b"IDAT"
        )
        self._unpacker: Any = zlib.decompressobj()
        self._waiting: bytes | memoryview = b""

    def take(self, count: int) -> bytes:
        """Return the next bytes, so many where there are."""
        taken: list[bytes] = []
        ended = False
        while count and not ended and not self._unpacker.eof:
            if not self._waiting:
                self._waiting = next(self._pieces, b"")
                ended = not self._waiting
            try:
                taken.append(self._unpacker.decompress(self._waiting, count))
            except zlib.error:
                self._pieces = iter(())
                self._waiting = b""
                break
            self._waiting = self._unpacker.unconsumed_tail
            count -= len(taken[-1])
        return b"".join(taken)
