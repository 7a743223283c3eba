"""Divide a manifest into splits: by image, by group, or with semantic classes held out."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from ganprint.data.manifest import Manifest
from ganprint.errors import ManifestError, UsageError

By = Literal["image", "group", "semantic"]
SPLITS = ("train", "val", "test", "test_unseen", "open")
"""Split codes in order; with semantic classes held out `test` is called test_seen."""

_UNSEEN, _OPEN = 3, 4


@dataclass(frozen=True)
class Fractions:
    """Shares of the images in each split, in [0, 1], that sum to 1."""

    train: float = 0.8
    val: float = 0.1
    test: float = 0.1

    def __post_init__(self) -> None:
        if not (min(self.shares) >= 0 and abs(sum(self.shares) - 1) <= 1e-6):
            raise UsageError(
                f"The fractions {self.train:g}, {self.val:g} and {self.test:g} do not sum to 1.",
                "For example: --train 0.8 --val 0.1 --test 0.1",
            )

    @property
    def shares(self) -> tuple[float, float, float]:
        """Train, val and test."""
        return self.train, self.val, self.test


def split(
    manifest: Manifest,
    *,
    by: By | None = None,
    fractions: Fractions | None = None,
    hold_out: Sequence[str] | int = 1,
    seed: int = 0,
) -> Manifest:
    """Return the manifest with its split column set, a pure function of the manifest and the seed.

    By image, every source and, nearly, every semantic class of it divides as `fractions` say. By group no group comes
    to lie in two splits, so the fractions hold only as far as the groups' sizes allow. If `by` is None it is by group
    where the manifest names groups, else by image. By semantic class, those named in `hold_out` (or that many, drawn)
    become test_unseen and the rest is divided by image. Rows with label -1 become `open`, which nothing trains on.
    Raises ManifestError where there is no group to go by or no such semantic class.
    """
    fractions, by = fractions or Fractions(), by or default_by(manifest)
    random = np.random.default_rng(seed)
    codes = np.full(len(manifest), _OPEN, dtype=np.int32)
    known = manifest.labels >= 0
    if by == "group":
        codes[known] = _divide_groups(manifest.take(np.flatnonzero(known)), fractions, random)
    else:
        if by == "semantic":
            unseen = known & _held_out(manifest, hold_out, random)
            codes[unseen] = _UNSEEN
            known &= ~unseen
        codes[known] = _divide_images(manifest.labels[known], manifest.dlabels[known], fractions, random)
    names = [("test_seen" if by == "semantic" and name == "test" else name) for name in SPLITS]
    return manifest.with_column("split", codes, names)


def default_by(manifest: Manifest) -> By:
    """Return `group` where the images of known sources name groups, else `image`."""
    return "group" if (manifest.groups[manifest.labels >= 0] != "").any() else "image"


def _divide_images(
    labels: np.ndarray, dlabels: np.ndarray, fractions: Fractions, random: np.random.Generator
) -> np.ndarray:
    codes = np.empty(len(labels), dtype=np.int32)
    shuffled = random.permutation(len(labels))
    in_order = shuffled[np.lexsort((dlabels[shuffled], labels[shuffled]))]
    starts = np.flatnonzero(np.diff(labels[in_order], prepend=-2))
    for rows in np.split(in_order, starts[1:]):
        codes[rows] = _even_sequence(len(rows), fractions)
    return codes


def _even_sequence(length: int, fractions: Fractions) -> np.ndarray:
    """Return split codes (length,) of which every run has nearly the shares that are asked for."""
    shares = np.asarray(fractions.shares)
    # A code's k-th use of n is due at (k + 1/2) / n of the way: sorting by due time interleaves them evenly.
    counts = _whole_parts(length, shares)
    due = [(np.arange(count) + 0.5) / max(count, 1) for count in counts.tolist()]
    return np.repeat(np.arange(3), counts)[np.argsort(np.concatenate(due), kind="stable")]


def _whole_parts(total: int, shares: np.ndarray) -> np.ndarray:
    """Round total * shares to whole numbers that sum to total, the largest remainders up."""
    parts = np.floor(total * shares + 1e-9).astype(np.int64)
    parts[np.argsort(parts - total * shares, kind="stable")[: total - parts.sum()]] += 1
    return parts


def _divide_groups(manifest: Manifest, fractions: Fractions, random: np.random.Generator) -> np.ndarray:
    groups, names = manifest.codes("group")
    lacking = np.flatnonzero(np.isin(groups, [code for code, name in enumerate(names) if not name]))
    if len(lacking):
        raise ManifestError(
            f"{manifest.name} names no group for {len(lacking)} images, the first being "
            f"{manifest.path(int(lacking[0]))}.",
            "Add a column 'group' (the trained model or photo set of each image), or split --by image.",
        )
    present, first, group_of_row, sizes = np.unique(groups, return_index=True, return_inverse=True, return_counts=True)
    owner = manifest.labels[first]
    shares = np.asarray(fractions.shares)
    chosen = np.empty(len(present), dtype=np.int32)
    for label in np.unique(owner).tolist():
        mine = random.permutation(np.flatnonzero(owner == label))
        wanted = shares * sizes[mine].sum()
        for group in mine[np.argsort(-sizes[mine], kind="stable")].tolist():
            chosen[group] = np.argmax(wanted)
            wanted[chosen[group]] -= sizes[group]
    return chosen[group_of_row]


def _held_out(manifest: Manifest, hold_out: Sequence[str] | int, random: np.random.Generator) -> np.ndarray:
    names = manifest.semantics
    if isinstance(hold_out, int):
        if not 0 < hold_out < len(names):
            raise ManifestError(
                f"{manifest.name} has too few semantic classes to hold {hold_out} out.", f"It has: {', '.join(names)}."
            )
        hold_out = [names[place] for place in random.permutation(len(names))[:hold_out].tolist()]
    absent = [name for name in hold_out if name not in names]
    if absent or len(set(hold_out)) >= len(names):
        missing = f"has no semantic class {', '.join(map(repr, absent))}"
        fault = missing if absent else "would have no semantic class left"
        raise ManifestError(f"{manifest.name} {fault}.", f"It has: {', '.join(names)}.")
    codes, words = manifest.codes("semantic")
    return np.isin(codes, [code for code, word in enumerate(words) if word in set(hold_out)])
