"""Several manifests as one: their rows one after the other, sources and semantics numbered anew by name."""

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
    knows the source. Raises ManifestError where an image is listed twice.
    """
    sources = list(dict.fromkeys(source for manifest in manifests for source in manifest.sources))
    semantics = list(dict.fromkeys(name for manifest in manifests for name in manifest.semantics))
    paths: list[str] = []
    texts: dict[str, list[str]] = {column: [] for column in NAMED}
    for manifest in manifests:
        paths += [str((manifest.root / path).resolve()) for path in manifest.column("path").tolist()]
        for column, values in texts.items():
            values += manifest.column(column).tolist()
    twice = len(paths) - len(set(paths))
    if twice:
        raise ManifestError(
            f"{twice} images are listed in more than one of these manifests.",
            "Join others, or remove them there.",
        )
    table = pa.table(
        {
            "path": paths,
            "label": [sources.index(each) if each in sources else -1 for each in texts["source"]],
            "dlabel": [semantics.index(each) for each in texts["semantic"]],
            **{column: pa.array(values).dictionary_encode() for column, values in texts.items()},
        }
    )
    if sources[0] != REAL:
        raise ManifestError(
            f"{manifests[0].name} does not have real as its first source.", "Name another first."
        )
    return Manifest(table, Path("/"), sources, name=name)
