"""Sources that a user enrols from a few dozen images, recognised by their embeddings, without training."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import platformdirs
from pydantic import AwareDatetime, BaseModel, Field, ValidationError

from ganprint.calibration.answer import Answer
from ganprint.calibration.open_set import Known, unit
from ganprint.errors import OutputExistsError, UsageError, WeightsError
from ganprint.files import open_file, write_output
from ganprint.names import SourceName, source_name_fault
from ganprint.plain_text import printable
from ganprint.weights import Card, Rate, utc_now
from ganprint.weights.records import Sha256

SUFFIX = ".safetensors"
MAX_GALLERY_BYTES = 1 << 30
NEAREST = 5
"""Enrolled images whose mean similarity counts: steadier than the nearest alone, and there where ten are enrolled."""
FOUND = 0.7
"""Share of a gallery's images that the others should find."""
FEWEST = 6
"""Images that can be enrolled: each has NEAREST others when it is left out."""


class GalleryRecord(BaseModel, frozen=True, extra="forbid", allow_inf_nan=False):
    """What is known of a gallery: its images, and what it was measured to be worth.

    `threshold` is the nearness that `false_alarm` of the images of known sources reach; `found` is the share of
    enrolled images that the others find, each left out in turn.
    """

    name: SourceName
    weights: str
    weights_sha256: Sha256
    reference_sha256: Sha256
    images: list[Sha256]
    threshold: float
    false_alarm: float = Field(gt=0, lt=1)
    found: Rate
    date: AwareDatetime


@dataclass(frozen=True)
class Gallery:
    """An enrolled source: its record, and the embeddings (N, D) of its images."""

    record: GalleryRecord
    embeddings: np.ndarray

    @property
    def name(self) -> str:
        """The name that verdicts have."""
        return self.record.name

    @property
    def threshold(self) -> float:
        """The nearness from which on an image is answered with this source."""
        return self.record.threshold

    @property
    def sha256(self) -> str:
        """The SHA-256 of what it answers by."""
        return hashlib.sha256(self.embeddings.tobytes() + str(self.threshold).encode()).hexdigest()

    @cached_property
    def _directions(self) -> np.ndarray:
        return unit(self.embeddings)

    def nearness(self, embedding: np.ndarray, known: Known) -> float:
        """Return how much nearer an embedding (D,) is to the gallery than to known images, as `nearness` does."""
        return float(nearness(embedding[None], self._directions, known)[0])

    def reason(self, value: float) -> str:
        """Return why an image of this nearness is answered with this source."""
        record = self.record
        return (
            f"It lies nearer to the {len(record.images)} enrolled images of {printable(record.name)} than to known "
            f"sources' ({value:.3f}, from {record.threshold:.3f} on, which {record.false_alarm:.1%} of the latter "
            "reach)."
        )


def nearness(embeddings: np.ndarray, directions: np.ndarray, known: Known) -> np.ndarray:
    """Return for embeddings (M, D) how much nearer they are to a gallery than to known images, (M,) in [-2, 2].

    It is the mean cosine with the NEAREST of the gallery's directions (N, D), less the similarity to known images:
    a nearest-neighbour rule between the two (Sun et al. 2022 give the similarity).
    """
    return _likeness(embeddings, directions) - known.similarity(embeddings)  # type: ignore[no-any-return]


def _likeness(embeddings: np.ndarray, directions: np.ndarray) -> np.ndarray:
    cosines = unit(embeddings) @ directions.T
    place = min(NEAREST, cosines.shape[1])
    return np.partition(cosines, -place, axis=1)[:, -place:].mean(1)  # type: ignore[no-any-return]


def threshold_of(directions: np.ndarray, known: Known, false_alarm: float, own: np.ndarray | None = None) -> float:
    """Return the nearness to a gallery that at most `false_alarm` of the known images reach, each without itself.

    Nor do more of the photographs among them alone. `own` is `Known.similarity` of the known images (N,), if it is
    there already.
    """
    own = known.similarity(known.embeddings, images=known.images) if own is None else own
    values = _likeness(known.embeddings, directions) - own
    sides = [side for side in (values, values[known.labels == 0]) if len(side)]
    ends = [np.sort(side)[::-1][int(false_alarm * len(side))] for side in sides]
    return float(np.nextafter(max(ends), np.inf))


def left_out(embeddings: np.ndarray, known: Known, false_alarm: float) -> np.ndarray:
    """Return bool (N,): whether each of the embeddings (N, D) is found by a gallery of the others."""
    directions, own = unit(embeddings), known.similarity(known.embeddings, images=known.images)
    found = np.empty(len(embeddings), bool)
    for number in range(len(embeddings)):
        others = np.delete(directions, number, axis=0)
        value = nearness(embeddings[number][None], others, known)[0]
        found[number] = value >= threshold_of(others, known, false_alarm, own)
    return found


