"""What weights need to be judged by: calibration, thresholds, likelihood ratios, and where known images lie."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ganprint.attributor import Attributor
from ganprint.data import Manifest
from ganprint.errors import ImageError, UsageError
from ganprint.evaluation.answers import whole_answers
from ganprint.evaluation.conditions import Condition
from ganprint.forensics.answer import Answer
from ganprint.forensics.calibration import (
    brier_score,
    calibration_error,
    fit_isotonic,
    fit_temperature,
    folds_of,
    held_out,
    log_loss,
    straighten,
    temper,
)
from ganprint.forensics.decision import DEFAULT_RATES, Rates, fit_thresholds
from ganprint.forensics.judges import known_arrays, known_from
from ganprint.forensics.likelihood import fit_likelihood
from ganprint.forensics.open_set import SCORES, Known
from ganprint.perturb import parse_treatment
from ganprint.weights import (
    NO_REFERENCE,
    CalibrationRecord,
    Card,
    JudgementRecord,
    LikelihoodRecord,
    utc_now,
)

MEASURES: dict[str, Callable[[np.ndarray, np.ndarray], float]] = {
    "calibration_error": calibration_error,
    "brier_score": brier_score,
    "log_loss": log_loss,
}
FEWEST = 50
"""Images that a temperature can be fitted to."""
MOST_KNOWN = 10_000
"""Embeddings that are kept of the images that calibration saw, drawn where there are more."""
FEWEST_OF_A_SOURCE = 10
"""Images of a source, and of others, from which on it gets likelihood ratios."""


@dataclass(frozen=True)
class Calibrated:
    """A calibration with what it was measured on: labels (N,), probabilities (N, K) before, and after in turn.

    `reference` are the arrays of where known images lie, `failures` say which images could not be read.
    """

    record: CalibrationRecord
    judgement: JudgementRecord
    reference: dict[str, np.ndarray]
    labels: np.ndarray
    before: np.ndarray
    after: np.ndarray
    failures: list[ImageError]


def calibrate(
    attributor: Attributor,
    card: Card,
    manifest: Manifest,
    split: str,
    policies: Sequence[str],
    *,
    score: str = "knn",
    rates: Rates = DEFAULT_RATES,
    seed: int = 0,
    command: str = "",
    progress: Callable[[str, int, int], None] = lambda policy, done, total: None,
    **options: Any,
) -> Calibrated:
    """Fit to the answers for a split's images of known sources, under each policy, all that verdicts rest on.

    What the calibration and the ratios bring is measured by cross-validation, all versions of an image in one fold;
    `score` is one of SCORES. `options` are those of `whole_answers`. Raises UsageError where fewer than FEWEST images
    can be read, too few are photographs or generated, and for an attack.
    """
    images = manifest.select(split)
    images = images.take(np.flatnonzero(images.labels >= 0))
    _check_count(manifest, split, len(images))
    rows: list[np.ndarray] = []
    answers: list[Answer] = []
    failures: dict[str, ImageError] = {}
    for policy in policies:
        condition = Condition.of(parse_treatment(policy), card.view, seed=seed)
        found, here, failed = whole_answers(
            attributor, images, condition, progress=partial(progress, policy), **options
        )
        rows.append(found)
        answers += here
        failures |= {failure.message: failure for failure in failed}
    which = np.concatenate(rows)
    labels, count = images.labels[which], len(np.unique(which))
    _check_count(manifest, split, count)
    check_sides(labels, which, f"{manifest.name}, {split}")
    before = np.stack([answer.probabilities for answer in answers])
    facts = {
        "data": Path(manifest.name).name,
        "data_sha256": images.sha256,
        "split": split,
        "policies": tuple(policies),
        "seed": seed,
        "images": count,
        "command": command,
        "date": utc_now(),
    }
    folds = folds_of(which)
    record, after = _calibration(before, labels, folds, facts)
    largest = float(np.mean([answer.largest_logit for answer in answers]))
    embeddings = np.stack([answer.embedding for answer in answers])
    # As they will be read again: halved.
    known = known_from(known_arrays(Known(embeddings, labels, which, largest)))
    judgement = _judgement(answers, known, after, folds, score, rates, card.sources)
    kept = np.sort(np.random.default_rng(seed).permutation(len(labels))[:MOST_KNOWN])
    reference = known_arrays(Known(known.embeddings[kept], labels[kept], which[kept], largest))
    return Calibrated(record, judgement, reference, labels, before, after, list(failures.values()))


def _calibration(
    before: np.ndarray, labels: np.ndarray, folds: list[np.ndarray], facts: dict[str, Any]
) -> tuple[CalibrationRecord, np.ndarray]:
    """Fit temperature and isotonic lines; return the record of the better, and its probabilities of images kept out."""
    temperature = fit_temperature(before, labels)
    ways = {
        "temperature": held_out(
            lambda p, y: partial(temper, temperature=fit_temperature(p, y)), before, labels, folds
        ),
        "isotonic": held_out(
            lambda p, y: partial(straighten, knots=fit_isotonic(p, y)), before, labels, folds
        ),
    }
    best, other = sorted(ways, key=lambda way: log_loss(ways[way], labels))
    if len(np.unique(labels)) < before.shape[1]:
        # A line for a source that shows no image would say that it never is right.
        best, other = "temperature", "isotonic"
    record = CalibrationRecord(
        temperature=round(temperature, 4),
        isotonic=fit_isotonic(before, labels) if best == "isotonic" else None,
        before=_measure(before, labels),
        after=_measure(ways[best], labels),
        otherwise=_measure(ways[other], labels),
        **facts,
    )
    return record, ways[best]


def _measure(probabilities: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    return {name: round(measure(probabilities, labels), 4) for name, measure in MEASURES.items()}


def _judgement(
    answers: list[Answer],
    known: Known,
    after: np.ndarray,
    folds: list[np.ndarray],
    score: str,
    rates: Rates,
    sources: tuple[str, ...],
) -> JudgementRecord:
    """Fit thresholds and ratios to what is said of images kept out in turn, scores to the others' embeddings."""
    labels = known.labels
    scores = np.empty(len(answers))
    for fold in folds:
        others = Known(known.embeddings[~fold], labels[~fold], known.images[~fold], known.largest_logit)
        here = np.flatnonzero(fold)
        scores[here] = SCORES[score](others, [answers[place] for place in here])
    ratios: dict[str, LikelihoodRecord] = {}
    for label, source in enumerate(sources):
        holds = labels == label
        counts = [len(np.unique(known.images[side])) for side in (holds, ~holds)]
        if label and min(counts) >= FEWEST_OF_A_SOURCE:
            ratios[source] = fit_likelihood(after[:, label], holds, known.images, folds)
    return JudgementRecord(
        score=score,
        **asdict(fit_thresholds(after, labels, scores, rates)),
        **asdict(rates),
        synthetic=fit_likelihood(1 - after[:, 0], labels > 0, known.images, folds),
        sources=ratios,
        reference_sha256=NO_REFERENCE,
    )


def check_sides(labels: np.ndarray, images: np.ndarray, what: str) -> None:
    """Raise UsageError unless enough different images (N,) are photographs, and enough are generated."""
    for side, name in ((labels == 0, "photographs"), (labels > 0, "generated images")):
        count = len(np.unique(images[side]))
        if count < FEWEST_OF_A_SOURCE:
            raise UsageError(
                f"{what}: {count} {name} are too few for thresholds.",
                f"{FEWEST_OF_A_SOURCE} are needed at least.",
            )


def _check_count(manifest: Manifest, split: str, count: int) -> None:
    if count < FEWEST:
        raise UsageError(
            f"{manifest.name} has {count} images of known sources in {split}.",
            f"Calibration needs {FEWEST} at least, none of them trained on.",
        )
