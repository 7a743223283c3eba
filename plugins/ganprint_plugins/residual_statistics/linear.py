"""A linear model on standardised statistics: weights by group and source, L2, fitted by L-BFGS."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

FARTHEST = 5.0
"""Standard deviations at which a statistic is cut off: a single strange one must not decide."""
HISTORY = 10
"""Steps that L-BFGS remembers."""


@dataclass(frozen=True)
class Scaling:
    """Mean and standard deviation of each statistic over the training crops, float32 (F,)."""

    mean: Tensor
    deviation: Tensor

    @classmethod
    def of(cls, statistics: Tensor) -> "Scaling":
        """Measure statistics (N, F)."""
        wide = statistics.double()
        return cls(wide.mean(0).float(), (wide.std(0, correction=0) + 1e-6).float())

    def apply(self, statistics: Tensor) -> Tensor:
        """Return statistics (N, F) in standard deviations from the mean, cut off at FARTHEST."""
        return ((statistics - self.mean) / self.deviation).clamp(-FARTHEST, FARTHEST)


def row_weights(groups: np.ndarray, labels: np.ndarray, weights: np.ndarray, balance: float) -> Tensor:
    """Return the weights of rows, float32 (N,) of mean 1, from their own (N,): large groups and classes count less.

    A group, and then a class, whose rows weigh w in all comes to weigh w to the power 1 - `balance`: with 1 all groups
    of a class, and all classes, weigh the same, with 0 the rows keep their own weights.
    """
    _, places = np.unique(groups, return_inverse=True)
    found = weights * np.bincount(places, weights)[places] ** -balance
    for label in np.unique(labels):
        found[labels == label] /= found[labels == label].sum() ** balance
    return torch.from_numpy(found / found.mean()).float()


def fit_softmax(
    scaled: Tensor, labels: Tensor, weights: Tensor, classes: int, *, penalty: float, steps: int
) -> tuple[Tensor, Tensor]:
    """Return weights (classes, F) and biases (classes,) of a multinomial logistic regression on statistics (N, F).

    `weights` (N,) of mean 1 weigh the rows; `penalty` / 2 times the sum of squared weights is added to the mean loss.
    """
    slope = torch.zeros(scaled.shape[1], classes, requires_grad=True)
    bias = torch.zeros(classes, requires_grad=True)
    optimiser = torch.optim.LBFGS(
        [slope, bias], max_iter=steps, history_size=HISTORY, line_search_fn="strong_wolfe"
    )

    def loss() -> Tensor:
        optimiser.zero_grad()
        each = cross_entropy(scaled @ slope + bias, labels, reduction="none")
        value: Tensor = (weights * each).mean() + penalty / 2 * slope.square().sum()
        torch.autograd.backward(value)
        return value

    optimiser.step(loss)  # type: ignore[no-untyped-call]
    return slope.detach().T.contiguous(), bias.detach()
