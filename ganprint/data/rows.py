"""The rows of a manifest: their file, CSV or Parquet, where in it one of them stands, and their hash."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet

from ganprint.data.columns import NAMED, NUMBERS, first_fault
from ganprint.data.csvfile import find_line, read_csv
from ganprint.data.parquetfile import is_parquet, read_parquet
from ganprint.errors import ManifestError
from ganprint.remote import archive_url

ROWS_IN_GROUP = 1 << 17
"""Of a Parquet file that is written: what a reader holds at a time."""


def read_rows(file: Path | str) -> pa.Table:
    """Return the rows as a table: `path` string, `label` and `dlabel` int64 if there, the rest dictionary-encoded.

    The name says which of the two the file is. Paths with backslashes only are as if written with slashes. Raises
    ManifestError as `read_csv` and `read_parquet` do, and naming a row without a path of its own or with a number that
    counts nothing.
    """
    table = (read_parquet if is_parquet(file) else read_csv)(file)
    paths = table["path"]
    if pc.all(pc.match_substring(paths, "\\")).as_py() and not pc.any(pc.match_substring(paths, "/")).as_py():
        # Written on Windows.
        slashed = pc.replace_substring(paths, "\\", "/")
        table = table.set_column(table.column_names.index("path"), "path", slashed).combine_chunks()
    fault = first_fault(table)
    if fault is not None:
        before = "" if fault.before is None else f" on {place_of(file, fault.before)}"
        raise ManifestError(f"{file}, {place_of(file, fault.row)}: {fault.reason}{before}.", fault.hint)
    return table


def write_rows(table: pa.Table, out: BinaryIO, *, parquet: bool) -> None:
    """Write rows as Parquet or as CSV into an open file."""
    if parquet:
        pyarrow.parquet.write_table(table, out, row_group_size=ROWS_IN_GROUP, compression="zstd")
        return
    texts = [pc.cast(c, pa.string()) if pa.types.is_dictionary(c.type) else c for c in table.columns]
    pyarrow.csv.write_csv(pa.table(texts, names=table.column_names), out)


def place_of(file: Path | str, row: int) -> str:
    """Return the words for where in a manifest's file a row, counted from 0, stands."""
    shards = archive_url(file) is not None or (isinstance(file, Path) and file.is_dir())
    return f"row {row + 1}" if shards or is_parquet(file) else f"line {find_line(file, row)}"


def hash_rows(table: pa.Table, sources: Sequence[str]) -> str:
    """Return the SHA-256, in hex, of sources and then each column with a meaning, in the order of the rows.

    `table` has one chunk a column.
    """
    digest = hashlib.sha256(_framed("\0".join(sources).encode()))
    for column in ("path", *NUMBERS, *NAMED):
        digest.update(_framed(column.encode()))
        if column in NUMBERS:
            digest.update(_framed(table[column].to_numpy().astype("<i8").tobytes()))
        elif column in table.column_names:
            array = pc.cast(table[column].chunk(0), pa.large_string())
            ends = np.frombuffer(array.buffers()[1], dtype="<i8")[array.offset :][: len(array) + 1]
            digest.update(_framed(np.diff(ends).tobytes()))
            digest.update(_framed(array.buffers()[2][ends[0] : ends[-1]]))
    return digest.hexdigest()


def _framed(data: bytes | pa.Buffer) -> bytes:
    """Prefix the length, so that no two sequences of fields hash alike."""
    return len(data).to_bytes(8, "little") + bytes(data)
