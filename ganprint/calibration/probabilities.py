"""Calibration of probabilities: its error, and temperature and isotonic regression that reduce it."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ganprint.weights import CalibrationRecord, IsotonicCurve

BINS = 15
"""Of equal width, for the calibration error (Guo et al. 2017)."""
FOLDS = 5
LEAST_SHARE = 1e-3
"""That an isotonic line gives: what never happened among few images may happen."""
SMALLEST = 1e-7
"""A probability is not taken to be less, so that one sure mistake is not infinitely bad."""
LEAST_OF_ALL = 1e-30
"""The same where only the order of sure answers hangs on it."""


@dataclass(frozen=True)
class Scaling:
    """Log-probabilities divided by a temperature, and then an offset for real: the order of the generators stays.

    The offset is what balanced sources in training, of which real is one, leave between detection and its odds. With a
    `source_temperature` the temperature divides the log-odds of real, whose order over images then stays, too, and the
    other the logarithms of the generators' shares in the rest.
    """

    temperature: float = 1.0
    real_offset: float = 0.0
    source_temperature: float | None = None

    def __call__(self, probabilities: np.ndarray) -> np.ndarray:
        """Return probabilities (..., K) scaled, of sum 1.

        For one crop and no offset one temperature is that of a softmax (Guo et al., On Calibration of Modern Neural
        Networks, ICML 2017, section 4.2); the mean over several crops is scaled as a whole.
        """
        if self.source_temperature is None:
            logarithms = np.log(np.maximum(probabilities, SMALLEST)) / self.temperature
            logarithms[..., 0] += self.real_offset
            return softmax(logarithms)
        real, rest = np.split(np.maximum(probabilities, LEAST_OF_ALL), [1], axis=-1)
        odds = np.log(real / rest.sum(-1, keepdims=True)) / self.temperature + self.real_offset
        shares = softmax(np.log(rest) / self.source_temperature)
        both = softmax(np.concatenate([odds, np.zeros_like(odds)], -1))
        return np.concatenate([both[..., :1], both[..., 1:] * shares], -1)


def softmax(logarithms: np.ndarray) -> np.ndarray:
    """Return the exponentials of logarithms (..., K), brought to sum 1."""
    powers = np.exp(logarithms - logarithms.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)  # type: ignore[no-any-return]


def fit_scaling(
    probabilities: np.ndarray, labels: np.ndarray, weights: np.ndarray | None = None, *, by_level: bool = False
) -> Scaling:
    """Return the scaling under which labels int (N,), weighted (N,), are most likely, given probabilities (N, K).

    It has a temperature of its own for the generators where they are scaled `by_level`.
    """
    # Here, as attributing needs none of it.
    from scipy.optimize import minimize

    def scaling(values: np.ndarray) -> Scaling:
        return Scaling(np.exp(values[0]).item(), values[1].item(), *np.exp(values[2:]).tolist())

    def loss(values: np.ndarray) -> float:
        return log_loss(scaling(values)(probabilities), labels, weights)

    bounds = [(-3, 3), (-10, 10), (-3, 3)][: 2 + by_level]
    return scaling(minimize(loss, np.zeros(len(bounds)), method="L-BFGS-B", bounds=bounds).x)


def fit_isotonic(
    probabilities: np.ndarray, labels: np.ndarray, weights: np.ndarray | None = None
) -> list[IsotonicCurve]:
    """Return for each source an isotonic regression from its probability to how often it is right.

    Zadrozny and Elkan (KDD 2002); `weights` (N,) weigh the rows, all alike by default.
    """
    from sklearn.isotonic import IsotonicRegression

    curves = []
    for source in range(probabilities.shape[1]):
        line = IsotonicRegression(y_min=LEAST_SHARE, y_max=1 - LEAST_SHARE)
        # Rounded as they are written: two places that become one there would be no line.
        places = probabilities[:, source].astype(np.float64).round(6)
        line.fit(places, labels == source, sample_weight=weights)
        corners = zip(line.X_thresholds_.tolist(), line.y_thresholds_.tolist(), strict=True)
        curves.append(tuple((round(x, 6), round(y, 6)) for x, y in corners))
    return curves


def apply_isotonic(probabilities: np.ndarray, curves: list[IsotonicCurve]) -> np.ndarray:
    """Return probabilities (N, K), mapped by each source's isotonic regression and normalised to sum 1."""
    columns = [np.interp(column, *np.transpose(line)) for column, line in zip(probabilities.T, curves, strict=True)]
    shares = np.stack(columns, axis=1)
    return shares / shares.sum(1, keepdims=True)  # type: ignore[no-any-return]


