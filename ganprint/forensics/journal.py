"""A file of verdicts, one a line, that a run which was killed goes on with: no line twice, none lost."""

import csv
import io
import json
import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from io import BufferedReader, FileIO
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from ganprint.errors import OutputError, OutputExistsError, UsageError
from ganprint.files import lock, open_file
from ganprint.forensics.verdict import Verdict
from ganprint.images import printable
from ganprint.images.formats import cell
from ganprint.plain_text import to_json

MAX_LINE_BYTES = 16 << 20
"""A verdict has some kilobytes."""


class Line(NamedTuple):
    """What a line tells: the path, the hash of what it was judged by, and the verdict, None where it failed."""

    path: str
    by: str | None
    verdict: str | None


class Journal:
    """A file that verdicts are appended to, each as a whole line, by `render`; `header` is its first line, if any.

    A file that `force` replaces stays until all lines of the new one are written. With `resume` what is there is gone
    on from: a last line that was cut off is taken away, and `is_done` tells which images it has. `shown` is how a line
    writes a path, `opening` what the file begins with; `key` tells a line's path, verdict, and the hash of what it was
    judged by, which must be `by`; `verdicts` counts those that were there. Raises
    OutputExistsError where the file is there and neither `resume` nor `force` is given, UsageError where it is of other
    weights or no file of verdicts, or another process writes it, OutputError where it cannot be written.
    """

    def __init__(
        self,
        path: Path,
        render: Callable[[Verdict], str],
        key: Callable[[str], Line],
        *,
        by: str | None,
        opening: str,
        header: str = "",
        shown: Callable[[str], str] = str,
        resume: bool = False,
        force: bool = False,
    ) -> None:
        self.path, self._render, self._key, self._header = path, render, key, header
        self._shown, self._opening = shown, opening.encode()
        self._done: Counter[str] = Counter()
        self.verdicts: Counter[str | None] = Counter()
        there = path.exists() or path.is_symlink()
        if there and not (resume or force):
            raise OutputExistsError(
                f"{printable(str(path))} already exists.",
                "Continue with --resume, or start again with --force.",
            )
        partial = path.with_name(f".{path.name}.unfinished")
        self._lines = partial if there and (partial.exists() or not resume) else path
        self._open_files = ExitStack()
        try:
            if self._lines != path and path.exists():
                self._lock(self._open_files.enter_context(open_file(path)))
            self._file = self._open_files.enter_context(self._open(follow=there and self._lines == path))
            self._lock(self._file)
            os.ftruncate(self._file.fileno(), self._read(by) if resume else 0)
            if header and not self._lines.stat().st_size:
                self._append(header)
        except OSError as cause:
            self._open_files.close()
            raise self._refusal(cause) from cause
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
        if not lock(file.fileno()):
            raise UsageError(
                f"Another process is writing {printable(str(self.path))}.",
                "Wait for it, or name another file.",
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None and self._lines != self.path:
            os.fsync(self._file.fileno())
            self._lines.replace(self.path)
        self._open_files.close()

    def is_done(self, path: str) -> bool:
        """Say whether the file has a line for an image, which then answers for one time that it is named."""
        path = _written(self._shown(path))
        if not self._done[path]:
            return False
        self._done[path] -= 1
        return True

    def write(self, verdict: Verdict) -> None:
        """Append the line of a verdict, at once; raises UsageError where that is not possible."""
        try:
            self._append(self._render(verdict))
        except OSError as cause:
            raise self._refusal(cause) from cause

    def _append(self, line: str) -> None:
        left = memoryview((line + "\n").encode("utf-8", "backslashreplace"))
        while left:
            left = left[self._file.write(left) or 0 :]

    def _read(self, by: str | None) -> int:
        """Note the images of the whole lines that are there; return where the last of them ends."""
        end = 0
        for line in _whole_lines(self._lines):
            text = line.decode("utf-8", "replace").rstrip("\r\n")
            if end or text != self._header or not self._header:
                try:
                    found = self._key(text)
                except (ValueError, KeyError, TypeError, IndexError):
                    raise UsageError(
                        f"{printable(str(self.path))} has a line that is no verdict.",
                        "Name another file, or start again with --force.",
                    ) from None
                if found.by != by:
                    raise UsageError(
                        f"{printable(str(self.path))} was begun with other weights, thresholds or options.",
                        "Go on with those, or start again with --force.",
                    )
                self._done[_written(found.path)] += 1
                self.verdicts[found.verdict] += 1
            end += len(line)
        with open_file(self._lines) as file:
            file.seek(end)
            cut = file.read(len(self._opening))
        if not self._opening.startswith(cut) and (end == 0 or not self._header):
            # Not the beginning of a line of ours.
            raise UsageError(
                f"{printable(str(self.path))} is no file of verdicts.",
                "Name another file, or start again with --force.",
            )
        return end

    def _refusal(self, cause: OSError) -> OutputError:
        return OutputError(
            f"{printable(str(self.path))} cannot be written: {cause.strerror}.",
            "What it has is whole; when there is room and permission, go on with --resume.",
        )


def _whole_lines(path: Path) -> Iterator[bytes]:
    with open_file(path) as file:
        for line in iter(lambda: file.readline(MAX_LINE_BYTES + 1), b""):
            if line.endswith(b"\n"):
                yield line
            elif len(line) > MAX_LINE_BYTES:
                raise UsageError(
                    f"{printable(str(path))} is no file of verdicts.",
                    "Name another file, or start again with --force.",
                )


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
    csv.writer(out, lineterminator="").writerow(
        [cell(value) if isinstance(value, str) else value for value in row]
    )
    return out.getvalue()
