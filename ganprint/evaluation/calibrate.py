"""A temperature for weights, fitted to what they answer for images clean and perturbed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ganprint.attributor import Attributor
from ganprint.data import Manifest
from ganprint.errors import ImageError, UsageError
from ganprint.evaluation.answers import answer_manifest
from ganprint.evaluation.conditions import Condition
from ganprint.forensics.calibration import (
    brier_score,
    calibration_error,
    fit_temperature,
    held_out,
    log_loss,
)
from ganprint.perturb import Attack, parse_treatment
from ganprint.weights import CalibrationRecord, Card, utc_now

MEASURES: dict[str, Callable[[np.ndarray, np.ndarray], float]] = {
    "calibration_error": calibration_error,
    "brier_score": brier_score,
    "log_loss": log_loss,
}
FEWEST = 50
"""Images that a temperature can be fitted to."""


@dataclass(frozen=True)
class Calibrated:
    """A calibration with what it was measured on: labels (N,), probabilities (N, K) before, and after in turn.

    `failures` say which images could not be read.
    """

    record: CalibrationRecord
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
    seed: int = 0,
    command: str = "",
    progress: Callable[[str, int, int], None] = lambda policy, done, total: None,
    **options: Any,
) -> Calibrated:
    """Fit a temperature to the answers for a split's images of known sources, under each policy.

    What it brings is measured by cross-validation, all versions of an image in one fold. `options` are those of
    `answer_manifest`. Raises UsageError where fewer than FEWEST images can be read, and for an attack.
    """
    images = manifest.select(split)
    images = images.take(np.flatnonzero(images.labels >= 0))
    _check_count(manifest, split, len(images))
    rows, labels, probabilities = [], [], []
    failures: dict[str, ImageError] = {}
    for policy in policies:
        if isinstance(parse_treatment(policy), Attack):
            raise UsageError("Calibration is for images that nobody attacks.", "Name another --policy.")
        (answers,) = answer_manifest(
            [attributor],
            images,
            Condition.of(parse_treatment(policy), card.view, seed=seed),
            progress=partial(progress, policy),
            **options,
        )
        rows.append(answers.rows)
        labels.append(answers.labels)
        probabilities.append(answers.probabilities)
        failures |= {failure.message: failure for failure in answers.failures}
    which, known, before = (np.concatenate(each) for each in (rows, labels, probabilities))
    _check_count(manifest, split, len(np.unique(which)))
    after = held_out(before, known, which)
    record = CalibrationRecord(
        temperature=round(fit_temperature(before, known), 4),
        data=Path(manifest.name).name,
        data_sha256=images.sha256,
        split=split,
        policies=tuple(policies),
        seed=seed,
        images=len(np.unique(which)),
        before={name: round(measure(before, known), 4) for name, measure in MEASURES.items()},
        after={name: round(measure(after, known), 4) for name, measure in MEASURES.items()},
        command=command,
        date=utc_now(),
    )
    return Calibrated(record, known, before, after, list(failures.values()))


def _check_count(manifest: Manifest, split: str, count: int) -> None:
    if count < FEWEST:
        raise UsageError(
            f"{manifest.name} has {count} images of known sources in {split}.",
            f"Calibration needs {FEWEST} at least, none of them trained on.",
        )
