"""Results of weights on images in a condition: metrics, recall, groups and confusion."""

import hashlib
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from pydantic import BaseModel

from ganprint.calibration.probabilities import brier_score, calibrate_probabilities, calibration_error
from ganprint.data import Manifest
from ganprint.devices import Precision
from ganprint.evaluation.metrics import GroupAnswers, Unit, count_answers, score_groups, score_images, score_open_set
from ganprint.weights import Card, Interval, Result
from ganprint.weights.seen import Seen, count_seen

if TYPE_CHECKING:
    from ganprint.evaluation.answers import Answers

METRICS = ("detection_accuracy", "attribution_accuracy", "balanced_accuracy", "nmi")
"""The metrics of an evaluation, in the order of tables."""
OPEN_SET_METRICS = ("auroc", "oscr")
"""Those that need images of sources outside the weights'."""
NO_GROUP = "(no group)"
"""What images that name no group are called where others of the manifest do: one group of each source."""


class GroupScores(BaseModel, frozen=True):
    """What weights answer for the `n` images of one group: shares of right answers, and images by answered source.

    Attribution is None where their source is not known.
    """

    source: str
    group: str
    n: int
    detection_accuracy: float
    attribution_accuracy: float | None = None
    answers: dict[str, int]


class OfImages(BaseModel, frozen=True):
    """Metrics as fractions of images, and recall by source."""

    detection_accuracy: Interval
    attribution_accuracy: Interval | None = None
    balanced_accuracy: Interval | None = None
    nmi: Interval | None = None
    auroc: Interval | None = None
    oscr: Interval | None = None
    per_source: dict[str, Interval] = {}


class Evaluation(BaseModel, frozen=True):
    """How one artifact does on one split under one policy: `evaluate --json`; field names are stable.

    Metrics and `per_source` are means over `groups` groups where `unit` is group, else fractions of images; `of_images`
    has the latter in any case. Intervals without bounds are of fewer than 8 groups. `setup_sha256` is of the weights'
    method, preprocessing and configuration, on which answers depend, too. `auroc` and `oscr` are there where some
    images are of a source outside the weights' and some are not. `calibration_error` and `brier_score` are of the
    probabilities that `attribute` prints, over images of known sources; `seen` counts images and groups that the
    weights were trained, selected or calibrated on; `calibrated` says whether the card had a calibration for them,
    `calibration_sha256` is of that. `per_group` is by `group`, or `source: group` where sources share a name.
    """

    method: str
    weights: str
    weights_sha256: str | None
    setup_sha256: str | None = None
    data_sha256: str
    split: str
    policy: str
    at: int | None
    engine: str
    precision: Precision = "fp32"
    seed: int
    n: int
    unit: Unit
    groups: int | None = None
    detection_accuracy: Interval
    attribution_accuracy: Interval | None = None
    balanced_accuracy: Interval | None = None
    nmi: Interval | None = None
    auroc: Interval | None = None
    oscr: Interval | None = None
    calibration_error: float | None = None
    brier_score: float | None = None
    calibrated: bool = False
    calibration_sha256: str | None = None
    per_source: dict[str, Interval]
    of_images: OfImages
    seen: dict[str, Seen] = {}
    per_group: dict[str, GroupScores]
    confusion: dict[str, dict[str, int]]
    images_per_second: float
    failed: int = 0

    @property
    def metrics(self) -> dict[str, Interval]:
        """The metrics that there are, in the order of tables."""
        values = {name: getattr(self, name) for name in (*METRICS, *OPEN_SET_METRICS)}
        return {name: value for name, value in values.items() if value is not None}

    def result(self) -> Result:
        """Return what a card records of this evaluation."""
        return Result(
            split=self.split,
            policy=self.policy,
            n=self.n,
            seed=self.seed,
            values=self.metrics,
            per_source={name: recall.value for name, recall in self.per_source.items()},
            per_source_intervals={
                name: (recall.low, recall.high)
                for name, recall in self.per_source.items()
                if recall.low is not None and recall.high is not None
            },
            unit=self.unit,
            groups=self.groups,
            per_group={
                name: group.attribution_accuracy
                for name, group in self.per_group.items()
                if group.attribution_accuracy is not None
            },
            data_sha256=self.data_sha256,
            at=self.at,
            engine=self.engine,
            precision=None if self.precision == "fp32" else self.precision,
        )

    def in_unit(self, unit: Unit) -> Self:
        """Return the evaluation with its metrics as fractions of images, if that is asked for and they are not."""
        if unit == self.unit or unit == "group":
            return self
        found = {name: getattr(self.of_images, name) for name in OfImages.model_fields}
        return self.model_copy(update={"unit": "image", "groups": None, **found})


