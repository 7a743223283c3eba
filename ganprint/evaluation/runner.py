"""Evaluate weights on a manifest: every image at its own size, perturbed, viewed, answered, counted."""

import csv
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict
from torch import Tensor

from ganprint.attributor import Attributor, View
from ganprint.data import Draw, Manifest, SourceImages, loader
from ganprint.evaluation.metrics import Scores, score
from ganprint.forensics.answer import answer_images
from ganprint.images.formats import cell
from ganprint.images.views import crop_views
from ganprint.perturb import Engine, Perturbation, Policy, perturb
from ganprint.weights import Card, Interval, Result

PUBLISHED_SIZE = 224
"""Side at which the published protocol perturbs (Bui et al. 2022, section 4.1)."""


class Evaluation(BaseModel):
    """How one artifact does on one split under one policy: `evaluate --json`; field names are stable."""

    model_config = ConfigDict(frozen=True)

    method: str
    weights: str
    weights_sha256: str | None
    data_sha256: str
    split: str
    policy: str
    at: int | None
    engine: str
    seed: int
    n: int
    detection_accuracy: Interval
    attribution_accuracy: Interval | None = None
    balanced_accuracy: Interval | None = None
    nmi: Interval | None = None
    per_source: dict[str, float]
    per_source_intervals: dict[str, tuple[float, float]]
    per_group: dict[str, dict[str, float]]
    confusion: dict[str, dict[str, int]]
    confusion_intervals: dict[str, dict[str, tuple[float, float]]]
    images_per_second: float

    def result(self) -> Result:
        """Return what a card records of this evaluation."""
        values = {
            name: getattr(self, name)
            for name in ("detection_accuracy", "attribution_accuracy", "balanced_accuracy", "nmi")
        }
        return Result(
            split=self.split,
            policy=self.policy,
            n=self.n,
            seed=self.seed,
            values={name: value for name, value in values.items() if value is not None},
            per_source=self.per_source,
            per_source_intervals=self.per_source_intervals,
            per_group={name: group["attribution_accuracy"] for name, group in self.per_group.items()},
        )


@dataclass(frozen=True)
class Condition:
    """What happens to the images before a method sees them; `at` None perturbs at their own size."""

    policy: Policy
    seed: int = 0
    at: int | None = None
    engine: Engine = "torch"


@dataclass(frozen=True)
class Answers:
    """One row per image: true and predicted labels (N,), probabilities (N, K), and what was done to it."""

    labels: np.ndarray
    predicted: np.ndarray
    probabilities: np.ndarray
    perturbations: list[Perturbation]
    seconds: float


def default_size(view: View, policy: Policy) -> int | None:
    """Return the side at which a policy perturbs for weights of this view: the published protocol's or None."""
    return PUBLISHED_SIZE if view.kind == "resize" and policy.probability > 0 else None


class _ConditionedViews(SourceImages):
    """Views of images perturbed at their own size, as (k, 3, S, S): computed where the image is decoded."""

    def __init__(self, manifest: Manifest, view: View, condition: Condition) -> None:
        super().__init__(manifest)
        self.view = view
        self.condition = condition

    def __getitem__(self, index: int | Draw) -> tuple[Tensor, int, int]:
        image, label, row = super().__getitem__(index)
        condition = self.condition
        drawn = condition.policy.draw(condition.seed, row)
        perturbed = perturb(image[None], [drawn], engine=condition.engine, at=condition.at)[0]
        return crop_views(perturbed, self.view), label, row


def answer_manifest(
    attributor: Attributor,
    manifest: Manifest,
    condition: Condition,
    *,
    batch_size: int = 32,
    workers: int = 0,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Answers:
    """Answer for every image of a manifest under a condition; `progress` is told images done and in all.

    Raises ImageError naming the first file that cannot be read.
    """
    began = time.monotonic()
    images = _ConditionedViews(manifest, attributor.config.view, condition)
    labels, found = [], []
    for batch in loader(images, batch_size=batch_size, workers=workers):
        found += [answer.probabilities for answer in answer_images(attributor, batch.images)]
        labels.append(batch.labels.numpy())
        progress(len(found), len(manifest))
    probabilities = np.stack(found)
    drawn = [condition.policy.draw(condition.seed, row) for row in range(len(manifest))]
    return Answers(
        np.concatenate(labels),
        probabilities.argmax(1),
        probabilities,
        drawn,
        time.monotonic() - began,
    )


def evaluate(
    card: Card, manifest: Manifest, split: str, condition: Condition, answers: Answers
) -> Evaluation:
    """Score answers: over all images, by source, by group, and as a confusion matrix."""
    scores = score(answers.labels, answers.predicted, card.sources)
    rows = [*card.sources, "unknown"]
    return Evaluation(
        method=card.method,
        weights=card.name,
        weights_sha256=card.sha256,
        data_sha256=manifest.sha256,
        split=split,
        policy=str(condition.policy),
        at=condition.at,
        engine=condition.engine,
        seed=condition.seed,
        n=len(answers.labels),
        **scores.values,
        per_source={name: recall.value for name, recall in scores.recall.items()},
        per_source_intervals={name: _bounds(recall) for name, recall in scores.recall.items()},
        per_group=_per_group(manifest, answers),
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


def write_predictions(path: Path, card: Card, manifest: Manifest, answers: Answers) -> None:
    """Write one CSV row per image: path, true and predicted source, probabilities, what was done to it."""
    names = manifest.column("source")
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(
            [
                *("path", "source", "predicted"),
                *(f"p_{name}" for name in card.sources),
                *("corruption", "severity", "seed"),
            ]
        )
        for row, drawn in enumerate(answers.perturbations):
            what = [drawn.kind, drawn.severity, drawn.seed] if drawn.kind else ["", "", ""]
            shares = [f"{p:.6f}" for p in answers.probabilities[row]]
            predicted = card.sources[answers.predicted[row]]
            writer.writerow([cell(str(manifest.path(row))), cell(names[row]), predicted, *shares, *what])


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


def _per_group(manifest: Manifest, answers: Answers) -> dict[str, dict[str, float]]:
    groups = manifest.groups
    found = {}
    for name in sorted(set(groups.tolist()) - {""}):
        here = groups == name
        labels, predicted = answers.labels[here], answers.predicted[here]
        found[name] = {
            "n": int(here.sum()),
            "attribution_accuracy": round(float((labels == predicted).mean()), 6),
            "detection_accuracy": round(float(((predicted > 0) == (labels != 0)).mean()), 6),
        }
    return found
