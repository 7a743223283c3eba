"""Give labels the names of sources and dlabels those of semantic classes, from columns or from folders."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ganprint.attributor import REAL
from ganprint.data.rows import place_of
from ganprint.errors import ManifestError
from ganprint.names import source_name_fault

Names = Mapping[int, str]
DEEPEST = 3
"""How many leading folders of a path may carry a name: Attribution88 has them in the first two."""
LONGEST_SENTENCE = 300
UNKNOWN = "unknown"
"""The source of rows with label -1 where nothing names their generator."""
ANY = "any"
"""The semantic class of images that nothing tells one of."""
OPEN = "open"
"""The split of generators outside the known ones: a source with images in no other split gets label -1."""


@dataclass(frozen=True)
class NamedRows:
    """A table with `source` and `semantic`, the names its labels index, and the real folder's own name.

    `by_position` says that nothing in the file names the sources.
    """

    table: pa.Table
    sources: tuple[str, ...]
    real_folder: str
    by_position: bool = False


def name_rows(table: pa.Table, file: Path | str) -> NamedRows:
    """Give every row a source and a semantic class, from the table's columns or from the folders of its paths.

    The source column is taken as it stands, or learned from the first folder depth whose names agree one
    to one with `label` (label 0 is then called real), or `source-<label>`; the semantic class likewise. Where there are
    names and no numbers, those are given: real 0, the others from 1 in the order of their names.
    Raises ManifestError naming the line where numbers and names disagree, or a source has no name.
    """
    table = _numbered(table, file)
    labels = table["label"].to_numpy()
    dlabels = table["dlabel"].to_numpy()
    unnamed = [name for name in ("source", "semantic") if name not in table.column_names]
    depths = [folder_column(table["path"].chunk(0), depth) for depth in range(DEEPEST)] if unnamed else []
    folders = [column for column in depths if column is not None]
    real_folder, by_position = REAL, False
    top = int(labels.max(initial=0))
    try:
        if "source" in table.column_names:
            names = match_names(labels, table["source"].chunk(0), what=("label", "source"))
            _require_real(names, labels)
        else:
            names, column, real_folder, by_position = _learn_sources(labels, folders)
            table = table.append_column("source", column)
        _check_sources(labels, table["source"].chunk(0))
        if "semantic" in table.column_names:
            match_names(dlabels, table["semantic"].chunk(0), what=("dlabel", "semantic"))
        else:
            table = table.append_column("semantic", _learn_semantics(dlabels, folders))
    except Disagreement as fault:
        raise ManifestError(f"{file}, {place_of(file, fault.row)}: {fault.sentence}.", fault.hint) from fault
    known = tuple(names.get(number, f"source-{number}" if number else REAL) for number in range(top + 1))
    return NamedRows(table, known, real_folder, by_position)


class Disagreement(Exception):  # noqa: N818 - never reaches a user: the manifest turns it into a ManifestError
    """One number with two names, or one name with two numbers; `row` is the first row that shows it."""

    hint = "Each number needs one name and each name one number; label 0 is 'real'."

    def __init__(self, row: int, sentence: str, hint: str = hint) -> None:
        super().__init__(sentence)
        self.row = row
        self.sentence = sentence if len(sentence) <= LONGEST_SENTENCE else f"{sentence[:LONGEST_SENTENCE]}..."
        self.hint = hint


def match_names(numbers: np.ndarray, column: pa.DictionaryArray, *, what: tuple[str, str]) -> dict[int, str]:
    """Return the name of each number >= 0; raise Disagreement unless the two agree one to one.

    `numbers` (N,) int64; `column` holds N names; `what` says what they are called in the sentence.
    Rows with number -1 may have any name that no other number has.
    """
    codes = column.indices.to_numpy()
    words = column.dictionary.to_pylist()
    # One key for each pair: sorting a million pairs as rows takes seconds.
    distinct, places = np.unique(numbers, return_inverse=True)
    keys, first = np.unique(places * np.int64(len(words)) + codes, return_index=True)
    pairs = [(int(distinct[key // len(words)]), words[key % len(words)]) for key in keys.tolist()]
    names: dict[int, str] = {}
    owners: dict[str, int] = {}
    for row, (number, name) in sorted(zip(first.tolist(), pairs, strict=True)):
        if number >= 0 and names.setdefault(number, name) != name:
            raise Disagreement(row, f"{what[0]} {number} is {names[number]!r} elsewhere and {name!r} here")
        if owners.setdefault(name, number) != number:
            raise Disagreement(row, f"{what[1]} {name!r} has {what[0]} {owners[name]} elsewhere and {number} here")
    return names


def folder_column(paths: pa.StringArray, depth: int) -> pa.DictionaryArray | None:
    """Return the folder at a depth (0 the first) of every path, or None where a path is not that deep."""
    parts = pc.split_pattern(paths, "/", max_splits=depth + 1)
    if pc.min(pc.list_value_length(parts)).as_py() < depth + 2:
        return None
    return pc.list_element(parts, depth).dictionary_encode()


def learn_names(
    numbers: np.ndarray, folders: list[pa.DictionaryArray]
) -> tuple[pa.DictionaryArray, dict[int, str]] | None:
    """Take the first column out of `folders` that agrees one to one with the numbers; return it and the names."""
    for place, column in enumerate(folders):
        # A folder's own name, not the root or the folder above.
        if not {"", ".", ".."} & set(column.dictionary.to_pylist()):
            with suppress(Disagreement):
                names = match_names(numbers, column, what=("label", "folder"))
                return folders.pop(place), names
    return None


def named_column(numbers: np.ndarray, names: Names, unknown: str) -> pa.DictionaryArray:
    """Return the dictionary-encoded name of every number, `unknown` for a number without one."""
    known = sorted(names)
    words = [names[number] for number in known]
    codes = np.searchsorted(np.asarray(known, dtype=np.int64), numbers).astype(np.int32)
    codes[~np.isin(numbers, known)] = len(known)
    return pa.DictionaryArray.from_arrays(pa.array(codes), pa.array([*words, unknown]))


def _numbered(table: pa.Table, file: Path | str) -> pa.Table:
    """Return the table with a column `label` and a column `dlabel`, which names give where they are not there."""
    if "label" not in table.column_names:
        column = table["source"].chunk(0)
        codes, words = column.indices.to_numpy(), column.dictionary.to_pylist()
        if "" in words:
            row = int(np.argmax(codes == words.index("")))
            raise ManifestError(
                f"{file}, {place_of(file, row)}: the source is empty.",
                "Every row names what made the image, real or a generator.",
            )
        inside = codes
        if "split" in table.column_names:
            inside = codes[pc.not_equal(pc.cast(table["split"].chunk(0), pa.string()), OPEN)]
        known = sorted({words[code] for code in np.unique(inside).tolist()} - {REAL})
        numbers = {REAL: 0} | {name: number for number, name in enumerate(known, start=1)}
        labels = np.array([numbers.get(word, -1) for word in words], dtype=np.int64)[codes]
        table = table.append_column("label", pa.array(labels))
    if "dlabel" not in table.column_names:
        if "semantic" not in table.column_names:
            nothing = np.zeros(len(table), dtype=np.int64)
            table = table.append_column("semantic", named_column(nothing, {0: ANY}, ANY))
        column = table["semantic"].chunk(0)
        _, places = np.unique(np.array(column.dictionary.to_pylist(), np.str_), return_inverse=True)
        table = table.append_column("dlabel", pa.array(places.astype(np.int64)[column.indices.to_numpy()]))
    return table


def _require_real(names: Names, labels: np.ndarray) -> None:
    for number, name in names.items():
        if (number == 0) != (name == REAL):
            row = int(np.argmax(labels == number))
            raise Disagreement(row, f"source {name!r} has label {number}, and label 0 is {REAL!r}")


def _check_sources(labels: np.ndarray, column: pa.DictionaryArray) -> None:
    """Raise Disagreement at the first row of a source that cannot be called so; with label -1 it may be nameless."""
    words = column.dictionary.to_pylist()
    codes, rows = np.unique(column.indices.to_numpy(), return_index=True)
    for code, row in zip(codes.tolist(), rows.tolist(), strict=True):
        fault = source_name_fault(words[code])
        if fault is not None and (words[code] or labels[row] >= 0):
            raise Disagreement(row, fault, "Use another name for the source.")


def _learn_sources(
    labels: np.ndarray, folders: list[pa.DictionaryArray]
) -> tuple[dict[int, str], pa.DictionaryArray, str, bool]:
    """Return names, the column, the real folder's name, and whether nothing gave the names."""
    learned = learn_names(labels, folders)
    if learned is None:
        numbers = np.unique(labels[labels >= 0]).tolist()
        names = {n: f"source-{n}" for n in numbers} | {0: REAL}
        return names, named_column(labels, names, UNKNOWN), REAL, True
    column, names = learned
    real_folder = names.get(0, REAL)
    words = [REAL if name == real_folder else name for name in column.dictionary.to_pylist()]
    names = {number: REAL if number == 0 else name for number, name in names.items()}
    return names, pa.DictionaryArray.from_arrays(column.indices, pa.array(words)), real_folder, False


def _learn_semantics(dlabels: np.ndarray, folders: list[pa.DictionaryArray]) -> pa.DictionaryArray:
    learned = learn_names(dlabels, folders)
    if learned is not None:
        return learned[0]
    numbers = np.unique(dlabels).tolist()
    return named_column(dlabels, {number: f"semantic-{number}" for number in numbers}, UNKNOWN)
