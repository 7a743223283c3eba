"""Read a folder tree source/semantic/* as the columns of a manifest."""

import os
from pathlib import Path

import numpy as np
import pyarrow as pa

from ganprint.attributor import REAL
from ganprint.data.naming import ANY, named_column
from ganprint.errors import ManifestError
from ganprint.images.formats import EXTENSIONS
from ganprint.names import source_name_fault

_SHAPE = "Expected real/<semantic>/*.png beside one folder for each generator."


def read_folders(root: Path) -> tuple[pa.Table, tuple[str, ...]]:
    """Return the images below `root` as a table, sorted by path, and the sources with real first.

    Images may lie at any depth below source/semantic; hidden files and files that are no images by
    their suffix are passed over. Raises ManifestError where there is no folder `real` or no image.
    """
    names = sorted(
        entry.name for entry in os.scandir(root) if entry.is_dir() and not entry.name.startswith(".")
    )
    if REAL not in names:
        tables = sorted(file.name for file in root.glob("*.csv"))
        hint = f"It has manifests: give one, such as {root / tables[0]}" if tables else _SHAPE
        found = ", ".join(names[:8]) or "none"
        raise ManifestError(f"{root} has no folder {REAL!r}; its folders: {found}.", hint)
    sources = (REAL, *(name for name in names if name != REAL))
    fault = next(filter(None, map(source_name_fault, sources)), None)
    if fault is not None:
        raise ManifestError(f"{root}: {fault}.", "Rename the folder.")
    paths: list[str] = []
    labels: list[int] = []
    semantics: list[str] = []
    for label, source in enumerate(sources):
        for relative in sorted(_images(root / source)):
            paths.append(f"{source}/{relative}")
            labels.append(label)
            semantics.append(relative.split("/", 1)[0] if "/" in relative else ANY)
    if not paths:
        raise ManifestError(f"{root} holds no images.", _SHAPE)
    semantic_names = dict(enumerate(sorted(set(semantics))))
    numbers = {name: number for number, name in semantic_names.items()}
    labels_array = np.asarray(labels, dtype=np.int64)
    dlabels = np.asarray([numbers[name] for name in semantics], dtype=np.int64)
    table = pa.table(
        {
            "path": pa.array(paths, pa.string()),
            "label": labels_array,
            "dlabel": dlabels,
            "source": named_column(labels_array, dict(enumerate(sources)), ""),
            "semantic": named_column(dlabels, semantic_names, ""),
        }
    )
    return table, sources


def _images(folder: Path) -> list[str]:
    found = []
    for parent, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in files:
            if not name.startswith(".") and os.path.splitext(name)[1].lower() in EXTENSIONS:  # noqa: PTH122
                found.append(Path(parent, name).relative_to(folder).as_posix())
    return found
