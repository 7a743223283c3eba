"""How well confidence tells sources that a method knows from generators that it does not: AUROC and OSCR."""

import numpy as np

from ganprint.evaluation.metrics import RESAMPLES, interval
from ganprint.weights import Interval


def score_open_set(
    labels: np.ndarray, predicted: np.ndarray, confidence: np.ndarray, *, seed: int = 0
) -> dict[str, Interval]:
    """Return `auroc` and `oscr` of answers int (N,) with confidences (N,), label -1 being an unknown source.

    AUROC is the chance that an image of a known source is answered with more confidence than one of an
    unknown source, ties counting half. OSCR (Dhamija, Günther and Boult, NeurIPS 2018) is the same where only
    rightly attributed images count: the area under correct classification against false positive rate. The
    intervals are those of the 95 % percentile bootstrap. Empty where there are only known or only unknown
    sources.
    """
    known = labels >= 0
    if known.all() or not known.any():
        return {}
    _, levels = np.unique(confidence, return_inverse=True)
    right = known & (labels == predicted)
    observed = _areas(np.ones(len(labels)), levels, known, right)
    random = np.random.default_rng(seed)
    share = np.full(len(labels), 1 / len(labels))
    spread = np.array(
        [_areas(random.multinomial(len(labels), share), levels, known, right) for _ in range(RESAMPLES)]
    )
    return {
        name: interval(value, spread[:, place])
        for place, (name, value) in enumerate(zip(("auroc", "oscr"), observed, strict=True))
    }


def _areas(
    weights: np.ndarray, levels: np.ndarray, known: np.ndarray, right: np.ndarray
) -> tuple[float, float]:
    """Return both areas of images that count `weights` (N,) times, ordered by `levels` (N,)."""
    unknown_at = np.bincount(levels, weights * ~known)
    # Unknown images below each level, half of those on it.
    below = np.cumsum(unknown_at) - unknown_at / 2
    pairs = (weights * known).sum() * unknown_at.sum()
    if not pairs:
        return np.nan, np.nan
    won = weights * below[levels] / pairs
    return float((won * known).sum()), float((won * right).sum())
