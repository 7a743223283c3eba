"""The losses of the families, and the penalties on their critics."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

Critic = Callable[[Tensor], Tensor]


def logistic_critic(real: Tensor, fake: Tensor) -> Tensor:
    """Return the logistic loss of judgements (B, 1) (Goodfellow et al. 2014)."""
    return functional.softplus(-real).mean() + functional.softplus(fake).mean()


def logistic_generator(fake: Tensor) -> Tensor:
    """Return the non-saturating loss (Goodfellow et al. 2014)."""
    return functional.softplus(-fake).mean()


def hinge_critic(real: Tensor, fake: Tensor) -> Tensor:
    """Return the hinge loss of judgements (B, 1) (Miyato et al. 2018, equation 16)."""
    return functional.relu(1 - real).mean() + functional.relu(1 + fake).mean()


def slope_penalty(witness: Critic, real: Tensor, fake: Tensor) -> Tensor:
    """Return how far the witness's slope is from 1, squared, between real and fake (Gulrajani et al. 2017).

    `witness` maps images to a value for each.
    """
    share = torch.rand(len(real), 1, 1, 1, device=real.device)
    between = (share * real + (1 - share) * fake).detach().requires_grad_()
    (slope,) = torch.autograd.grad(witness(between).sum(), between, create_graph=True)
    penalty: Tensor = (slope.flatten(1).norm(dim=1) - 1).square().mean()
    return penalty


def r1_penalty(critic: Critic, real: Tensor) -> Tensor:
    """Return the squared slope of the critic at photographs (Mescheder et al. 2018, R1)."""
    real = real.detach().requires_grad_()
    (slope,) = torch.autograd.grad(critic(real).sum(), real, create_graph=True)
    return slope.square().sum((1, 2, 3)).mean()
