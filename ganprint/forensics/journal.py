"""A file of verdicts, one a line, that a killed run can resume without duplicate or lost lines."""

import csv
import hashlib
import io
import json
import os
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from io import BufferedReader, FileIO
from itertools import chain
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np

from ganprint.errors import OutputError, OutputExistsError, UsageError
from ganprint.files import atomic_file, lock, open_file
from ganprint.forensics.verdict import Verdict
from ganprint.forensics.verdict_rows import VerdictTable, csv_header, csv_row, is_table
from ganprint.plain_text import cell, printable, to_json

MAX_LINE_BYTES = 16 << 20
"""A verdict has some kilobytes."""
PATIENCE = 2.0
"""Seconds for which a file may be locked still: workers of a process that was killed end a moment after it."""
_ANOTHER = "Name another file, or make room."


class Line(NamedTuple):
    """What a line tells: the path, the hash of what it was answered by, and the verdict, None where it failed."""

    path: str
    by: str | None
    verdict: str | None


class Answered:
    """The paths that lines have, each of which answers for one image: in their own order at no cost in memory.

    Where another image is asked for than the next line's, the rest are held as hashes, 16 bytes each.
    """

    def __init__(self, paths: Iterable[str]) -> None:
        self._paths = iter(paths)
        self._next = next(self._paths, None)
        self._hashes: np.ndarray | None = None
        self._left = np.zeros(0, dtype=np.int64)

    def take(self, path: str) -> bool:
        """Return whether there is a line of this path that has not answered yet; it has after that."""
        if self._hashes is None:
            if self._next == path:
                self._next = next(self._paths, None)
                return True
            rest = np.fromiter(map(_digest, chain(filter(None, [self._next]), self._paths)), "S16")
            self._hashes, self._left = np.unique(rest, return_counts=True)
        sought = np.array(_digest(path), "S16")
        place = int(np.searchsorted(self._hashes, sought))
        if place == len(self._hashes) or self._hashes[place] != sought or not self._left[place]:
            return False
        self._left[place] -= 1
        return True


def _digest(path: str) -> bytes:
    return hashlib.blake2b(path.encode(), digest_size=16).digest()


@dataclass(frozen=True)
class Format:
    """How verdicts are written: a whole line each, by `render`; `header` is the first line, if any.

    `key` tells a line's path, verdict, and the hash of what it was answered by; `shown` is how a line writes a path,
    `opening` what a file begins with. With a `table` the lines are in a file beside it until that is written from them.
    """

    render: Callable[[Verdict], str]
    key: Callable[[str], Line]
    opening: str
    header: str = ""
    shown: Callable[[str], str] = str
    table: VerdictTable | None = None