def calibrate_probabilities(probabilities: np.ndarray, record: CalibrationRecord | None) -> np.ndarray:
    """Return probabilities (N, K) as a card's calibration brings them nearer to how often they are right."""
    if record is None:
        return probabilities
    if record.isotonic:
        return apply_isotonic(probabilities, record.isotonic)
    return Scaling(record.temperature, record.real_offset, record.source_temperature)(probabilities)


def folds_of(units: np.ndarray) -> list[np.ndarray]:
    """Return FOLDS masks (N,) that part rows, all rows of a group (or image), as `units` (N,) names them, in one."""
    order = np.random.default_rng(0).permutation(np.unique(units))
    masks = [np.isin(units, order[fold::FOLDS]) for fold in range(FOLDS)]
    return [mask for mask in masks if mask.any()]


def vote_parts(labels: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Return into how many equal parts (N,) the vote of a row's label is divided, by its groups and then their rows."""
    parts = np.empty(len(labels), np.int64)
    for label in np.unique(labels):
        here = np.flatnonzero(labels == label)
        _, places, counts = np.unique(groups[here], return_inverse=True, return_counts=True)
        parts[here] = len(counts) * counts[places]
    return parts


def even_weights(labels: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Return weights (N,) of mean 1: photographs weigh as much as generated images, and groups in a source the same.

    Images of sources that are not known, of label -1, are those of one more generator.
    """
    share = np.where(labels == 0, 1 / 2, 1 / (2 * max((np.unique(labels) != 0).sum(), 1)))
    weights = share / vote_parts(labels, groups)
    return weights / weights.mean()  # type: ignore[no-any-return]


Fit = Callable[[np.ndarray, np.ndarray, np.ndarray], Callable[[np.ndarray], np.ndarray]]
"""From probabilities (N, K), labels (N,) and weights (N,) to what changes probabilities."""


def held_out(
    fit: Fit, probabilities: np.ndarray, labels: np.ndarray, weights: np.ndarray, folds: list[np.ndarray]
) -> np.ndarray:
    """Return probabilities (N, K), each fold's changed by what was fitted to the others."""
    changed = np.empty_like(probabilities)
    for fold in folds:
        changed[fold] = fit(probabilities[~fold], labels[~fold], weights[~fold])(probabilities[fold])
    return changed


def log_loss(probabilities: np.ndarray, labels: np.ndarray, weights: np.ndarray | None = None) -> float:
    """Return the mean, weighted (N,) or plain, of minus the logarithm of the labels' probabilities."""
    losses = -np.log(np.maximum(probabilities[np.arange(len(labels)), labels], SMALLEST))
    return float(np.average(losses, weights=weights))


def brier_score(probabilities: np.ndarray, labels: np.ndarray, weights: np.ndarray | None = None) -> float:
    """Return the mean squared distance from the right answer, over all K sources, 0 to 2 (Brier 1950)."""
    right = np.eye(probabilities.shape[1])[labels]
    return float(np.average(np.square(probabilities - right).sum(1), weights=weights))


def calibration_error(probabilities: np.ndarray, labels: np.ndarray, weights: np.ndarray | None = None) -> float:
    """Return the expected calibration error of the largest probability, in BINS bins (Guo et al. 2017, equation 3)."""
    weights = np.ones(len(labels)) if weights is None else weights
    sure, right = probabilities.max(1), probabilities.argmax(1) == labels
    bins = np.minimum((sure * BINS).astype(int), BINS - 1)
    apart = np.bincount(bins, weights * (right - sure), minlength=BINS)
    return float(np.abs(apart).sum() / weights.sum())


def reliability(
    probabilities: np.ndarray, labels: np.ndarray, weights: np.ndarray | None = None
) -> list[tuple[int, float, float]]:
    """Return of each bin that has answers how many, their mean largest probability, and the share that is right."""
    weights = np.ones(len(labels)) if weights is None else weights
    sure, right = probabilities.max(1), probabilities.argmax(1) == labels
    bins = np.minimum((sure * BINS).astype(int), BINS - 1)

    def mean(values: np.ndarray, here: np.ndarray) -> float:
        return float(np.average(values[here], weights=weights[here]))

    return [
        (int(here.sum()), mean(sure, here), mean(right, here))
        for here in (bins == number for number in range(BINS))
        if here.any()
    ]
