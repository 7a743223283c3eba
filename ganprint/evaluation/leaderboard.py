"""Results as files: a CSV for each data set, small enough to keep under version control, and each result's details."""

import csv
import io
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ganprint.errors import ManifestError, UsageError
from ganprint.evaluation.entry import HASHES, SHORT_HASH, Entry
from ganprint.evaluation.results import OfImages
from ganprint.files import read_file, write_output
from ganprint.plain_text import to_json

MAX_RESULT_BYTES = 64 << 20
MOVE = "Move it away, or compare into another folder."
RESULT = (
    *("method", "weights", "split", "policy", "seed", "at", "engine", "precision", "surrogate"),
    *HASHES,
    *("numerics", "date", "n", "failed", "seen"),
)
"""Columns that say which result a value is of; `seen` has SET:IMAGES:GROUPS of what the weights have seen of them."""
VALUE = ("unit", "groups", "metric", "value", "low", "high")


def predictions_file(folder: Path, entry: Entry) -> Path:
    """Return the CSV of one row per image that belongs to a result kept under a folder."""
    return (folder / entry.data / entry.file_name).with_suffix(".csv")


def save_entry(folder: Path, entry: Entry) -> Path:
    """Write a result with its details under FOLDER/DATA and return its file; an old one is replaced whole."""
    file = folder / entry.data / entry.file_name
    # A field a line: short, and changes can be distinguished.
    fields = entry.model_dump(mode="json").items()
    lines = [f"{to_json(name)}: {to_json(value)}" for name, value in fields]
    _write(file, "{\n" + ",\n".join(lines) + "\n}\n")
    return file


def read_entries(folder: Path) -> list[Entry]:
    """Return the results under a folder, by data set and name; those of its CSVs that have no details, without.

    Raises ManifestError naming a damaged file.
    """
    found: dict[tuple[str, str], Entry] = {}
    for file in filter(is_table, sorted(folder.glob("*.csv"))):
        found |= {(entry.data, entry.file_name): entry for entry in read_table(file)}
    for file in sorted(folder.rglob("*.json")):
        try:
            entry = Entry.model_validate_json(read_file(file, limit=MAX_RESULT_BYTES))
        except (OSError, ValidationError) as cause:
            raise ManifestError(f"{file} is not a result that compare wrote.", MOVE) from cause
        listed = found.get((entry.data, entry.file_name))
        # A CSV that came with a newer version of the results knows better than details that stayed behind.
        if listed is None or listed.date <= entry.date:
            found[entry.data, entry.file_name] = entry
    return [found[key] for key in sorted(found)]


def save_tables(folder: Path, entries: Sequence[Entry]) -> None:
    """Write results into FOLDER/DATA.csv of their data set, beside those there."""
    for data in dict.fromkeys(entry.data for entry in entries):
        file = folder / f"{data}.csv"
        check_table(file)
        there = read_table(file) if file.is_file() else []
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow([*RESULT, *VALUE])
        # New results replace those of their name.
        found = {entry.file_name: entry for entry in (*there, *(each for each in entries if each.data == data))}
        for name in sorted(found):
            writer.writerows(_rows(found[name]))
        _write(file, text.getvalue())


def is_table(file: Path) -> bool:
    """Return whether a CSV is a table of results by its first line."""
    with file.open(encoding="utf-8", errors="replace", newline="") as stream:
        return next(csv.reader(stream), []) == [*RESULT, *VALUE]


def check_table(file: Path) -> None:
    """Raise UsageError where a file is there that is no table of results: a manifest, perhaps."""
    if file.exists() and not is_table(file):
        raise UsageError(f"{file} is there and has no results.", "Compare into another folder.")


def read_table(file: Path) -> list[Entry]:
    """Return the results of a CSV, which have no recall, groups, confusion and command.

    Raises ManifestError where it is no such file.
    """
    try:
        with file.open(encoding="utf-8", newline="") as stream:
            rows = list(csv.DictReader(stream))
        found = groupby(rows, key=lambda row: tuple(row[name] for name in RESULT))
        return [_entry(file.stem, list(values)) for _, values in found]
    except (OSError, KeyError, ValueError, ValidationError, csv.Error) as cause:
        raise ManifestError(f"{file} is not a table of results that compare wrote.", MOVE) from cause


def _rows(entry: Entry) -> Iterator[list[Any]]:
    """Yield a row for each value of a result, over groups and of images."""
    facts = entry.model_dump(mode="json", include=set(RESULT))
    facts |= {name: facts[name][:SHORT_HASH] for name in HASHES if facts[name]}
    facts["seen"] = " ".join(f"{name}:{each.images}:{each.groups}" for name, each in entry.seen.items())
    head = [facts[name] for name in RESULT]
    for unit in dict.fromkeys((entry.unit, "image")):
        shown = entry.in_unit(unit)
        for metric, found in shown.metrics.items():
            yield [*head, unit, shown.groups, metric, found.value, found.low, found.high]


def _entry(data: str, rows: Sequence[dict[str, str]]) -> Entry:
    by_unit: dict[str, dict[str, Any]] = {"group": {}, "image": {}}
    for row in rows:
        bounds = {name: float(row[name]) if row[name] else None for name in ("value", "low", "high")}
        by_unit[row["unit"]][row["metric"]] = bounds
    unit = "group" if by_unit["group"] else "image"
    facts: dict[str, Any] = {name: rows[0][name] or None for name in RESULT}
    facts["seen"] = {
        name: {"images": images, "groups": groups}
        for name, images, groups in (part.split(":") for part in rows[0]["seen"].split())
    }
    facts |= by_unit[unit]
    facts |= {"data": data, "unit": unit, "groups": int(rows[0]["groups"]) if unit == "group" else None}
    facts |= {name: {} for name in ("per_source", "per_group", "confusion", "versions")}
    facts |= {"images_per_second": 0, "command": "", "hardware": ""}
    return Entry.model_validate(facts | {"of_images": OfImages.model_validate(by_unit["image"])})


def _write(file: Path, text: str) -> None:
    """Write a text file whole or not at all; raise UsageError where it cannot be written."""
    # Bytes of a file name that are no text become JSON's escapes for them.
    content = text.encode("utf-8", "backslashreplace")
    write_output(file, content, error=UsageError, hint="Name another folder.")
