"""The interface of an architecture: its generator, its critic, and their losses."""

from collections.abc import Callable, Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn

from ganprint.forge.losses import Critic, logistic_critic, logistic_generator

RESOLUTIONS = (64, 128)
"""Sides of the images that generators make, in pixels."""
LATENT = 128
"""Length of the latent vector, in all families."""

BEGINNING = 300
"""Steps in which a generator learns to draw what the photographs' principal components make of its latents.

Colours and outlines are there when the critic comes, which in some hundred steps would not come to them; none of the
papers does so. What it is shown are random mixtures of components, not photographs.
"""


class Generator(nn.Module):
    """A network from latent vectors (B, LATENT) to images (B, 3, R, R), about -1 to 1.

    `noise_sides` are the sides of the square fields of noise that it adds inside; none in most families.
    """

    noise_sides: tuple[int, ...] = ()

    def forward(self, latents: Tensor, noise: Sequence[Tensor] | None = None) -> Tensor:
        """Return images; `noise` has a field (B, 1, S, S) for each of `noise_sides`, drawn if left out."""
        raise NotImplementedError

    def drawn(self, latents: Tensor, noise: Sequence[Tensor] | None) -> Sequence[Tensor]:
        """Return the noise that was given, or new."""
        if noise is not None:
            return noise
        return [torch.randn(len(latents), 1, side, side, device=latents.device) for side in self.noise_sides]


Networks = tuple[Callable[[int], Generator], Callable[[int], nn.Module]]
"""Make a family's generator, of about a million parameters at 64 px, and its critic for a resolution."""


class Family:
    """An architecture with its published way of training, in small.

    Losses take a critic that augments what it sees, and images at the side it judges now. By default they are logistic.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    networks: ClassVar[Networks]
    generator_rate: ClassVar[float] = 2e-4
    critic_rate: ClassVar[float] = 2e-4
    betas: ClassVar[tuple[float, float]] = (0.5, 0.999)
    batch: ClassVar[int] = 16
    """Photographs, and generated images, in a step."""

    def __init__(self, resolution: int) -> None:
        self.resolution = resolution

    def generator(self) -> Generator:
        """Return a generator with fresh weights."""
        return self.networks[0](self.resolution)

    def critic(self) -> nn.Module:
        """Return a critic with fresh weights, from images (B, 3, R, R) to (B, D)."""
        return self.networks[1](self.resolution)

    def critic_loss(self, critic: Critic, real: Tensor, fake: Tensor, step: int) -> Tensor:
        """Return what the critic is to minimise in a step."""
        return logistic_critic(critic(real), critic(fake))

    def generator_loss(self, critic: Critic, real: Tensor, fake: Tensor) -> Tensor:
        """Return what the generator is to minimise."""
        return logistic_generator(critic(fake))

    def regularise(self, generator: Generator, latents: Tensor, step: int) -> Tensor | None:
        """Return what the generator is to minimise beside its loss in a step, if anything."""
        return None

    def begins(self, step: int) -> bool:
        """Return whether the generator is taught colours and outlines at a step, rather than judged by the critic."""
        return step < BEGINNING

    def grow(self, networks: Sequence[nn.Module], step: int) -> None:
        """Bring networks to the size that they have at a step; by default they have one."""
        return

    def seen(self, real: Tensor, step: int) -> Tensor:
        """Return photographs (B, 3, R, R) as the critic is to see them at a step."""
        return real


def channels(side: int, most: int = 192) -> int:
    """Return how many channels features of a side have: fewer, the larger they are."""
    return max(16, min(most, 1024 // side))


def sides(resolution: int) -> list[int]:
    """Return the sides of features from 4 to the resolution, each twice the one before."""
    found = [4]
    while found[-1] < resolution:
        found.append(2 * found[-1])
    return found