def evaluate(card: Card, manifest: Manifest, split: str, answers: "Answers") -> Evaluation:
    """Score answers: over groups where the manifest names some, over images, by group, and as a confusion matrix."""
    condition, labels, predicted = answers.condition, answers.labels, answers.predicted
    confusion = count_answers(labels, predicted, len(card.sources))
    confidence = answers.probabilities.max(1)
    plain, opened = score_images(confusion, card.sources), score_open_set(labels, predicted, confidence)
    of_images = OfImages(**plain.values, **opened, per_source=plain.recall)
    grouped = group_answers(manifest, answers, card.sources)
    if grouped is None:
        metrics: dict[str, Any] = {name: getattr(of_images, name) for name in OfImages.model_fields}
    else:
        scores = score_groups(grouped, card.sources)
        opened = score_open_set(labels, predicted, confidence, groups=grouped)
        metrics = {**scores.values, **opened, "per_source": scores.recall, "groups": len(grouped.group)}
    return Evaluation(
        method=card.method,
        weights=card.name,
        weights_sha256=card.sha256,
        setup_sha256=setup_sha256(card),
        data_sha256=manifest.sha256,
        split=split,
        **vars(condition) | {"policy": str(condition.policy)},
        n=len(labels),
        failed=len(answers.failures),
        unit="image" if grouped is None else "group",
        **metrics,
        **_calibration(card, answers),
        of_images=of_images,
        seen=count_seen(card, manifest),
        per_group={} if grouped is None else _per_group(grouped, card.sources),
        confusion=_named(confusion, [*card.sources, "unknown"], card.sources),
        images_per_second=round(len(labels) / answers.seconds, 2),
    )


def _calibration(card: Card, answers: "Answers") -> dict[str, float | bool | str | None]:
    known = answers.labels >= 0
    if not known.any():
        return {}
    labels = answers.labels[known]
    probabilities = calibrate_probabilities(answers.probabilities[known], card.calibration)
    return {
        "calibration_error": round(calibration_error(probabilities, labels), 4),
        "brier_score": round(brier_score(probabilities, labels), 4),
        "calibrated": card.calibration is not None,
        "calibration_sha256": calibration_sha256(card),
    }


def setup_sha256(card: Card) -> str:
    """Return the SHA-256 of what answers depend on beside the tensors: method, sources, preprocessing, config."""
    return _sha256(card.model_dump(mode="json", include={"method", "sources", "view", "config"}))


def calibration_sha256(card: Card) -> str | None:
    """Return the SHA-256 of what makes answers into the probabilities that are printed, None where nothing does."""
    return None if card.calibration is None else _sha256(card.calibration.fitted())


def _sha256(facts: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def _named(counts: np.ndarray, rows: Sequence[str], columns: Sequence[str]) -> dict[str, dict[str, int]]:
    every = zip(rows, counts.tolist(), strict=True)
    return {true: dict(zip(columns, row, strict=True)) for true, row in every if any(row)}


def group_answers(manifest: Manifest, answers: "Answers", sources: tuple[str, ...]) -> GroupAnswers | None:
    """Return answers by group, None where the manifest names no group of these images."""
    group, names = manifest.codes("group")
    group = group[answers.rows]
    if not any(names[code] for code in np.unique(group).tolist()):
        return None
    source, source_names = manifest.codes("source")
    named = tuple(name or NO_GROUP for name in names)
    given = (source[answers.rows], source_names), (group, named)
    return GroupAnswers.of(answers.labels, answers.predicted, *given, len(sources))


def _per_group(answers: GroupAnswers, sources: Sequence[str]) -> dict[str, GroupScores]:
    shared = {name for name in answers.group.tolist() if (answers.group == name).sum() > 1}
    detected = answers.values("detection_accuracy").round(6).tolist()
    attributed = answers.values("attribution_accuracy").round(6).tolist()
    found = {}
    for place in np.argsort(answers.group, kind="stable").tolist():
        source, group = str(answers.source[place]), str(answers.group[place])
        counts = answers.counts[place].tolist()
        found[f"{source}: {group}" if group in shared else group] = GroupScores(
            source=source,
            group=group,
            n=sum(counts),
            detection_accuracy=detected[place],
            attribution_accuracy=attributed[place] if answers.labels[place] >= 0 else None,
            answers={name: count for name, count in zip(sources, counts, strict=True) if count},
        )
    return found
