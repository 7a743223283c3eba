"""Read tar shards in webdataset's layout, where files of one name make a sample, as the columns of a manifest."""

import json
import posixpath
from pathlib import Path
from typing import Any

import pyarrow as pa

from ganprint.attributor import REAL
from ganprint.data.columns import NAMED, NUMBERS, first_fault
from ganprint.errors import ManifestError
from ganprint.files import read_file
from ganprint.images.formats import EXTENSIONS
from ganprint.remote import join_location, list_url

MAX_LABEL_BYTES = 1 << 20
_HINT = 'NAME.cls holds a number or a source, NAME.json an object such as {"source": "real", "semantic": "face"}.'


def read_shards(root: Path | str) -> pa.Table | None:
    """Return the images of an archive, or of the .tar files in a folder, with the labels beside them, as `read_rows`.

    `NAME.jpg` has its label in `NAME.cls` or `NAME.json`. None where no image has one, and for a tree source/semantic.
    Raises ManifestError where a label is missing or is none.
    """
    rows: list[dict[str, Any]] = []
    for shard, inside in _shards(root):
        for image, label in _samples(list_url(shard, recursive=True) or []):
            path = f"tar://{image}::{inside}" if inside else image
            rows.append({"path": path} | (_label(join_location(shard, label)) if label else {}))
    if not any(len(row) > 1 for row in rows):
        return None
    table = pa.table(
        {name: _column(name, rows, root) for name in ("path", *NUMBERS, *NAMED) if any(name in row for row in rows)}
    )
    fault = first_fault(table)
    if fault is not None:
        raise ManifestError(f"{root}, {rows[fault.row]['path']}: {fault.reason}.", fault.hint)
    return table


def _shards(root: Path | str) -> list[tuple[str, str]]:
    """Return the URL of each archive, and what it is called in a folder of several."""
    if not isinstance(root, Path):
        return [(root, "")]
    if (root / REAL).is_dir():
        return []
    return [(str(join_location(root, f"tar://::{file.name}")), file.name) for file in sorted(root.glob("*.tar"))]


def _samples(names: list[str]) -> list[tuple[str, str | None]]:
    """Return each image with the file of its label; a sample's name ends at the first dot, as webdataset has it."""
    if any(name.startswith(f"{REAL}/") for name in names):
        return []
    labels = {_stem(name): name for name in names if name.lower().endswith((".cls", ".json"))}
    images = [name for name in names if posixpath.splitext(name)[1].lower() in EXTENSIONS]
    return [(name, labels.get(_stem(name))) for name in images]


def _stem(name: str) -> str:
    folder, separator, file = name.rpartition("/")
    return folder + separator + file.split(".", 1)[0]


def _label(file: Path | str) -> dict[str, Any]:
    try:
        text = read_file(file, limit=MAX_LABEL_BYTES).decode()
        if str(file).partition("::")[0].lower().endswith(".json"):
            return {name: each for name, each in json.loads(text).items() if name in (*NUMBERS, *NAMED)}
    except (OSError, ValueError, AttributeError, RecursionError) as cause:
        raise ManifestError(f"{file} is no label.", _HINT) from cause
    text = text.strip()
    return {"label": int(text)} if text.isdecimal() else {"source": text}


def _column(name: str, rows: list[dict[str, Any]], root: Path | str) -> pa.Array:
    needed = name not in ("semantic", "split", "group")
    for row in rows:
        if not isinstance(row.get(name, None if needed else ""), int if name in NUMBERS else str):
            raise ManifestError(f"{root}: the image {row['path']} has no {name}.", _HINT)
    array = pa.array([row.get(name, "") for row in rows], pa.int64() if name in NUMBERS else pa.string())
    return array if name in ("path", *NUMBERS) else array.dictionary_encode()
