"""Verdicts as tables: rows of CSV, and Parquet, where each whole verdict is a line of JSON in a column as well."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ganprint.errors import UsageError
from ganprint.files import atomic_file, open_file
from ganprint.forensics.verdict import Verdict
from ganprint.ordered_map import in_groups

if TYPE_CHECKING:
    import pyarrow

ROWS_IN_GROUP = 1 << 14
"""Verdicts that are held at a time, some kilobytes each."""
WHOLE = "json"
"""The column that has the whole verdict."""
_TEXTS = ("path", "sha256", "verdict", "source", "family", "runner_up", "likeliest", "reason", "stable")
_NUMBERS = ("synthetic_probability", "known_score", "log10_lr_synthetic")


def csv_header(sources: Sequence[str]) -> list[str]:
    """Return the names of the columns of a CSV; one for each source's probability."""
    answer = ("verdict", "synthetic_probability", "runner_up")
    said = ("warnings", "error", "reason")
    rest = ("likeliest", "log10_lr_synthetic", "known_score", "stable", "judged_by_sha256")
    return ["path", "sha256", *answer, *(f"p_{name}" for name in sources), *said, *rest]


def csv_row(verdict: Verdict, sources: Sequence[str]) -> list[object]:
    """Return the values of the columns of a CSV."""
    found = _flat(verdict.model_dump(mode="json")) | {"warnings": " ".join(verdict.warnings)}
    return [found.get(name) for name in csv_header(sources)]


def _flat(verdict: Mapping[str, Any]) -> dict[str, Any]:
    """Return a verdict's fields, given as in JSON, and what is inside of them as columns of its own."""
    changes, ratios = verdict["stability"], verdict["likelihood_ratios"]
    return {
        **verdict,
        **{f"p_{name}": share for name, share in verdict["probabilities"].items()},
        "stable": f"{sum(each['holds'] for each in changes)} of {len(changes)}" if changes else None,
        "log10_lr_synthetic": next((each["log10"] for each in ratios if each["proposition"] == "synthetic"), None),
        "error": verdict["error"]["message"] if verdict["error"] else None,
    }


class VerdictTable:
    """The Parquet file that a journal of verdicts becomes, with a probability, `p_NAME`, for each of `sources`."""

    def __init__(self, sources: Iterable[str]) -> None:
        self.sources = tuple(sources)

    def write(self, lines: Iterable[str], path: Path) -> None:
        """Write verdicts, given as lines of JSON, whole or not at all; raises as `atomic_file` does."""
        import pyarrow.parquet

        schema = _schema(self.sources)
        with atomic_file(path) as out, pyarrow.parquet.ParquetWriter(out, schema, compression="zstd") as writer:
            for some in in_groups(lines, ROWS_IN_GROUP):
                writer.write_batch(pyarrow.RecordBatch.from_pylist([_row(line) for line in some], schema))

    def read(self, path: Path) -> Iterator[str]:
        """Yield the verdicts of a file as lines of JSON; raises UsageError where it is not a file of verdicts."""
        import pyarrow.parquet

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


def _schema(sources: tuple[str, ...]) -> "pyarrow.Schema":
    import pyarrow as pa

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
    found = _flat(json.loads(line))
    # Bytes of a file's name that are no text are escapes, as in the lines of a CSV.
    return {**found, "path": found["path"].encode("utf-8", "backslashreplace").decode(), WHOLE: line}
