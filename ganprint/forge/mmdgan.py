"""MMD GAN (Binkowski et al., ICLR 2018, arXiv 1801.01401): the maximum mean discrepancy of a critic's features."""

from functools import partial

import torch
from torch import Tensor

from ganprint.forge.cramergan import CramerGAN
from ganprint.forge.dcgan import StridedCritic
from ganprint.forge.losses import Critic, slope_penalty

SHAPES = (0.2, 0.5, 1.0, 2.0, 5.0)
"""Of the mixture of rational quadratic kernels (section 2.1)."""
PENALTY = 1.0
"""Weight of the slope penalty on the witness (section 4)."""


class MMDGAN(CramerGAN):
    """Cramér GAN's networks under another distance: the paper compares the two on the same ones, too."""

    name = "mmdgan"
    title = "MMD GAN"
    # A critic of 16 features, as in section 4.
    networks = CramerGAN.networks[0], partial(StridedCritic, kernel=5, outputs=16, normalised=False)

    def critic_loss(self, critic: Critic, real: Tensor, fake: Tensor, step: int) -> Tensor:
        """Return minus the discrepancy, and the slope penalty on its witness function."""
        photographs, made = critic(real), critic(fake)

        def witness(images: Tensor) -> Tensor:
            features = critic(images)
            return _kernel(features, photographs).mean(1) - _kernel(features, made).mean(1)

        return PENALTY * slope_penalty(witness, real, fake) - discrepancy(photographs, made)

    def generator_loss(self, critic: Critic, real: Tensor, fake: Tensor) -> Tensor:
        """Return the discrepancy of the critic's features."""
        return discrepancy(critic(real), critic(fake))


def discrepancy(one: Tensor, other: Tensor) -> Tensor:
    """Return the unbiased squared maximum mean discrepancy of features (B, D) (Gretton et al. 2012, equation 3)."""
    count = len(one)
    within = sum(
        (kernel.sum() - kernel.diagonal().sum()) / (count * (count - 1))
        for kernel in (_kernel(one, one), _kernel(other, other))
    )
    return within - 2 * _kernel(one, other).mean()


def _kernel(one: Tensor, other: Tensor) -> Tensor:
    """Return the sum of rational quadratic kernels and the linear one, (B, B'), the critic's kernel rq*."""
    # In full precision: differences of products would feel bf16's eight bits.
    with torch.autocast(one.device.type, enabled=False):
        products = one @ other.T
    squares = one.square().sum(1)[:, None] + other.square().sum(1)[None] - 2 * products
    rational = torch.stack([(1 + squares.clamp(min=0) / (2 * shape)) ** -shape for shape in SHAPES]).sum(0)
    return rational + products
