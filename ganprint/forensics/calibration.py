"""Probabilities that mean what they say: how far they are from it, and what brings them nearer."""

from collections.abc import Callable

import numpy as np

from ganprint.weights import CalibrationRecord, Knots

BINS = 15
"""Of equal width, for the calibration error (Guo et al. 2017)."""
FOLDS = 5
LEAST_SHARE = 1e-3
"""That an isotonic line gives: what never happened among few images may happen."""
SMALLEST = 1e-7
"""A probability is not taken to be less, so that one sure mistake is not infinitely bad."""


def temper(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """Return probabilities (..., K) to the power of 1 / temperature, brought to sum 1: the order stays.

    For one view that is a softmax with that temperature (Guo et al., On Calibration of Modern Neural Networks, ICML
    2017, section 4.2); the mean over several views is tempered as a whole.
    """
    logarithms = np.log(np.maximum(probabilities, SMALLEST)) / temperature
    powers = np.exp(logarithms - logarithms.max(-1, keepdims=True))
    tempered: np.ndarray = powers / powers.sum(-1, keepdims=True)
    return tempered


def fit_temperature(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Return the temperature under which labels int (N,) are likeliest, given probabilities (N, K)."""
    # Here, as attributing needs none of it.
    from scipy.optimize import minimize_scalar

    def loss(power: float) -> float:
        return log_loss(temper(probabilities, float(np.exp(power))), labels)

    found = minimize_scalar(loss, bounds=(-3, 3), method="bounded")
    return float(np.exp(found.x))


def fit_isotonic(probabilities: np.ndarray, labels: np.ndarray) -> list[Knots]:
    """Return for each source a rising line from its probability to how often it is right (Zadrozny and Elkan 2002)."""
    from sklearn.isotonic import IsotonicRegression

    knots = []
    for source in range(probabilities.shape[1]):
        line = IsotonicRegression(y_min=LEAST_SHARE, y_max=1 - LEAST_SHARE)
        line.fit(probabilities[:, source], labels == source)
        places = zip(line.X_thresholds_.tolist(), line.y_thresholds_.tolist(), strict=True)
        knots.append(tuple((round(x, 6), round(y, 6)) for x, y in places))
    return knots


def straighten(probabilities: np.ndarray, knots: list[Knots]) -> np.ndarray:
    """Return probabilities (N, K), each source's brought along its line, then to sum 1."""
    columns = [
        np.interp(column, *np.transpose(line)) for column, line in zip(probabilities.T, knots, strict=True)
    ]
    shares = np.stack(columns, axis=1)
    straight: np.ndarray = shares / shares.sum(1, keepdims=True)
    return straight


def calibrate_probabilities(probabilities: np.ndarray, record: CalibrationRecord | None) -> np.ndarray:
    """Return probabilities (N, K) as a card's calibration brings them nearer to how often they are right."""
    if record is None:
        return probabilities
    if record.isotonic:
        return straighten(probabilities, record.isotonic)
    return temper(probabilities, record.temperature)


def folds_of(images: np.ndarray) -> list[np.ndarray]:
    """Return FOLDS masks (N,) that part rows, all rows of an image, as `images` (N,) numbers them, in one."""
    order = np.random.default_rng(0).permutation(np.unique(images))
    masks = [np.isin(images, order[fold::FOLDS]) for fold in range(FOLDS)]
    return [mask for mask in masks if mask.any()]


def held_out(
    fit: Callable[[np.ndarray, np.ndarray], Callable[[np.ndarray], np.ndarray]],
    probabilities: np.ndarray,
    labels: np.ndarray,
    folds: list[np.ndarray],
) -> np.ndarray:
    """Return probabilities (N, K), each fold's changed by what was fitted to the others.

    All rows of an image are in one fold, so that what is measured on these was not fitted on them.
    """
    changed = np.empty_like(probabilities)
    for fold in folds:
        changed[fold] = fit(probabilities[~fold], labels[~fold])(probabilities[fold])
    return changed


def log_loss(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Return the mean of minus the logarithm of the labels' probabilities."""
    return float(-np.log(np.maximum(probabilities[np.arange(len(labels)), labels], SMALLEST)).mean())


def brier_score(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Return the mean squared distance from the right answer, over all K sources, 0 to 2 (Brier 1950)."""
    right = np.eye(probabilities.shape[1])[labels]
    return float(np.square(probabilities - right).sum(1).mean())


def calibration_error(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Return the expected calibration error of the largest probability, in BINS bins (Guo et al. 2017, equation 3)."""
    return float(
        sum(
            count / len(labels) * abs(sure - right)
            for count, sure, right in reliability(probabilities, labels)
        )
    )


def reliability(probabilities: np.ndarray, labels: np.ndarray) -> list[tuple[int, float, float]]:
    """Return of each bin that has answers how many, their mean largest probability, and the share that is right."""
    sure, right = probabilities.max(1), probabilities.argmax(1) == labels
    bins = np.minimum((sure * BINS).astype(int), BINS - 1)
    return [
        (int(here.sum()), float(sure[here].mean()), float(right[here].mean()))
        for here in (bins == number for number in range(BINS))
        if here.any()
    ]
