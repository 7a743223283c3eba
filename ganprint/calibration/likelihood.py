"""Likelihood ratios: how much more probable an answer is under one proposition than another, without a prior."""

import math

import numpy as np

from ganprint.calibration.probabilities import SMALLEST
from ganprint.weights import LikelihoodRecord

SCALE = (
    (2, "no support for either"),
    (10, "weak support"),
    (100, "moderate support"),
    (1_000, "moderately strong support"),
    (10_000, "strong support"),
    (1_000_000, "very strong support"),
    (math.inf, "extremely strong support"),
)
"""Ratios below each, and the words for them: ENFSI Guideline for Evaluative Reporting in Forensic Science (2015)."""


def fit_likelihood(
    probabilities: np.ndarray,
    holds: np.ndarray,
    groups: np.ndarray,
    folds: list[np.ndarray],
    weights: np.ndarray | None = None,
) -> LikelihoodRecord:
    """Fit a ratio to the probabilities (N,) of a proposition, and whether it `holds` (N,) bool.

    Logistic regression on the log odds with both sides weighing the same (Brümmer and du Preez, Computer Speech and
    Language 2006), so that the share of either among the images is not part of it; with a small penalty on the slope,
    as without any it has no end where both sides part cleanly. Probabilities must be of images that they were not
    calibrated on. `groups` (N,) says what a row is of (a trained model, a photo source, or where that is not known an
    image), whose number bounds the ratio; `weights` (N,) weigh the rows of a side, all alike by default; `folds` (N,)
    bool each say which rows are kept out in turn for what is measured.
    """
    weights = np.ones(len(holds)) if weights is None else weights
    slope, intercept = _fit(probabilities, holds, weights)
    ratios = np.empty(len(probabilities))
    for fold in folds:
        fitted = _fit(probabilities[~fold], holds[~fold], weights[~fold])
        ratios[fold] = _affine(probabilities[fold], *fitted)
    most, least = (math.log10(len(np.unique(groups[side])) + 1) for side in (~holds, holds))
    ratios = np.clip(ratios, -least, most)
    return LikelihoodRecord(
        slope=round(slope, 6),
        intercept=round(intercept, 6),
        most=round(most, 4),
        least=round(-least, 4),
        cllr=round(cllr(ratios, holds, weights), 4),
        cllr_min=round(least_cllr(ratios, holds, weights), 4),
    )


def log10_ratio(probability: float | np.ndarray, record: LikelihoodRecord) -> np.ndarray:
    """Return log10 of the ratio for a proposition of this probability, within what its data can support.

    N groups on which it did not hold cannot support more than N + 1 for it, nor those on which it held more against.
    """
    ratio = _affine(np.asarray(probability, np.float64), record.slope, record.intercept)
    return np.clip(ratio, record.least, record.most)  # type: ignore[no-any-return]


def in_words(log10: float, record: LikelihoodRecord) -> str | None:
    """Return ENFSI's words for a ratio, None where the ratios of its record do not hold."""
    if not record.holds:
        return None
    size = 10 ** abs(log10)
    return next(words for below, words in SCALE if size < below)


def cllr(log10_ratios: np.ndarray, holds: np.ndarray, weights: np.ndarray | None = None) -> float:
    """Return the log-likelihood-ratio cost (Brümmer and du Preez 2006, equation 44): 0 perfect, 1 says nothing.

    `weights` (N,) weigh the ratios of a side, all alike by default.
    """
    weights = np.ones(len(holds)) if weights is None else weights
    ratios = np.asarray(log10_ratios) * math.log(10)
    costs = [
        np.average(np.logaddexp(0, -ratios[holds]), weights=weights[holds]),
        np.average(np.logaddexp(0, ratios[~holds]), weights=weights[~holds]),
    ]
    return float(np.mean(costs) / math.log(2))


def least_cllr(log10_ratios: np.ndarray, holds: np.ndarray, weights: np.ndarray | None = None) -> float:
    """Return the cost that is left when the ratios are recalibrated as well as any order-keeping change can.

    That is the pool-adjacent-violators rule, both sides weighing the same.
    """
    from sklearn.isotonic import IsotonicRegression

    weights = np.ones(len(holds)) if weights is None else weights
    sides = _balanced(holds, weights)
    shares = IsotonicRegression().fit_transform(log10_ratios, holds.astype(float), sample_weight=sides)
    shares = np.clip(shares, SMALLEST, 1 - SMALLEST)
    return cllr(np.log10(shares / (1 - shares)), holds, weights)


def _balanced(holds: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return weights (N,) under which both sides weigh one half."""
    return np.where(holds, 0.5 / weights[holds].sum(), 0.5 / weights[~holds].sum()) * weights  # type: ignore[no-any-return]


def _fit(probabilities: np.ndarray, holds: np.ndarray, weights: np.ndarray) -> tuple[float, float]:
    from sklearn.linear_model import LogisticRegression

    if holds.all() or not holds.any():
        return 0.0, 0.0
    shares = _balanced(holds, weights) * len(holds)
    model = LogisticRegression().fit(_log_odds(probabilities)[:, None], holds, sample_weight=shares)
    slope = float(model.coef_[0, 0])
    # A probability that falls where it should rise says nothing.
    return (slope, float(model.intercept_[0])) if slope > 0 else (0.0, 0.0)


def _affine(probabilities: np.ndarray, slope: float, intercept: float) -> np.ndarray:
    return (slope * _log_odds(probabilities) + intercept) / math.log(10)


def _log_odds(probabilities: np.ndarray) -> np.ndarray:
    shares = np.clip(probabilities, SMALLEST, 1 - SMALLEST)
    return np.log(shares / (1 - shares))  # type: ignore[no-any-return]
