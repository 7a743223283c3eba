"""Detection, attribution and balanced accuracy, NMI, recall and confusion, with bootstrap intervals."""

from dataclasses import dataclass

import numpy as np

from ganprint.weights import Interval

RESAMPLES = 2000
LEVEL = 0.95


@dataclass(frozen=True)
class Scores:
    """Metrics of N answers over K sources, each with its 95 % percentile bootstrap interval.

    `values` has `detection_accuracy` and, where any label is known, `attribution_accuracy`,
    `balanced_accuracy` (mean recall of the sources present) and `nmi`. `confusion` counts rows of true
    against columns of predicted sources, (K + 1, K), the last row being images of a source outside the K;
    `confusion_low` and `confusion_high` bound each count.
    """

    values: dict[str, Interval]
    recall: dict[str, Interval]
    confusion: np.ndarray
    confusion_low: np.ndarray
    confusion_high: np.ndarray


def score(labels: np.ndarray, predicted: np.ndarray, sources: tuple[str, ...], *, seed: int = 0) -> Scores:
    """Score predictions int (N,) in 0..K-1 against labels int (N,) in -1..K-1, -1 being no known source.

    Resampling N images with replacement changes these metrics only through the confusion matrix, so the
    bootstrap draws matrices from the multinomial of the observed one, which is the same thing, quickly.
    """
    count = len(sources)
    confusion, resamples = _confusions(labels, predicted, count, seed)
    observed = _metrics(confusion[None])
    spread = _metrics(resamples)
    low, high = np.percentile(resamples, _PERCENTILES, axis=0)
    recall = _recall(confusion[None])[0]
    recall_spread = _recall(resamples)
    present = np.flatnonzero(confusion[:count].sum(1))
    return Scores(
        values={name: interval(values[0], spread[name]) for name, values in observed.items()},
        recall={sources[k]: interval(recall[k], recall_spread[:, k]) for k in present},
        confusion=confusion,
        confusion_low=low,
        confusion_high=high,
    )


def score_accuracies(
    labels: np.ndarray, predicted: np.ndarray, sources: tuple[str, ...], *, seed: int = 0
) -> dict[str, Interval]:
    """Return detection accuracy and, where any label is known, attribution accuracy, as `score` does, quickly."""
    confusion, resamples = _confusions(labels, predicted, len(sources), seed)
    spread = _accuracies(resamples)
    return {name: interval(values[0], spread[name]) for name, values in _accuracies(confusion[None]).items()}


def _confusions(
    labels: np.ndarray, predicted: np.ndarray, count: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the confusion matrix (K + 1, K) and its resamples (R, K + 1, K)."""
    confusion = np.zeros((count + 1, count), dtype=np.int64)
    np.add.at(confusion, (np.where(labels < 0, count, labels), predicted), 1)
    drawn = np.random.default_rng(seed).multinomial(
        len(labels), confusion.ravel() / len(labels), size=RESAMPLES
    )
    return confusion, drawn.reshape(-1, count + 1, count)


_PERCENTILES = (50 * (1 - LEVEL), 50 * (1 + LEVEL))


def _metrics(matrices: np.ndarray) -> dict[str, np.ndarray]:
    """Return each metric for matrices (R, K + 1, K), as (R,)."""
    metrics = _accuracies(matrices)
    known = matrices[:, :-1]
    if known[0].sum():
        images = known.sum((1, 2))
        recall = _recall(matrices)
        present = np.isfinite(recall).sum(1)
        metrics["balanced_accuracy"] = np.nansum(recall, axis=1) / np.where(present > 0, present, np.nan)
        metrics["nmi"] = np.where(images > 0, _nmi(known / np.maximum(images, 1)[:, None, None]), np.nan)
    return metrics


def _accuracies(matrices: np.ndarray) -> dict[str, np.ndarray]:
    """Return detection and attribution accuracy for matrices (R, K + 1, K), as (R,)."""
    total = matrices.sum((1, 2))
    right = matrices[:, 0, 0] + matrices[:, 1:, 1:].sum((1, 2))
    known = matrices[:, :-1]
    metrics = {"detection_accuracy": right / total}
    if known[0].sum():
        # A resample may draw no image of a known source; it then says nothing of attribution.
        images = known.sum((1, 2))
        some = np.where(images > 0, images, np.nan)
        metrics["attribution_accuracy"] = np.trace(known, axis1=1, axis2=2) / some
    return metrics


def _recall(matrices: np.ndarray) -> np.ndarray:
    """Return the recall of each known source, (R, K), NaN where a matrix has no image of it."""
    known = matrices[:, :-1]
    images = known.sum(2)
    hits = np.diagonal(known, axis1=1, axis2=2)
    return np.where(images > 0, hits / np.maximum(images, 1), np.nan)


def _nmi(joint: np.ndarray) -> np.ndarray:
    """Normalised mutual information of joint distributions (R, K, K), by the arithmetic mean of entropies."""
    truth, answer = joint.sum(2), joint.sum(1)
    apart, together = _entropy(truth) + _entropy(answer), _entropy(joint.reshape(len(joint), -1))
    # Rounding may leave less than nothing shared.
    shared: np.ndarray = np.maximum(2 * (apart - together), 0) / np.where(apart > 0, apart, 1)
    shared[apart <= 0] = 1.0
    return shared


def _entropy(distributions: np.ndarray) -> np.ndarray:
    logarithms = np.log(np.where(distributions > 0, distributions, 1))
    entropy: np.ndarray = -(distributions * logarithms).sum(1)
    return entropy


def interval(value: float, spread: np.ndarray) -> Interval:
    """Return a value with the 95 % percentile interval of its resamples (R,), NaN being none."""
    low, high = np.nanpercentile(spread, _PERCENTILES)
    return Interval(value=round(float(value), 6), low=round(float(low), 6), high=round(float(high), 6))
