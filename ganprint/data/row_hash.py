"""The hash of a manifest's rows."""

import hashlib
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ganprint.data.columns import NAMED, NUMBERS


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
