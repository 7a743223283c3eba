"""How weights did on images in a condition: metrics, recall, groups and confusion, from their answers."""

import hashlib
import json
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict

from ganprint.data import Manifest
from ganprint.evaluation.answers import Answers
from ganprint.evaluation.conditions import Precision
from ganprint.evaluation.metrics import Scores, score, score_accuracies
from ganprint.evaluation.open_set import score_open_set
from ganprint.forensics.calibration import brier_score, calibrate_probabilities, calibration_error
from ganprint.weights import Card, Interval, Result

METRICS = ("detection_accuracy", "attribution_accuracy", "balanced_accuracy", "nmi")
"""The metrics of an evaluation, in the order of tables."""
OPEN_SET_METRICS = ("auroc", "oscr")
"""Those that need images of sources outside the weights'."""


class GroupScores(BaseModel):
    """How weights do on the images of one group; attribution is None where their source is not known."""

    model_config = ConfigDict(frozen=True)

    n: int
    detection_accuracy: Interval
    attribution_accuracy: Interval | None = None


class Evaluation(BaseModel):
    """How one artifact does on one split under one policy: `evaluate --json`; field names are stable.

    `setup_sha256` is of the weights' method, view and configuration, on which answers depend, too.
    `auroc` and `oscr` are there where some images are of a source outside the weights' and some are not.
    `calibration_error` and `brier_score` are of the probabilities that `attribute` prints, over images of known
    sources; `calibrated` says whether the card had a calibration for them, `calibration_sha256` is of that.
    """

    model_config = ConfigDict(frozen=True)

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
    per_source: dict[str, float]
    per_source_intervals: dict[str, tuple[float, float]]
    per_group: dict[str, GroupScores]
    confusion: dict[str, dict[str, int]]
    confusion_intervals: dict[str, dict[str, tuple[float, float]]]
    images_per_second: float
    failed: int = 0

    def result(self) -> Result:
        """Return what a card records of this evaluation."""
        values = {name: getattr(self, name) for name in (*METRICS, *OPEN_SET_METRICS)}
        return Result(
            split=self.split,
            policy=self.policy,
            n=self.n,
            seed=self.seed,
            values={name: value for name, value in values.items() if value is not None},
            per_source=self.per_source,
            per_source_intervals=self.per_source_intervals,
            per_group={
                name: group.attribution_accuracy.value
                for name, group in self.per_group.items()
                if group.attribution_accuracy is not None
            },
            data_sha256=self.data_sha256,
            at=self.at,
            engine=self.engine,
            precision=None if self.precision == "fp32" else self.precision,
        )


def evaluate(card: Card, manifest: Manifest, split: str, answers: Answers) -> Evaluation:
    """Score answers: over all images, by source, by group, and as a confusion matrix."""
    condition = answers.condition
    scores = score(answers.labels, answers.predicted, card.sources)
    rows = [*card.sources, "unknown"]
    return Evaluation(
        method=card.method,
        weights=card.name,
        weights_sha256=card.sha256,
        setup_sha256=setup_sha256(card),
        data_sha256=manifest.sha256,
        split=split,
        policy=str(condition.policy),
        at=condition.at,
        engine=condition.engine,
        precision=condition.precision,
        seed=condition.seed,
        n=len(answers.labels),
        failed=len(answers.failures),
        **scores.values,
        **score_open_set(answers.labels, answers.predicted, answers.probabilities.max(1)),
        **_calibration(card, answers),
        per_source={name: recall.value for name, recall in scores.recall.items()},
        per_source_intervals={name: _bounds(recall) for name, recall in scores.recall.items()},
        per_group=_per_group(manifest, answers, card.sources),
        confusion=_named(scores, scores.confusion, rows, card.sources),
        confusion_intervals={
            true: {
                name: (float(scores.confusion_low[i, k]), float(scores.confusion_high[i, k]))
                for k, name in enumerate(card.sources)
            }
            for i, true in enumerate(rows)
            if scores.confusion[i].any()
        },
        images_per_second=round(len(answers.labels) / answers.seconds, 2),
    )


def _calibration(card: Card, answers: Answers) -> dict[str, float | bool | str | None]:
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
    """Return the SHA-256 of what answers depend on beside the tensors: method, sources, view, config."""
    return _sha256(card.model_dump(mode="json", include={"method", "sources", "view", "config"}))


def calibration_sha256(card: Card) -> str | None:
    """Return the SHA-256 of what makes answers into the probabilities that are printed, None where nothing does."""
    if card.calibration is None:
        return None
    fields = {"temperature", "isotonic"} | ({"real_offset"} if card.calibration.real_offset else set())
    return _sha256(card.calibration.model_dump(mode="json", include=fields))


def _sha256(facts: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def _bounds(interval: Interval) -> tuple[float, float]:
    return (interval.low or 0.0, interval.high or 0.0)


def _named(
    scores: Scores, counts: np.ndarray, rows: list[str], columns: tuple[str, ...]
) -> dict[str, dict[str, int]]:
    return {
        true: {name: int(counts[i, k]) for k, name in enumerate(columns)}
        for i, true in enumerate(rows)
        if scores.confusion[i].any()
    }


def _per_group(manifest: Manifest, answers: Answers, sources: tuple[str, ...]) -> dict[str, GroupScores]:
    groups = manifest.groups[answers.rows]
    found = {}
    for name in sorted(set(groups.tolist()) - {""}):
        here = groups == name
        values = score_accuracies(answers.labels[here], answers.predicted[here], sources)
        found[name] = GroupScores(
            n=int(here.sum()),
            detection_accuracy=values["detection_accuracy"],
            attribution_accuracy=values.get("attribution_accuracy"),
        )
    return found
