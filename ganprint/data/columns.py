"""The columns of a manifest that have a meaning, and their valid values."""

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


def is_sound(table: pa.Table) -> bool:
    """Return whether each row has a path of its own, and its numbers, where there are any, count something."""
    numbers = [name for name in NUMBERS if name in table.column_names]
    return not (
        any(table[name].null_count or pc.max(table[name]).as_py() >= LARGEST for name in numbers)
        or ("label" in numbers and pc.min(table["label"]).as_py() < -1)
        or pc.min(pc.binary_length(table["path"])).as_py() == 0
        or pc.count_distinct(table["path"]).as_py() != table.num_rows
    )
