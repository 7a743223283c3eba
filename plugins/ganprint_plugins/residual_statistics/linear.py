"""Softmax regressions on standardised statistics: weights by group and source, L2, fitted by preconditioned L-BFGS."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, linear

FARTHEST = 5.0
"""Standard deviations at which a statistic is cut off: a single strange one must not decide."""
HISTORY = 10
"""Steps that L-BFGS remembers."""
CURVATURE = 0.2
"""About the second derivative of the loss by a logit: p (1 - p), averaged."""
ROWS_AT_ONCE = 8192


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


def second_moments(scaled: Tensor, weights: Tensor) -> Tensor | None:
    """Return the weighted second moments (F, F) of statistics (N, F), None of fewer rows than statistics."""
    if len(scaled) < scaled.shape[1]:
        return None
    moments = torch.zeros(scaled.shape[1], scaled.shape[1])
    for start in range(0, len(scaled), ROWS_AT_ONCE):
        rows, some = scaled[start : start + ROWS_AT_ONCE], weights[start : start + ROWS_AT_ONCE]
        moments += rows.T @ (rows * some[:, None])
    return moments / len(scaled)


def preconditioner(moments: Tensor, penalty: float) -> Tensor:
    """Return a matrix (F, F) that turns slopes in which the loss is nearly round into slopes on statistics.

    It is the inverse of the Cholesky factor of the loss's Hessian, taken as CURVATURE times the second moments plus the
    penalty. The statistics are strongly correlated, so a fit without it takes many more steps.
    """
    hessian = CURVATURE * moments
    hessian.diagonal().add_(max(penalty, 1e-4))
    factor = torch.linalg.cholesky(hessian)
    inverse: Tensor = torch.linalg.solve_triangular(factor, torch.eye(len(factor)), upper=False)
    return inverse


def principal_directions(scaled: Tensor, moments: Tensor | None, count: int) -> Tensor:
    """Return `count` directions at most, (F, D), in which statistics (N, F) vary most, the first the most.

    Their second moments, where there are, make it quick; of few rows it is quicker without.
    """
    if moments is None:
        found: Tensor = torch.linalg.svd(scaled, full_matrices=False).Vh[:count].T
    else:
        found = torch.linalg.eigh(moments).eigenvectors[:, -count:].flip(1)
    return found.contiguous()


def gated(logits: Tensor, gate: Tensor) -> Tensor:
    """Return logits (N, C) of double ones (N, 2 C): to the first half the other is added, times the gate (N, 1).

    The gate goes from -1/2 to 1/2: two linear models and all between.
    """
    plain, more = logits.chunk(2, dim=1)
    return plain + gate * more


def fit_softmax(
    scaled: Tensor,
    labels: Tensor,
    weights: Tensor,
    classes: int,
    *,
    penalty: float,
    steps: int,
    inverse: Tensor,
    gate: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Return slopes (classes, F) and biases (classes,) of a multinomial logistic regression on statistics (N, F).

    With a `gate` (N,) the slopes are (2 classes, F), whose logits `gated` takes.
    `weights` (N,) of mean 1 weigh the rows; `penalty` / 2 times the sum of squared slopes is added to the mean loss.
    `inverse` (F, F) is a preconditioner; it changes how soon the minimum is reached, not where it is.
    """
    # Classes first: a gradient of few rows is ten times as quick on a CPU as one of few columns.
    round_slope = torch.zeros(classes if gate is None else 2 * classes, len(inverse), requires_grad=True)
    bias = torch.zeros(classes, requires_grad=True)
    optimiser = torch.optim.LBFGS(
        [round_slope, bias], max_iter=steps, history_size=HISTORY, line_search_fn="strong_wolfe"
    )

    def loss() -> Tensor:
        optimiser.zero_grad()
        slope = round_slope @ inverse
        logits = linear(scaled, slope)
        logits = bias + (logits if gate is None else gated(logits, gate[:, None]))
        each = cross_entropy(logits, labels, reduction="none")
        value: Tensor = (weights * each).mean() + penalty / 2 * slope.square().sum()
        torch.autograd.backward(value)
        return value

    optimiser.step(loss)  # type: ignore[no-untyped-call]
    return (round_slope @ inverse).detach(), bias.detach()
