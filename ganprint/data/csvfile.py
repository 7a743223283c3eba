"""Read a manifest's CSV into columns fast, and name the line where it cannot be read."""

import codecs
import csv
import io
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pyarrow as pa
import pyarrow.csv

from ganprint.data.columns import LARGEST, MAX_MANIFEST_BYTES, NUMBERS, NUMBERS_HINT
from ganprint.errors import ManifestError
from ganprint.files import open_file
from ganprint.images.formats import shortened

_EXAMPLE = "The first line must name the columns, separated by commas: path,source or path,label,dlabel."
_LONGEST_HEADER = 1 << 16


def read_csv(file: Path | str) -> pa.Table:
    """Return the CSV as a table: `path` string, `label` and `dlabel` int64 if there, the rest dictionary-encoded.

    A UTF-8 byte order mark and any line ends are accepted. Raises ManifestError naming the file and the line for
    anything else that is not a comma-separated UTF-8 file with a path and a source or label in each row.
    """
    names = _header(file)
    numbers = [name for name in NUMBERS if name in names]
    types: dict[str, pa.DataType] = {name: pa.dictionary(pa.int32(), pa.string()) for name in names}
    types |= {"path": pa.string(), **{name: pa.int64() for name in numbers}}
    try:
        with open_file(file, limit=MAX_MANIFEST_BYTES) as opened:
            table = pyarrow.csv.read_csv(
                opened, convert_options=pyarrow.csv.ConvertOptions(column_types=types, strings_can_be_null=False)
            )
        agreed = table.column_names == names
    except (pa.ArrowInvalid, OSError, UnicodeDecodeError) as error:
        raise _explain(file, str(error)) from error
    if not agreed:
        # As with a line end inside quotes.
        raise ManifestError(f"{file}, line 1: the columns' names are not one line of text.", _EXAMPLE)
    if not table.num_rows:
        raise ManifestError(f"{file} lists no images: it has a header and no rows.", _EXAMPLE)
    return table.unify_dictionaries().combine_chunks()


def lists_paths(file: Path | str) -> bool:
    """Return whether the first line of a file names a column `path`, as that of a manifest does."""
    try:
        return "path" in _names(_first_line(file).decode("utf-8", "replace"))
    except OSError:
        return False


def csv_paths(file: Path | str) -> Iterator[str]:
    """Yield the paths of a manifest that `lists_paths`, one row of which is held at a time.

    Other columns do not matter. Raises ManifestError naming the line that has no path.
    """
    place = _names(_first_line(file).decode("utf-8", "replace")).index("path")
    try:
        for line, row in _rows(file):
            if len(row) <= place or not row[place]:
                raise ManifestError(f"{file}, line {line}: there is no path.", "Every row names one image file.")
            yield row[place]
    except csv.Error as error:
        raise ManifestError(f"{file} cannot be read as CSV: {error}.", _EXAMPLE) from error


def _first_line(file: Path | str) -> bytes:
    """Return the first line that is not empty, without its end, as far as _LONGEST_HEADER."""
    with open_file(file, limit=MAX_MANIFEST_BYTES) as stream:
        beginning = stream.read(_LONGEST_HEADER + len(codecs.BOM_UTF8)) or b""
    text = beginning.removeprefix(codecs.BOM_UTF8).lstrip(b"\r\n")[:_LONGEST_HEADER]
    return (text.splitlines() or [b""])[0]


def _names(line: str) -> list[str]:
    return next(csv.reader([line]), [])


def find_line(file: Path | str, row: int) -> int:
    """Return the line of the file on which a row (counted from 0) stands, blank lines being no rows."""
    # A field may be longer than the module that walks over lines takes.
    with suppress(csv.Error):
        for position, (line, _) in enumerate(_rows(file)):
            if position == row:
                return line
    return row + 2


def _header(file: Path | str) -> list[str]:
    try:
        start = _first_line(file)
    except FileNotFoundError as error:
        raise ManifestError(
            f"There is no manifest {file}.", "Give a CSV file or a folder source/semantic/*."
        ) from error
    except OSError as error:
        raise ManifestError(f"{file} cannot be opened: {error.strerror}.", "Check its name and permissions.") from error
    if not start.strip():
        raise ManifestError(f"{file} is empty.", _EXAMPLE)
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise ManifestError(
            f"{file}, line 1: the file is UTF-16, not UTF-8.", "Save it as CSV in UTF-8, comma separated."
        )
    try:
        line = start.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ManifestError(
            f"{file}, line 1: the file is not UTF-8 text.", "Is it a CSV? If so, save it as UTF-8."
        ) from error
    names = _names(line)
    missing = ["path"] if "path" not in names else []
    missing += ["source"] if not {"source", "label"} & set(names) else []
    if missing:
        for separator, word in ((";", "semicolons"), ("\t", "tabs"), ("|", "bars")):
            if len(line.split(separator)) > len(names):
                raise ManifestError(
                    f"{file}, line 1: the columns are separated by {word}, not by commas.",
                    "Save it as a comma-separated CSV.",
                )
        found = ", ".join(repr(name) for name in names[:12])
        raise ManifestError(
            f"{file}, line 1: no column {' and no column '.join(map(repr, missing))}; it has {found}.", _EXAMPLE
        )
    if len(start) == _LONGEST_HEADER:
        raise ManifestError(
            f"{file}, line 1: the names of the columns take more than {_LONGEST_HEADER:,} bytes.", _EXAMPLE
        )
    twice = sorted(name for name, count in Counter(names).items() if count > 1)
    if twice:
        raise ManifestError(f"{file}, line 1: the column {twice[0]!r} is named twice.", "Remove or rename one of them.")
    return names


def _rows(file: Path | str) -> Iterator[tuple[int, list[str]]]:
    opened = open_file(file, limit=MAX_MANIFEST_BYTES)
    with io.TextIOWrapper(opened, "utf-8-sig", "surrogateescape", newline="") as stream:
        reader = csv.reader(stream)
        rows = filter(None, reader)
        next(rows)  # the columns' names
        for row in rows:
            yield reader.line_num, row


def _explain(file: Path | str, reason: str) -> ManifestError:
    """Find the first faulty line by a slow walk, once a fast check has said that there is one."""
    names = _header(file)
    try:
        for line, row in _rows(file):
            where = f"{file}, line {line}"
            if any("\udc80" <= character <= "\udcff" for field in row for character in field):
                return ManifestError(f"{where}: a byte is not UTF-8 text.", "Save the file as CSV in UTF-8.")
            if len(row) != len(names):
                return ManifestError(
                    f"{where}: {len(row)} fields, where the header names {len(names)}.",
                    'Put a path that has a comma in double quotes: "a,b.png"',
                )
            for name, text in zip(names, row, strict=True):
                if name in NUMBERS and not _is_integer(text):
                    return ManifestError(f"{where}: the {name} is {shortened(text)!r}.", NUMBERS_HINT)
    except csv.Error as error:
        reason = str(error)
    return ManifestError(f"{file} cannot be read as CSV: {reason}.", _EXAMPLE)


def _is_integer(text: str) -> bool:
    try:
        return -(2**63) <= int(text) < LARGEST
    except ValueError:
        return False
