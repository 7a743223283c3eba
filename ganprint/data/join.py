"""Several manifests as one: their rows one after the other, sources and semantics numbered anew by name."""

import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa

from ganprint.attributor import REAL
from ganprint.data.csvfile import NAMED
from ganprint.data.manifest import Manifest
from ganprint.errors import ManifestError


def join(manifests: Sequence[Manifest], *, name: str = "") -> Manifest:
    """Return the rows of all manifests with the columns that have a meaning, paths made absolute.

    A source is one by its name: those of the first manifest come first, and a label of -1 stays where no manifest
    knows the source. Raises ManifestError where a manifest names no sources or an image is listed twice.
    """
    for manifest in manifests:
        if manifest.named_by_position:
            raise ManifestError(
                f"{manifest.name} names no sources, so its images cannot be told from another's.",
                "Give it a column source.",
            )
    known = (each for manifest in manifests for each in _known(manifest))
    sources = [REAL, *(source for source in dict.fromkeys(known) if source != REAL)]
    semantics = list(dict.fromkeys(name for manifest in manifests for name in manifest.semantics))
    paths: list[str] = []
    texts: dict[str, list[str]] = {column: [] for column in NAMED}
    for manifest in manifests:
        root = manifest.root.resolve()
        paths += [os.path.normpath(root / path) for path in manifest.column("path").tolist()]
        for column, values in texts.items():
            values += manifest.column(column).tolist()
    path, times = Counter(paths).most_common(1)[0]
    if times > 1:
        raise ManifestError(
            f"The image {path} is listed {times} times.", "Join others, or remove it from one."
        )
    table = pa.table(
        {
            "path": paths,
            "label": [sources.index(each) if each in sources else -1 for each in texts["source"]],
            "dlabel": [semantics.index(each) for each in texts["semantic"]],
            **{column: pa.array(values).dictionary_encode() for column, values in texts.items()},
        }
    )
    return Manifest(table, Path("/"), sources, name=name)


def _known(manifest: Manifest) -> list[str]:
    """Return the sources that rows of a manifest have, in the order of their labels."""
    present = set(manifest.labels.tolist())
    return [source for label, source in enumerate(manifest.sources) if label in present]
