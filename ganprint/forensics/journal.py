"""A file of verdicts, one a line, that a run which was killed goes on with: no line twice, none lost."""

import csv
import io
import json
import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from ganprint.errors import OutputError, OutputExistsError, UsageError
from ganprint.forensics.verdict import Verdict
from ganprint.images import printable
from ganprint.images.formats import cell


class Line(NamedTuple):
    """What a line tells: the path, the hash of what it was judged by, and the verdict, None where it failed."""

    path: str
    by: str | None
    verdict: str | None


class Journal:
    """A file that verdicts are appended to, each as a whole line, by `render`; `header` is its first line, if any.

    With `resume` what is there is gone on from: a last line that was cut off is taken away, and `is_done` tells which
    images it has. `shown` is how a line writes a path, `opening` what the file begins with; `key` tells a line's path,
    verdict, and the hash of what it was judged by, which must be `by`; `verdicts` counts those that were there. Raises
    OutputExistsError where the file is there and neither `resume` nor `force` is given, UsageError where it is of other
    weights or no file of verdicts, OutputError where it cannot be written.
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
                f"{printable(str(path))} is there already.",
                "Go on with --resume, or start again with --force.",
            )
        try:
            if resume and path.exists():
                end = self._read(by)
                os.truncate(path, end)
            else:
                path.write_bytes(b"")
            # Unbuffered, so that nothing is left to be written when writing has failed.
            self._file = path.open("ab", buffering=0)
            if header and not path.stat().st_size:
                self._append(header)
        except OSError as cause:
            raise self._refusal(cause) from cause

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

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
        for line in _whole_lines(self.path):
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
        with self.path.open("rb") as file:
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
    with path.open("rb") as file:
        yield from (line for line in file if line.endswith(b"\n"))


def _written(path: str) -> str:
    """Return a path as it is written: bytes of a name that are no text become escapes."""
    return path.encode("utf-8", "backslashreplace").decode()


def json_key(line: str) -> Line:
    """Return what a JSON line tells."""
    found = json.loads(line)
    return Line(found["path"], found["judged_by_sha256"], found["verdict"])


def json_line(verdict: Verdict) -> str:
    """Return a verdict as a line of JSON, names as they are; bytes of a name that are no text become escapes."""
    text = json.dumps(verdict.model_dump(mode="json"), ensure_ascii=False)
    return text.encode("utf-8", "backslashreplace").decode()


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