class Journal:
    """A file that verdicts are appended to in a format.

    A file that `force` replaces stays until all lines of the new one are written. With `resume` the file is continued:
    a last line that was cut off is taken away, `is_done` tells which images it has, and `verdicts` counts their
    verdicts; all must have been answered by what has the hash `by`. Raises OutputExistsError where the file is there
    and neither `resume` nor `force` is given, UsageError where it is of other weights or no file of verdicts, or
    another process writes it, OutputError where it cannot be written.
    """

    def __init__(self, path: Path, form: Format, *, by: str | None, resume: bool = False, force: bool = False) -> None:
        self.path, self._format, table = path, form, form.table
        self._done = Answered(())
        self.verdicts: Counter[str | None] = Counter()
        partial = path.with_name(f".{path.name}.unfinished")
        there = path.exists() or path.is_symlink() or (table is not None and partial.exists())
        if there and not (resume or force):
            raise OutputExistsError(
                f"{printable(str(path))} already exists.", "Continue with --resume, or start again with --force."
            )
        self._lines = partial if table or (there and (partial.exists() or not resume)) else path
        self._open_files = ExitStack()
        try:
            if self._lines != path and path.exists():
                self._lock(self._open_files.enter_context(open_file(path)))
            if table is not None and resume and path.exists() and not partial.exists():
                with atomic_file(partial) as file:
                    file.writelines(_encoded(line) for line in table.read(path))
            self._file = self._open_files.enter_context(self._open(follow=there and self._lines == path))
            self._lock(self._file)
            end = self._read(by) if resume else 0
            os.ftruncate(self._file.fileno(), end)
            self._done = Answered(self._paths(end))
            if form.header and not self._lines.stat().st_size:
                self._append(form.header)
        except OSError as cause:
            self._open_files.close()
            raise OutputError(f"{printable(str(path))} cannot be written: {cause.strerror}.", _ANOTHER) from cause
        except UsageError:
            self._open_files.close()
            raise

    def _open(self, *, follow: bool) -> FileIO:
        """Open the regular file to append to; unbuffered, so that nothing is left to write when that failed."""
        if self._lines.exists():
            open_file(self._lines).close()
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | (0 if follow else getattr(os, "O_NOFOLLOW", 0))
        return FileIO(os.open(self._lines, flags, 0o666), "ab")

    def _lock(self, file: BufferedReader | FileIO) -> None:
        until = time.monotonic() + PATIENCE
        while not lock(file.fileno()):
            if time.monotonic() > until:
                raise UsageError(
                    f"Another process is writing {printable(str(self.path))}.", "Wait for it, or name another file."
                )
            time.sleep(0.05)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None and self._lines != self.path:
            os.fsync(self._file.fileno())
            if self._format.table is None:
                self._lines.replace(self.path)
            else:
                try:
                    texts = (line.decode().rstrip("\n") for line in _whole_lines(self._lines))
                    self._format.table.write(texts, self.path)
                except OSError as cause:
                    raise self._refusal(cause) from cause
                self._lines.unlink()
        self._open_files.close()

    def is_done(self, path: str) -> bool:
        """Return whether the file has a line for an image, which then answers for one time that it is named."""
        return self._done.take(_written(self._format.shown(path)))

    def write(self, verdict: Verdict) -> None:
        """Append the line of a verdict, at once; raises UsageError where that is not possible."""
        try:
            self._append(self._format.render(verdict))
        except OSError as cause:
            raise self._refusal(cause) from cause

    def _append(self, line: str) -> None:
        left = memoryview(_encoded(line))
        while left:
            left = left[self._file.write(left) or 0 :]

    def _read(self, by: str | None) -> int:
        """Note the images of the whole lines that are there; return where the last of them ends."""
        end = 0
        try:
            for place, found in self._entries():
                end = place
                if found is None:
                    continue
                if found.by != by:
                    raise UsageError(
                        f"{printable(str(self.path))} was begun with other weights, thresholds or options.",
                        "Use those, or start again with --force.",
                    )
                self.verdicts[found.verdict] += 1
        except (ValueError, KeyError, TypeError, IndexError):
            raise UsageError(
                f"{printable(str(self.path))} has a line that is not a verdict.",
                "Name another file, or start again with --force.",
            ) from None
        opening = self._format.opening.encode()
        with open_file(self._lines) as file:
            file.seek(end)
            cut = file.read(len(opening))
        if not opening.startswith(cut) and (end == 0 or not self._format.header):
            # Not the beginning of a line of ours.
            raise _not_verdicts(self.path)
        return end

    def _paths(self, end: int) -> Iterator[str]:
        """Yield the paths of the lines before a place in the file, as they are read again."""
        for place, found in self._entries() if end else ():
            if place > end:
                return
            if found is not None:
                yield _written(found.path)

    def _entries(self) -> Iterator[tuple[int, Line | None]]:
        """Yield where each whole line ends and what it tells, None for the header."""
        end = 0
        for line in _whole_lines(self._lines):
            text = line.decode("utf-8", "replace").rstrip("\r\n")
            is_header = not end and text == self._format.header != ""
            end += len(line)
            yield end, None if is_header else self._format.key(text)

    def _refusal(self, cause: OSError) -> OutputError:
        return OutputError(
            f"{printable(str(self.path))} cannot be written: {cause.strerror}.",
            "What it has is whole; when there is room and permission, continue with --resume.",
        )


def _whole_lines(path: Path) -> Iterator[bytes]:
    with open_file(path) as file:
        for line in iter(lambda: file.readline(MAX_LINE_BYTES + 1), b""):
            if line.endswith(b"\n"):
                yield line
            elif len(line) > MAX_LINE_BYTES:
                raise _not_verdicts(path)


def _not_verdicts(path: Path) -> UsageError:
    hint = "Name another file, or start again with --force."
    return UsageError(f"{printable(str(path))} is not a file of verdicts.", hint)


def _encoded(line: str) -> bytes:
    return (line + "\n").encode("utf-8", "backslashreplace")


def _written(path: str) -> str:
    """Return a path as it is written: bytes of a name that are no text become escapes."""
    return path.encode("utf-8", "backslashreplace").decode()


def json_key(line: str) -> Line:
    """Return what a JSON line tells."""
    found = json.loads(line)
    return Line(found["path"], found["judged_by_sha256"], found["verdict"])


def json_line(verdict: Verdict) -> str:
    """Return a verdict as a line of JSON, names as they are; what is no text in a name becomes escapes."""
    return to_json(verdict.model_dump(mode="json"))


def csv_key(line: str) -> Line:
    """Return what a CSV line tells, the path as its cell has it."""
    (row,) = csv.reader([line])
    return Line(row[0], row[-1] or None, row[2] or None)


def csv_line(row: Sequence[object]) -> str:
    """Return a row as a line of CSV, without its end, text made harmless to spreadsheets."""
    out = io.StringIO()
    csv.writer(out, lineterminator="").writerow([cell(value) if isinstance(value, str) else value for value in row])
    return out.getvalue()


def json_format(path: Path, sources: Sequence[str]) -> Format:
    """Return the format of a file of verdicts: a JSON object a line, or Parquet by its name."""
    table = VerdictTable(sources) if is_table(path) else None
    return Format(json_line, json_key, '{"schema_version": ', table=table)


def csv_format(sources: Sequence[str]) -> Format:
    """Return the format of a CSV of verdicts, with a column for the probability of each source."""
    header = csv_line(csv_header(sources))
    return Format(lambda verdict: csv_line(csv_row(verdict, sources)), csv_key, header, header, cell)
