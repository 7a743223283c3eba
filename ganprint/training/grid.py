"""Grids of settings judged on validation images: each trial told and recorded, the best one kept."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ganprint.attributor import Progress, Run


@dataclass(frozen=True)
class Trial:
    """One setting and how well it did on validation, metrics by the names of a network's epochs."""

    setting: Mapping[str, float]
    metrics: Mapping[str, float]

    def record(self) -> dict[str, Any]:
        """Return the trial as a card's details hold it."""
        return {**self.setting, **{name: round(value, 4) for name, value in self.metrics.items()}}


def report_trial(
    setting: Mapping[str, float], scores: np.ndarray, labels: np.ndarray, run: Run, part: tuple[int, int]
) -> Trial:
    """Judge scores (N, K) by labels (N,), tell the run, and return the trial; `part` (i, n) is its number."""
    trial = Trial(setting, judge(scores.argmax(1), labels))
    stage = ", ".join(f"{name} {value:g}" for name, value in setting.items()) + ", setting"
    run.report(Progress(*part, 1, 1, 0.0, 0.0, validation=trial.metrics, stage=stage))
    return trial


def best_trial(trials: Sequence[Trial], monitor: str) -> int:
    """Return the place of the trial with the highest `monitor`, the first of equals."""
    return int(np.argmax([trial.metrics[monitor] for trial in trials]))


def judge(predicted: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """Return attribution, balanced and detection accuracy of predictions (N,) against labels (N,)."""
    recalls = [float((predicted[labels == label] == label).mean()) for label in np.unique(labels)]
    return {
        "accuracy": float((predicted == labels).mean()),
        "balanced_accuracy": sum(recalls) / len(recalls),
        "detection_accuracy": float(((predicted > 0) == (labels > 0)).mean()),
    }
