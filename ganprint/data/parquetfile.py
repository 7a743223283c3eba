"""Read a manifest's Parquet, all of it as columns or its paths a row group at a time, and name the row at fault."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet

from ganprint.data.columns import NUMBERS
from ganprint.errors import ManifestError
from ganprint.files import open_file

MAX_PARQUET_BYTES = 4 << 30
MAX_UNPACKED_BYTES = 16 << 30
MAX_ROWS = 1 << 27
"""What a file may announce to unpack to; text is read as a dictionary, which repetition does not make larger."""
ROWS_AT_A_TIME = 1 << 16

_HINT = "It needs the columns path,source or path,label,dlabel."


def is_parquet(file: Path | str) -> bool:
    """Return whether a file is Parquet by its name."""
    return str(file).lower().endswith(".parquet")


def read_parquet(file: Path | str) -> pa.Table:
    """Return the rows as a table: `path` string, `label` and `dlabel` int64 if there, the rest dictionary-encoded.

    Raises ManifestError for a file that is too large or damaged, has columns of lists or maps, or none for the path or
    for the source and label.
    """
    with _opened(file) as found:
        names = found.schema_arrow.names
        missing = ["path"] if "path" not in names else []
        missing += ["source"] if not {"source", "label"} & set(names) else []
        if missing or len(set(names)) < len(names):
            fault = f"no column {missing[0]!r}" if missing else "two columns of one name"
            raise ManifestError(f"{file} has {fault}; it has {', '.join(map(repr, names[:12]))}.", _HINT)
        batches = found.iter_batches(ROWS_AT_A_TIME)
        columns = [pa.table({name: _column(name, batch[name], file) for name in names}) for batch in batches]
        if not columns:
            raise ManifestError(f"{file} lists no images: it has no rows.", _HINT)
        return pa.concat_tables(columns).unify_dictionaries().combine_chunks()


def stream_paths(file: Path | str) -> Iterator[str]:
    """Yield the paths of a manifest, some rows of which are held at a time; raises ManifestError as reading it does."""
    with _opened(file) as found:
        if "path" not in found.schema_arrow.names:
            raise ManifestError(f"{file} has no column 'path'.", _HINT)
        for batch in found.iter_batches(ROWS_AT_A_TIME, columns=["path"]):
            yield from _column("path", batch["path"], file).to_pylist()


@contextmanager
def _opened(file: Path | str) -> Iterator[Any]:
    """Give the open file, its text to be read as dictionaries: what repeats a value does not grow by that."""
    try:
        with open_file(file, limit=MAX_PARQUET_BYTES) as opened:
            facts = pyarrow.parquet.read_metadata(opened)
            unpacked = sum(facts.row_group(each).total_byte_size for each in range(facts.num_row_groups))
            if facts.num_rows > MAX_ROWS or unpacked > MAX_UNPACKED_BYTES:
                raise ManifestError(
                    f"{file} announces {facts.num_rows:,} rows, {unpacked >> 20:,} MiB of them.",
                    f"At most {MAX_ROWS:,} rows and {MAX_UNPACKED_BYTES >> 20:,} MiB are read: part it.",
                )
            schema = facts.schema.to_arrow_schema()
            nested = [field.name for field in schema if pa.types.is_nested(field.type)]
            if nested:
                raise ManifestError(f"{file}: the column {nested[0]!r} is of lists or maps.", "Leave it out.")
            text = [name for name in schema.names if name not in NUMBERS]
            yield pyarrow.parquet.ParquetFile(opened, metadata=facts, read_dictionary=text)
    except FileNotFoundError as cause:
        raise ManifestError(f"There is no manifest {file}.", "Check the spelling of the path.") from cause
    except ManifestError:
        raise
    except Exception as cause:
        # As in reading images: a damaged file makes the library raise almost anything.
        reason = " ".join(str(getattr(cause, "strerror", None) or cause).split())[:300].rstrip(".")
        raise ManifestError(f"{file} cannot be read as Parquet: {reason}.", _HINT) from cause


def _column(name: str, array: Any, file: Path | str) -> Any:
    """Return some rows of a column in the type that a manifest has it in; raises ManifestError where it is another."""
    try:
        if name in NUMBERS:
            return pc.cast(array, pa.int64())
        if not pa.types.is_dictionary(array.type):
            array = pc.cast(array, pa.string()).dictionary_encode()
        array = array.cast(pa.dictionary(pa.int32(), pa.string()))
        array.validate(full=True)
        array.dictionary.validate(full=True)
    except pa.ArrowException as cause:
        kind = "whole numbers" if name in NUMBERS else "text"
        raise ManifestError(f"{file}: the column {name!r} is not {kind} in every row.", _HINT) from cause
    if array.null_count:
        words, empty = array.dictionary, pc.index(array.dictionary, "").as_py()
        if empty < 0:
            words, empty = pa.concat_arrays([words, pa.array([""])]), len(words)
        array = pa.DictionaryArray.from_arrays(pc.fill_null(array.indices, empty), words)
    if name == "path":
        # Not before it is known that they are distinct: one long path in every row would fill memory.
        if pc.count_distinct(array.indices).as_py() < len(array):
            twice = array.dictionary[pc.mode(array.indices)[0]["mode"].as_py()].as_py()
            what = f"{twice[:200]} is listed twice" if twice else "several paths are empty"
            raise ManifestError(f"{file}: {what}.", "Every row names one image file of its own.")
        return array.cast(pa.string())
    return array
