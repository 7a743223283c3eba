"""A manifest in several CSV files, one for each split, as Attribution88 comes."""

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ganprint.data.columns import NUMBERS, first_fault
from ganprint.data.naming import UNKNOWN, NamedRows, name_rows, named_column
from ganprint.data.rows import read_rows
from ganprint.errors import ManifestError
from ganprint.remote import last_part, location, parent_location

_SPLIT = re.compile(r"(?:.*[_.-])?(train|val|test|test_seen|test_unseen|open)", re.IGNORECASE)


def listed_files(path: Path | str) -> list[Path | str]:
    """Return the files that commas part in a path or URL, or itself where it is there or has no comma."""
    if "," not in str(path) or (isinstance(path, Path) and path.exists()):
        return [path]
    files = [location(part.strip()) for part in str(path).split(",") if part.strip()]
    if len({parent_location(file) for file in files}) > 1:
        raise ManifestError(
            f"{', '.join(map(str, files))} lie in several folders.", "Put the files of one data set into one."
        )
    return files


def read_parts(files: Sequence[Path | str]) -> NamedRows:
    """Return the rows of all files, each a split that its name ends in (`train`, `val`, `test`) or its column says.

    Where every file names its sources, they are numbered together. Else a number is the same source in all files, and
    the first file that names it gives its name: folders of images may be called otherwise in another file. A column of
    some files, as `group`, is empty in the rows of the others; labels, dlabels and semantic classes are read where all
    files have them. Raises ManifestError where a file is faulty, tells no split, or lists an image of another.
    """
    tables = [_with_split(read_rows(file), file) for file in files]
    named = all("source" in table.column_names for table in tables)
    parts = [] if named else [name_rows(table, file) for table, file in zip(tables, files, strict=True)]
    tables = tables if named else [part.table for part in parts]
    columns = dict.fromkeys(name for table in tables for name in table.column_names)
    partly = [name for name in columns if not all(name in each.column_names for each in tables)]
    kept = [name for name in columns if name not in partly or name not in (*NUMBERS, "semantic")]
    joined = pa.concat_tables([_with_columns(table, kept) for table in tables]).unify_dictionaries().combine_chunks()
    repeated = first_fault(joined)  # no file has one by itself
    if repeated is not None:
        raise ManifestError(
            f"{joined['path'][repeated.row]} is listed in two of {', '.join(map(last_part, files))}.",
            "An image belongs to one split: remove it from the others.",
        )
    if named:
        return name_rows(joined, ", ".join(map(last_part, files)))
    joined, sources = _by_number(joined, "label", "source")
    joined, _ = _by_number(joined, "dlabel", "semantic")
    top = int(joined["label"].to_numpy().max(initial=0))
    names = tuple(sources.get(number, f"source-{number}") for number in range(top + 1))
    by_position = all(part.by_position for part in parts)
    return NamedRows(joined, names, parts[0].real_folder, by_position)


def split_of_name(file: Path | str) -> str:
    """Return the split that a file's name ends in, empty where it ends in none."""
    found = _SPLIT.fullmatch(Path(last_part(file)).stem)
    return found[1].lower() if found else ""


def _with_split(table: pa.Table, file: Path | str) -> pa.Table:
    if "split" in table.column_names:
        return table
    name = split_of_name(file)
    if not name:
        raise ManifestError(f"{file} does not say which split it is of.", "Call it train.csv, val.csv or test.csv.")
    split = pa.array([name] * len(table)).dictionary_encode()
    return table.append_column("split", split)


def _with_columns(table: pa.Table, names: Sequence[str]) -> pa.Table:
    """Return these columns of a table, those that it lacks with empty text."""
    for name in names:
        if name not in table.column_names:
            empty = pa.DictionaryArray.from_arrays(pa.array(np.zeros(len(table), np.int32)), pa.array([""]))
            table = table.append_column(name, empty)
    return table.select(names)


def _by_number(table: pa.Table, number: str, name: str) -> tuple[pa.Table, dict[int, str]]:
    """Return the table with one name for each number >= 0, that of the first row that has it, and the names."""
    numbers, column = table[number].to_numpy(), table[name].chunk(0)
    words, codes = column.dictionary.to_pylist(), column.indices.to_numpy()
    distinct, first = np.unique(numbers, return_index=True)
    names = {n: words[codes[row]] for n, row in zip(distinct.tolist(), first.tolist(), strict=True) if n >= 0}
    renamed = named_column(numbers, names, UNKNOWN)
    if (numbers < 0).any():
        own = pc.cast(column, pa.string())
        renamed = pc.if_else(numbers < 0, own, pc.cast(renamed, pa.string())).dictionary_encode()
    return table.set_column(table.column_names.index(name), name, renamed).combine_chunks(), names
