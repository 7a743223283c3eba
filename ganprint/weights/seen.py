"""Which images and groups weights have seen, as hashes that a card keeps, and which of a manifest's are among them.

An image is recognised by the bytes of its file or by the column `origin` (the file it was cut or resized from, without
what follows a `#`): one original in several preprocessings is one image, whatever split it is in.
"""

import base64
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ganprint.errors import UsageError
from ganprint.files import open_file
from ganprint.weights.card import Card
from ganprint.weights.records import SeenRecord

if TYPE_CHECKING:
    from ganprint.data.manifest import Manifest

DIGITS = 5
"""Bytes kept of a hash: of 4,000 images held against 4,000, one in 70,000 times two would agree by chance."""
MOST = 16384
"""Hashes kept of a set, the smallest of them; of larger sets some images are not told again."""

_DONE = {"train": "trained", "val": "selected", "calibration": "calibrated"}
"""What was done on a set of images, by its name on a card."""


@dataclass(frozen=True)
class Seen:
    """How many images and groups of a manifest are of a set that weights have seen."""

    images: int
    groups: int


def seen_record(manifest: "Manifest") -> SeenRecord:
    """Return the hashes of a manifest's images and groups for a card."""
    images = np.unique(image_hashes(manifest))
    return SeenRecord(
        images=_packed(images[images > 0]),
        groups=_packed(np.unique([_hash(name.encode()) for name in _group_names(manifest)])),
        n=len(manifest),
    )


def with_seen(card: Card, start: Card) -> Card:
    """Return a card that has seen what the weights had seen which its training started from, too."""
    found = dict(card.seen)
    for name, before in start.seen.items():
        after = found.get(name, SeenRecord(n=0))
        found[name] = SeenRecord(
            images=_packed(np.union1d(_unpacked(after.images), _unpacked(before.images))),
            groups=_packed(np.union1d(_unpacked(after.groups), _unpacked(before.groups))),
            n=after.n + before.n,
        )
    return card.model_copy(update={"seen": found})


def image_hashes(manifest: "Manifest") -> np.ndarray:
    """Return two hashes of each image, int64 (N, 2): of its file's bytes and of its origin; 0 where there is none."""
    known = manifest.image_hashes
    if known is None:
        origins, names = manifest.codes("origin")
        of_origin = np.array([_hash(name.partition("#")[0].encode()) if name else 0 for name in names])
        contents = [_content(manifest, row) for row in range(len(manifest))]
        known = np.stack([np.array(contents, dtype=np.int64), of_origin[origins]], axis=1)
        manifest.image_hashes = known
    return known


def count_seen(card: Card, manifest: "Manifest") -> dict[str, Seen]:
    """Return for each set that a card keeps (train, val, calibration) what of a manifest is in it, if anything is."""
    records = dict(card.seen)
    if card.calibration is not None and card.calibration.seen is not None:
        records["calibration"] = card.calibration.seen
    if not records:
        return {}
    hashes, groups = image_hashes(manifest), _group_names(manifest)
    of_groups = np.array([_hash(name.encode()) for name in groups], dtype=np.int64)
    found = {
        name: Seen(
            int(np.isin(hashes, _unpacked(record.images)).any(1).sum()),
            int(np.isin(of_groups, _unpacked(record.groups)).sum()),
        )
        for name, record in records.items()
        if name in _DONE
    }
    return {name: seen for name, seen in found.items() if seen.images or seen.groups}


def seen_sentences(card: Card, manifest: "Manifest", what: str) -> list[str]:
    """Return what should be known of numbers of these images, called `what`: of images and of groups."""
    found = count_seen(card, manifest)
    said = [
        f"{card.name} was {_DONE[name]} on {seen.images} of the {len(manifest)} images of {what}: numbers of these are "
        "not of new images."
        for name, seen in found.items()
        if seen.images
    ]
    trained = found.get("train")
    if trained and trained.groups:
        said.append(
            f"{card.name} was trained on {trained.groups} of the {len(_group_names(manifest))} groups of {what}: "
            "numbers say how well it knows these, not others."
        )
    return said


def refuse_seen(card: Card, manifest: "Manifest", what: str) -> None:
    """Raise UsageError where a card's weights have seen some of these images."""
    for name, seen in count_seen(card, manifest).items():
        if seen.images:
            raise UsageError(
                f"{card.name} was {_DONE[name]} on {seen.images} of the {len(manifest)} images of {what}.",
                "Take others: the same images in another split or preprocessing are not new.",
            )


def _group_names(manifest: "Manifest") -> list[str]:
    codes, names = manifest.codes("group")
    return sorted({names[code] for code in np.unique(codes).tolist()} - {""})


def _content(manifest: "Manifest", row: int) -> int:
    try:
        with open_file(manifest.path(row)) as file:
            return _number(hashlib.file_digest(file, "sha256").digest())
    except (OSError, ValueError):
        # What cannot be read is said by what reads images.
        return 0


def _hash(data: bytes) -> int:
    return _number(hashlib.sha256(data).digest())


def _number(digest: bytes) -> int:
    return int.from_bytes(digest[:DIGITS], "big")


def _packed(hashes: Iterable[int]) -> str:
    kept = sorted(int(each) for each in hashes)[:MOST]
    return base64.b64encode(b"".join(each.to_bytes(DIGITS, "big") for each in kept)).decode()


def _unpacked(text: str) -> np.ndarray:
    data = base64.b64decode(text)
    parts = [data[place : place + DIGITS] for place in range(0, len(data), DIGITS)]
    return np.array([int.from_bytes(part, "big") for part in parts], dtype=np.int64)