def enrol(name: str, answers: Mapping[str, Answer], card: Card, known: Known | None, *, false_alarm: float) -> Gallery:
    """Return the gallery of a name from answers for its images, by their SHA-256.

    Raises UsageError where the name is taken or no name, images are fewer than FEWEST, or the weights do not say where
    known images lie.
    """
    if known is None or card.judgement is None or card.sha256 is None:
        raise UsageError(f"{card.name} has no in-distribution reference.", "ganprint calibrate --record adds that.")
    fault = source_name_fault(name)
    if fault is not None:
        raise UsageError(f"{fault}.", "Use another name for the source.")
    if name.casefold() in (taken.casefold() for taken in (*card.sources, *card.families.values())):
        raise UsageError(f"{printable(name)} is a verdict already.", "Use another name for the source.")
    if len(answers) < FEWEST:
        raise UsageError(
            f"{printable(name)} needs {FEWEST} different images at least to examine; there are {len(answers)}.",
            "A few dozen images are better.",
        )
    embeddings = np.stack([answer.embedding for answer in answers.values()]).astype(np.float32)
    record = GalleryRecord(
        name=name,
        weights=card.name,
        weights_sha256=card.sha256,
        reference_sha256=card.judgement.reference_sha256,
        images=list(answers),
        threshold=threshold_of(unit(embeddings), known, false_alarm),
        false_alarm=false_alarm,
        found=Rate.of(left_out(embeddings, known, false_alarm).tolist()),
        date=utc_now(),
    )
    return Gallery(record, embeddings)


def overlaps(gallery: Gallery, others: Sequence[Gallery], known: Known | None) -> Iterator[str]:
    """Yield what should be known of a gallery: how few of its images it finds, and which of others would be taken."""
    if gallery.record.found.value < FOUND:
        yield (
            f"The others find {gallery.record.found.value:.0%} of its images only: expect to miss many like them. More "
            "images, of more subjects, may help."
        )
    for other in others:
        if known is None or other.name == gallery.name:
            continue
        if set(other.record.images) & set(gallery.record.images):
            yield f"Some of the same images are enrolled as {printable(other.name)}."
        values = nearness(gallery.embeddings, unit(other.embeddings), known)
        share = float((values >= other.threshold).mean())
        if share > 1 - FOUND:
            yield f"{share:.0%} of its images lie as near to {printable(other.name)}: one may be taken for the other."


def remove_gallery(name: str, card: Card) -> None:
    """Remove what is enrolled under a name for weights; raise UsageError where nothing is."""
    try:
        gallery_file(name, card).unlink()
    except FileNotFoundError:
        raise UsageError(
            f"No source {printable(name)} is enrolled for {card.name}.", "ganprint enroll --list names those that are."
        ) from None
    except OSError as cause:
        raise UsageError(f"{printable(name)} cannot be removed: {cause.strerror}.", "Check permissions.") from cause


def gallery_file(name: str, card: Card) -> Path:
    """Return where the gallery of a name is kept for weights: by hashes, since any text may be a name."""
    digest = hashlib.sha256(name.encode("utf-8", "surrogateescape")).hexdigest()[:16]
    folder = platformdirs.user_data_path("ganprint") / "galleries"
    return folder / (card.sha256 or "unhashed")[:16] / f"{digest}{SUFFIX}"


def save_gallery(gallery: Gallery, card: Card, *, force: bool = False) -> Path:
    """Write a gallery for weights, whole or not at all; raise OutputExistsError unless `force` where there is one."""
    from safetensors.numpy import save

    path = gallery_file(gallery.name, card)
    if path.exists() and not force:
        raise OutputExistsError(
            f"{printable(gallery.name)} is enrolled for {card.name} already.",
            "Add --force to replace it, or another name.",
        )
    content = save({"embeddings": gallery.embeddings.astype(np.float32)}, {"record": gallery.record.model_dump_json()})
    write_output(path, content)
    return path


def list_galleries(card: Card) -> list[Gallery]:
    """Return the galleries that are enrolled for weights, by name.

    Raises WeightsError where a file of theirs is damaged, or was enrolled under another calibration.
    """
    folder = gallery_file("", card).parent
    galleries = [_read(path, card) for path in sorted(folder.glob(f"*{SUFFIX}"))]
    return sorted(galleries, key=lambda each: each.name)


def _read(path: Path, card: Card) -> Gallery:
    from safetensors import SafetensorError, safe_open

    try:
        # What follows would wait for a pipe.
        open_file(path, limit=MAX_GALLERY_BYTES).close()
        with safe_open(path, framework="numpy") as file:
            record = GalleryRecord.model_validate(json.loads(file.metadata()["record"]))
            gallery = Gallery(record, file.get_tensor("embeddings"))
            if gallery.embeddings.shape[0] != len(record.images) or not np.isfinite(gallery.embeddings).all():
                raise ValueError("embeddings that do not fit the record")
    except (OSError, SafetensorError, KeyError, TypeError, ValueError, ValidationError) as cause:
        raise WeightsError(f"{path} is not a gallery, or is damaged.", "Remove it, and enrol again.") from cause
    if card.judgement is None or record.reference_sha256 != card.judgement.reference_sha256:
        raise WeightsError(
            f"{printable(record.name)} was enrolled under another calibration of {card.name}.",
            f"Enrol it again with --force, remove it (ganprint enroll {printable(record.name)} --remove), or answer "
            "with --no-enrolled.",
        )
    return gallery
