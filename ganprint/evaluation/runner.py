"""Evaluate weights on a manifest: every image at its own size, perturbed, viewed, answered, counted."""

import csv
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict
from torch import Tensor

from ganprint.attributor import Attributor, View
from ganprint.data import Draw, Manifest, SourceImages, loader
from ganprint.errors import ImageError, UsageError
from ganprint.evaluation.metrics import Scores, score
from ganprint.forensics.answer import answer_images
from ganprint.images.formats import cell
from ganprint.images.views import crop_views
from ganprint.perturb import Engine, Perturbation, Policy, perturb
from ganprint.weights import Card, Interval, Result

PUBLISHED_SIZE = 224
"""Side at which the published protocol perturbs (Bui et al. 2022, section 4.1)."""


METRICS = ("detection_accuracy", "attribution_accuracy", "balanced_accuracy", "nmi")
"""The metrics of an evaluation, in the order of tables."""


class GroupScores(BaseModel):
    """How weights do on the images of one group; attribution is None where their source is not known."""

    model_config = ConfigDict(frozen=True)

    n: int
    detection_accuracy: Interval
    attribution_accuracy: Interval | None = None


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
    per_group: dict[str, GroupScores]
    confusion: dict[str, dict[str, int]]
    confusion_intervals: dict[str, dict[str, tuple[float, float]]]
    images_per_second: float
    failed: int = 0

    def result(self) -> Result:
        """Return what a card records of this evaluation."""
        values = {name: getattr(self, name) for name in METRICS}
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
    """One row per image that could be read: its row in the manifest, true and predicted labels (N,),
    probabilities (N, K), and what was done to it; `failures` says why the others could not.
    """

    rows: np.ndarray
    labels: np.ndarray
    predicted: np.ndarray
    probabilities: np.ndarray
    perturbations: list[Perturbation]
    seconds: float
    failures: list[ImageError]


def default_size(view: View, policy: Policy) -> int | None:
    """Return the side at which a policy perturbs for weights of this view: the published protocol's or None."""
    return PUBLISHED_SIZE if view.kind == "resize" and policy.probability > 0 else None


class _ConditionedViews(SourceImages):
    """Views of images perturbed at their own size, as (k, 3, S, S): computed where the image is decoded.

    In a batch, an image that cannot be read is its ImageError.
    """

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

    def items(self, indices: Sequence[int | Draw]) -> list[tuple[Any, int, int]]:
        return [self._item(index.row if isinstance(index, Draw) else int(index)) for index in indices]

    def _item(self, row: int) -> tuple[Any, int, int]:
        try:
            return self[row]
        except ImageError as error:
            return error, int(self.labels[row]), row


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

    Raises the first ImageError where no image at all can be read.
    """
    began = time.monotonic()
    images = _ConditionedViews(manifest, attributor.config.view, condition)
    rows: list[int] = []
    found: list[np.ndarray] = []
    failures: list[ImageError] = []
    for batch in loader(images, batch_size=batch_size, workers=workers):
        failures += [views for views in batch.images if isinstance(views, ImageError)]
        whole = [number for number, views in enumerate(batch.images) if isinstance(views, Tensor)]
        answers = answer_images(attributor, [batch.images[number] for number in whole])
        found += [answer.probabilities for answer in answers]
        rows += batch.rows[whole].tolist()
        progress(len(found) + len(failures), len(manifest))
    if not found:
        raise failures[0]
    probabilities = np.stack(found)
    return Answers(
        np.array(rows),
        manifest.labels[rows],
        probabilities.argmax(1),
        probabilities,
        [condition.policy.draw(condition.seed, row) for row in rows],
        time.monotonic() - began,
        failures,
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
        failed=len(answers.failures),
        **scores.values,
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


def write_predictions(path: Path, card: Card, manifest: Manifest, answers: Answers) -> None:
    """Write one CSV row per image: path, true and predicted source, probabilities, what was done to it.

    The file appears whole or not at all. Raises UsageError where it cannot be written.
    """
    partial = path.with_name(f".{path.name}.partial")
    try:
        _write_rows(partial, card, manifest, answers)
        partial.replace(path)
    except OSError as cause:
        raise UsageError(f"{path} cannot be written: {cause.strerror}.", "Name another file.") from cause


def _write_rows(path: Path, card: Card, manifest: Manifest, answers: Answers) -> None:
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
        for number, (row, drawn) in enumerate(zip(answers.rows, answers.perturbations, strict=True)):
            what = [drawn.kind, drawn.severity, drawn.seed] if drawn.kind else ["", "", ""]
            shares = [f"{p:.6f}" for p in answers.probabilities[number]]
            predicted = card.sources[answers.predicted[number]]
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


def _per_group(manifest: Manifest, answers: Answers, sources: tuple[str, ...]) -> dict[str, GroupScores]:
    groups = manifest.groups[answers.rows]
    found = {}
    for name in sorted(set(groups.tolist()) - {""}):
        here = groups == name
        values = score(answers.labels[here], answers.predicted[here], sources).values
        found[name] = GroupScores(
            n=int(here.sum()),
            detection_accuracy=values["detection_accuracy"],
            attribution_accuracy=values.get("attribution_accuracy"),
        )
    return found
