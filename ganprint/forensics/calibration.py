"""Probabilities that mean what they say: how far they are from it, and a temperature that brings them nearer."""

import numpy as np

BINS = 15
"""Of equal width, for the calibration error (Guo et al. 2017)."""
FOLDS = 5
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


def held_out(probabilities: np.ndarray, labels: np.ndarray, images: np.ndarray) -> np.ndarray:
    """Return probabilities (N, K), each tempered as the other folds say; `images` (N,) says which image a row is of.

    All rows of an image are in one fold, so that what is measured on these was not fitted on them.
    """
    tempered = np.empty_like(probabilities)
    order = np.random.default_rng(0).permutation(np.unique(images))
    for fold in range(FOLDS):
        here = np.isin(images, order[fold::FOLDS])
        if here.any():
            tempered[here] = temper(probabilities[here], fit_temperature(probabilities[~here], labels[~here]))
    return tempered


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
