"""Grid search on validation images: every trial is reported and recorded, and the best is kept."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

from ganprint.attributor import Progress, Run

ONLY = "answers_only"
"""Name among a training's details of the one source that every validation image is called, where that is so."""
LOG_FACTORS = (-8.0, 16.0)
"""Natural logarithms between which the factor of scores is sought."""


@dataclass(frozen=True)
class Trial:
    """One setting and how well it did on validation, metrics by the names of a network's epochs."""

    setting: Mapping[str, float]
    metrics: Mapping[str, float]
    only: int | None


def report_trial(
    setting: Mapping[str, float], scores: np.ndarray, labels: np.ndarray, run: Run, part: tuple[int, int]
) -> Trial:
    """Report a setting's scores (N, K) for labels (N,) to the run; `part` (i, n) is the number of the trial."""
    predicted = scores.argmax(1)
    trial = Trial(setting, judge(predicted, labels), only_answer(predicted, labels))
    stage = ", ".join(f"{name} {value:g}" for name, value in setting.items()) + ", setting"
    run.report(Progress(*part, 1, 1, 0.0, 0.0, validation=trial.metrics, stage=stage))
    return trial


def best_trial(trials: Sequence[Trial], monitor: str) -> int:
    """Return the place of the trial with the highest `monitor`, the last of equals as in EigenFace's public code."""
    values = [trial.metrics[monitor] for trial in trials]
    return len(values) - 1 - int(np.argmax(values[::-1]))


def grid_details(trials: Sequence[Trial], best: int, sources: Sequence[str]) -> dict[str, Any]:
    """Return what a card's details say of a grid: every trial, and the best one's only answer if it has but one."""
    only = trials[best].only
    grid = [{**each.setting, **{name: round(value, 4) for name, value in each.metrics.items()}} for each in trials]
    return {"grid": grid} | ({} if only is None else {ONLY: sources[only]})


def only_answer(predicted: np.ndarray, labels: np.ndarray) -> int | None:
    """Return the label that all predictions (N,) are, or None where they differ or all labels are one, too."""
    return int(predicted[0]) if np.ptp(predicted) == 0 and np.ptp(labels) > 0 else None


def judge(predicted: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """Return attribution, balanced and detection accuracy of predictions (N,) against labels (N,)."""
    recalls = [float((predicted[labels == label] == label).mean()) for label in np.unique(labels)]
    return {
        "accuracy": float((predicted == labels).mean()),
        "balanced_accuracy": sum(recalls) / len(recalls),
        "detection_accuracy": float(((predicted > 0) == (labels > 0)).mean()),
    }


def fit_inverse_temperature(scores: np.ndarray, labels: np.ndarray) -> float:
    """Return the factor by which scores (N, K) become logits with the lowest cross-entropy for labels (N,).

    It is an inverse temperature: the order of sources stays the same.
    """
    rows = np.arange(len(labels))

    def loss(logarithm: float) -> float:
        return float(-log_softmax(np.exp(logarithm) * scores, axis=1)[rows, labels].mean())

    return float(np.exp(minimize_scalar(loss, bounds=LOG_FACTORS, method="bounded").x))
