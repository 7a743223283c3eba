"""Cramér GAN (Bellemare et al. 2017, arXiv 1705.10743): the energy distance of a critic's features."""

from functools import partial

from torch import Tensor

from ganprint.forge.dcgan import StridedCritic, TransposedGenerator
from ganprint.forge.family import Family
from ganprint.forge.losses import Critic, slope_penalty

PENALTY = 10.0
"""Weight of the slope penalty (algorithm 1)."""


class CramerGAN(Family):
    """The generator that MMD GAN has, too: transposed convolutions of 5 by 5."""

    name = "cramergan"
    title = "Cramér GAN"
    betas = (0.5, 0.9)
    # The paper's critic has 256 features.
    networks = (
        partial(TransposedGenerator, kernel=5, most=160),
        partial(StridedCritic, kernel=5, outputs=64, normalised=False),
    )

    def critic_loss(self, critic: Critic, real: Tensor, fake: Tensor, step: int) -> Tensor:
        """Return minus the surrogate of the energy distance, and the slope penalty on its witness (algorithm 1)."""
        one, other = fake.chunk(2)
        # As many of each, for the penalty lies between them; the rest is another step's.
        photographs = real[: len(one)]
        anchor = critic(other)

        def witness(images: Tensor) -> Tensor:
            features = critic(images)
            norms: Tensor = features.norm(dim=1)
            return _distance(features, anchor) - norms

        distance = witness(photographs).mean() - witness(one).mean()
        return PENALTY * slope_penalty(witness, photographs, one) - distance

    def generator_loss(self, critic: Critic, real: Tensor, fake: Tensor) -> Tensor:
        """Return the energy distance of the critic's features, with two independent fakes to a photograph."""
        one, other = critic(fake).chunk(2)
        photographs = critic(real[: len(one)])
        across = _distance(photographs, one) + _distance(photographs, other)
        return (across - _distance(one, other)).mean()


def _distance(one: Tensor, other: Tensor) -> Tensor:
    return (one - other).square().sum(1).add(1e-8).sqrt()
