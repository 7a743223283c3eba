"""How well confidence separates known sources from unknown generators: AUROC and OSCR."""

import numpy as np

from ganprint.evaluation.group_metrics import DRAWS, FEWEST_GROUPS
from ganprint.evaluation.metrics import GroupAnswers, bounded, interval
from ganprint.weights import Interval


def score_open_set(
    labels: np.ndarray, predicted: np.ndarray, confidence: np.ndarray, *, groups: GroupAnswers | None = None
) -> dict[str, Interval]:
    """Return `auroc` and `oscr` of answers int (N,) with confidences (N,), label -1 being an unknown source.

    AUROC is the chance that an image of a known source is answered with more confidence than one of an unknown source,
    ties counting half. OSCR (Dhamija, Günther and Boult, NeurIPS 2018) is the same where only rightly attributed images
    count: the area under correct classification against false positive rate. The 95 % percentile bootstrap draws
    images, or with `groups` groups, each of which has one vote in its source, and each source one; of fewer than 8
    groups there is no interval. Empty where there are only known or only unknown sources.
    """
    known = labels >= 0
    if known.all() or not known.any():
        return {}
    _, levels = np.unique(confidence, return_inverse=True)
    right = known & (labels == predicted)
    if groups is None:
        random, weights = np.random.default_rng(0), np.ones(len(labels))
        share = weights / len(labels)
        draws = (random.multinomial(len(labels), share) for _ in range(DRAWS))
    else:
        images = groups.counts.sum(1)
        weights = (groups.votes() / images)[groups.places]
        draws = ((votes / images)[groups.places] for votes in groups.resampled_votes())
    observed = dict(zip(("auroc", "oscr"), _areas(weights, levels, known, right), strict=True))
    if groups is not None and len(groups.group) < FEWEST_GROUPS:
        return {name: bounded(value, None, None) for name, value in observed.items()}
    spread = np.array([_areas(drawn, levels, known, right) for drawn in draws])
    return {name: interval(value, column) for (name, value), column in zip(observed.items(), spread.T, strict=True)}


def _areas(weights: np.ndarray, levels: np.ndarray, known: np.ndarray, right: np.ndarray) -> tuple[float, float]:
    """Return both areas of images that count `weights` (N,) times, ordered by `levels` (N,)."""
    unknown_at = np.bincount(levels, weights * ~known)
    # Unknown images below each level, half of those on it.
    below = np.cumsum(unknown_at) - unknown_at / 2
    pairs = (weights * known).sum() * unknown_at.sum()
    if not pairs:
        return np.nan, np.nan
    won = weights * below[levels] / pairs
    return float((won * known).sum()), float((won * right).sum())
