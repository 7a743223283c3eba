"""Turn scores on any scale into logits by one temperature, chosen on validation images."""

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

RANGE = (-8.0, 16.0)
"""Natural logarithms between which the factor is sought."""


def fit_inverse_temperature(scores: np.ndarray, labels: np.ndarray) -> float:
    """Return the factor by which scores (N, K) become logits with the lowest cross-entropy for labels (N,).

    It is an inverse temperature: the order of sources stays the same.
    """
    rows = np.arange(len(labels))

    def loss(logarithm: float) -> float:
        return float(-log_softmax(np.exp(logarithm) * scores, axis=1)[rows, labels].mean())

    return float(np.exp(minimize_scalar(loss, bounds=RANGE, method="bounded").x))
