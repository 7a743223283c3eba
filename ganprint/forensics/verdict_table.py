"""Verdicts as a Parquet file: a column for common fields, and each whole verdict as a line of JSON."""

import json
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet

from ganprint.errors import UsageError
from ganprint.files import atomic_file, open_file
from ganprint.forensics.verdict_rows import flat

ROWS_IN_GROUP = 1 << 14
"""Verdicts that are held at a time, some kilobytes each."""
WHOLE = "json"
"""The column that has the whole verdict."""
_TEXTS = ("path", "sha256", "verdict", "source", "family", "runner_up", "likeliest", "reason", "stable")
_NUMBERS = ("synthetic_probability", "known_score", "log10_lr_synthetic")


class VerdictTable:
    """The Parquet file that a journal of verdicts becomes, with a probability, `p_NAME`, for each of `sources`."""

    def __init__(self, sources: Iterable[str]) -> None:
        self.sources = tuple(sources)

    def write(self, lines: Iterable[str], path: Path) -> None:
        """Write verdicts, given as lines of JSON, whole or not at all; raises as `atomic_file` does."""
        schema = _schema(self.sources)
        rest = iter(lines)
        with atomic_file(path) as out, pyarrow.parquet.ParquetWriter(out, schema, compression="zstd") as writer:
            while some := list(islice(rest, ROWS_IN_GROUP)):
                writer.write_batch(pa.RecordBatch.from_pylist([_row(line) for line in some], schema))

    def read(self, path: Path) -> Iterator[str]:
        """Yield the verdicts of a file as lines of JSON; raises UsageError where it is not a file of verdicts."""
        try:
            with open_file(path) as file:
                for batch in pyarrow.parquet.ParquetFile(file).iter_batches(ROWS_IN_GROUP, columns=[WHOLE]):
                    yield from batch[WHOLE].to_pylist()
        except Exception as cause:
            # As in reading images: a damaged file makes the library raise almost anything.
            raise UsageError(
                f"{path} is not a file of verdicts.", "Name another file, or start again with --force."
            ) from cause


def is_table(path: Path) -> bool:
    """Return whether a file of verdicts is to be Parquet, by its name."""
    return path.suffix.lower() == ".parquet"


def _schema(sources: tuple[str, ...]) -> pa.Schema:
    return pa.schema(
        [
            *((name, pa.string()) for name in _TEXTS),
            *((name, pa.float64()) for name in _NUMBERS),
            *((f"p_{name}", pa.float64()) for name in sources),
            ("warnings", pa.list_(pa.string())),
            ("error", pa.string()),
            ("judged_by_sha256", pa.string()),
            (WHOLE, pa.string()),
        ]
    )


def _row(line: str) -> dict[str, Any]:
    found = flat(json.loads(line))
    # Bytes of a file's name that are no text are escapes, as in the lines of a CSV.
    return {**found, "path": found["path"].encode("utf-8", "backslashreplace").decode(), WHOLE: line}
