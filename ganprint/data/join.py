"""Several manifests as one: their rows one after the other, sources and semantic classes renumbered by name."""

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from ganprint.attributor import REAL
from ganprint.data.columns import NAMED, NUMBERS
from ganprint.data.manifest import Manifest
from ganprint.data.manifest_parts import split_of_name
from ganprint.errors import ManifestError
from ganprint.remote import join_location


def join(manifests: Sequence[Manifest], *, name: str = "") -> Manifest:
    """Return the rows of all manifests, paths made absolute, with the columns of each, empty where another has none.

    A source is one by its name: those of the first manifest come first, and a label of -1 stays where no manifest
    knows the source. A manifest without splits is of the split that its file's name ends in, if any. An image that
    several list counts once. Raises ManifestError where a manifest names no sources, or two say another source or
    split of an image.
    """
    if not manifests:
        raise ManifestError("There is no manifest to join.", "Name one at least.")
    for manifest in manifests:
        if manifest.named_by_position:
            raise ManifestError(
                f"{manifest.name} names no sources, so its images cannot be told from another's.",
                "Give it a column source.",
            )
    known = (each.sources[label] for each in manifests for label in np.unique(each.labels) if label >= 0)
    sources = [REAL, *(source for source in dict.fromkeys(known) if source != REAL)]
    semantics = list(dict.fromkeys(name for manifest in manifests for name in manifest.semantics))
    paths: list[str] = []
    others = (column for manifest in manifests for column in manifest.columns if column not in ("path", *NUMBERS))
    texts: dict[str, list[str]] = {column: [] for column in dict.fromkeys((*NAMED, *others))}
    for manifest in manifests:
        root = manifest.root.resolve() if isinstance(manifest.root, Path) else manifest.root
        wholes = (join_location(root, path) for path in manifest.column("path").tolist())
        paths += [os.path.normpath(whole) if isinstance(whole, Path) else whole for whole in wholes]
        named = "" if manifest.split_names else split_of_name(manifest.name)
        for column, values in texts.items():
            values += [named] * len(manifest) if named and column == "split" else manifest.column(column).tolist()
    kept = _once(paths, list(zip(texts["source"], texts["split"], strict=True)))
    table = pa.table(
        {
            "path": paths,
            "label": [sources.index(each) if each in sources else -1 for each in texts["source"]],
            "dlabel": [semantics.index(each) for each in texts["semantic"]],
            **{column: pa.array(values).dictionary_encode() for column, values in texts.items()},
        }
    )
    return Manifest(table, Path("/"), sources, name=name).take(np.array(kept))


def _once(paths: Sequence[str], said: Sequence[tuple[str, str]]) -> list[int]:
    """Return the first row of each image; raise ManifestError where two say another source or split of it."""
    first: dict[str, int] = {}
    for row, path in enumerate(paths):
        before = first.setdefault(path, row)
        if said[before] != said[row]:
            one, other = (f"{source} in {split or 'no split'}" for source, split in (said[before], said[row]))
            raise ManifestError(f"The image {path} is {one} and {other}.", "Join others, or remove it from one.")
    return list(first.values())
