"""The columns of a manifest that have a meaning, and their valid values."""

from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

NUMBERS = ("label", "dlabel")
"""Columns that number sources and semantic classes; `source` may stand in the place of `label`."""
NAMED = ("source", "semantic", "split", "group")
"""Optional columns with a meaning; any others are kept as text."""
MAX_MANIFEST_BYTES = 1 << 30
"""Some ten million rows of CSV."""
LARGEST = 2**16
"""Labels and dlabels are below this: they count sources and semantic classes."""
NUMBERS_HINT = (
    f"label counts sources from 0 (real), -1 being a generator outside the known ones, and dlabel semantic classes; "
    f"both are whole numbers below {LARGEST}."
)


class Fault(NamedTuple):
    """What is wrong with a row, counted from 0: a clause and a hint; `before` is the row that had its path first."""

    row: int
    reason: str
    hint: str
    before: int | None = None


def first_fault(table: pa.Table) -> Fault | None:
    """Return a row whose path is empty or another's, or a number of which counts nothing; None where there is none."""
    for name in NUMBERS:
        if name in table.column_names:
            numbers = table[name]
            wrong = pc.or_kleene(pc.is_null(numbers), pc.greater_equal(numbers, LARGEST))
            if name == "label":
                wrong = pc.or_kleene(wrong, pc.less(numbers, -1))
            row = pc.index(wrong, True).as_py()
            if row >= 0:
                value = numbers[row].as_py()
                return Fault(row, f"the {name} is {'missing' if value is None else value}", NUMBERS_HINT)
    nameless = pc.index(table["path"], "").as_py()
    if nameless >= 0:
        return Fault(nameless, "the path is empty", "Every row names one image file.")
    if pc.count_distinct(table["path"]).as_py() == len(table):
        return None
    codes = table["path"].combine_chunks().dictionary_encode().indices.to_numpy()
    _, first = np.unique(codes, return_index=True)
    again = int(np.setdiff1d(np.arange(len(table)), first)[0])
    path = table["path"][again].as_py()[:200]
    return Fault(again, f"{path} is listed already", "Remove one of the two rows.", int(first[codes[again]]))
