"""Progressive growing (Karras et al., ICLR 2018, arXiv 1710.10196): pixel norm, equalised learning rate, WGAN-GP."""

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from ganprint.forge.family import LATENT, Family, Generator, channels, sides
from ganprint.forge.layers import Equalised, MinibatchDeviation, leaky, precise
from ganprint.forge.losses import Critic, slope_penalty

STAGE_STEPS = 300
"""Steps for which a side is trained, the first half of them while it fades in."""
PENALTY, DRIFT = 10.0, 1e-3
"""Weights of the slope penalty and of the judgements' squares (appendix A.1)."""


class PixelNorm(nn.Module):
    """Brings each pixel's features to unit mean square (section 4.2)."""

    def forward(self, features: Tensor) -> Tensor:
        """Return features of the same shape."""
        return features * precise(features).square().mean(1, keepdim=True).add(1e-8).rsqrt().to(features.dtype)


class GrowingGenerator(Generator):
    """Two convolutions at each side, repeated pixels between; images from the side reached, fading in.

    `reached` is a number of doublings from 4: 2.25 is a side of 32 that counts a quarter.
    """

    reached: Tensor

    def __init__(self, resolution: int) -> None:
        super().__init__()
        widths = [channels(side) for side in sides(resolution)]
        self.norm = PixelNorm()
        self.first = Equalised(LATENT, widths[0] * 16, gain=2**0.5 / 4)
        self.firsts = nn.ModuleList(Equalised(i, o, 3) for i, o in pairwise(widths))
        self.seconds = nn.ModuleList(Equalised(width, width, 3) for width in widths)
        self.images = nn.ModuleList(Equalised(width, 3, 1, gain=1.0) for width in widths)
        self.register_buffer("reached", torch.tensor(float(len(widths) - 1)))

    def forward(self, latents: Tensor, noise: Sequence[Tensor] | None = None) -> Tensor:
        """Map (B, LATENT) to (B, 3, S, S), S being the side reached."""
        features = self.norm(leaky(self.first(self.norm(latents)).view(len(latents), -1, 4, 4)))
        reached = float(self.reached)
        last = math.ceil(reached)
        for number in range(last + 1):
            before = features
            if number:
                features = functional.interpolate(features, scale_factor=2)
                features = self.norm(leaky(self.firsts[number - 1](features)))
            features = self.norm(leaky(self.seconds[number](features)))
        images: Tensor = self.images[last](features)
        share = reached - (last - 1)
        if last and share < 1:
            small = functional.interpolate(self.images[last - 1](before), scale_factor=2)
            images = share * images + (1 - share) * small
        return images


class GrowingCritic(nn.Module):
    """The generator's mirror image, with the deviation over the batch at 4 by 4, to (B, 1)."""

    reached: Tensor

    def __init__(self, resolution: int) -> None:
        super().__init__()
        widths = [channels(side) for side in sides(resolution)]
        self.images = nn.ModuleList(Equalised(3, width, 1) for width in widths)
        self.firsts = nn.ModuleList(Equalised(width, width, 3) for width in widths[1:])
        self.seconds = nn.ModuleList(Equalised(o, i, 3) for i, o in pairwise(widths))
        self.deviation = MinibatchDeviation()
        self.last = nn.ModuleList([Equalised(widths[0] + 1, widths[0], 3), Equalised(widths[0] * 16, 1, gain=1.0)])
        self.register_buffer("reached", torch.tensor(float(len(widths) - 1)))

    def forward(self, images: Tensor) -> Tensor:
        """Map (B, 3, S, S), S being the side reached, to (B, 1)."""
        reached = float(self.reached)
        last = math.ceil(reached)
        share = reached - (last - 1)
        features = leaky(self.images[last](images))
        for number in range(last - 1, -1, -1):
            features = leaky(self.seconds[number](leaky(self.firsts[number](features))))
            features = functional.avg_pool2d(features, 2)
            if number == last - 1 and share < 1:
                small = leaky(self.images[number](functional.avg_pool2d(images, 2)))
                features = share * features + (1 - share) * small
        features = leaky(self.last[0](self.deviation(features)))
        judged: Tensor = self.last[1](features.flatten(1))
        return judged.float()


class ProGAN(Family):
    """Networks that grow from 8 by 8 on, under the Wasserstein loss with its slope penalty."""

    name = "progan"
    title = "ProGAN"
    generator_rate = 1e-3
    critic_rate = 1e-3
    betas = (0.0, 0.99)
    batch = 8
    networks = GrowingGenerator, GrowingCritic

    def reached(self, step: int) -> float:
        """Return the doublings from 4 at a step: a side fades in over half of its steps."""
        stage, into = divmod(step, STAGE_STEPS)
        fading = min(1.0, (into + 1) / (STAGE_STEPS // 2)) if stage else 1.0
        return min(stage + fading, float(len(sides(self.resolution)) - 1))

    def begins(self, step: int) -> bool:
        """Return whether a side fades in, or the first is new."""
        stage, into = divmod(step, STAGE_STEPS)
        return stage < len(sides(self.resolution)) - 1 and into < STAGE_STEPS // 2

    def grow(self, networks: Sequence[nn.Module], step: int) -> None:
        """Bring the networks to the side of a step."""
        for network in networks:
            network.get_buffer("reached").fill_(self.reached(step))

    def seen(self, real: Tensor, step: int) -> Tensor:
        """Return photographs at the side of a step, as blurred as the images that fade in."""
        reached = self.reached(step)
        last = math.ceil(reached)
        share = reached - (last - 1)
        side = 4 * 2**last
        real = functional.avg_pool2d(real, real.shape[-1] // side)
        if share < 1:
            small = functional.interpolate(functional.avg_pool2d(real, 2), scale_factor=2)
            real = share * real + (1 - share) * small
        return real

    def critic_loss(self, critic: Critic, real: Tensor, fake: Tensor, step: int) -> Tensor:
        """Return the Wasserstein loss with slope penalty and drift (appendix A.1)."""
        of_real, of_fake = critic(real), critic(fake)
        penalty = slope_penalty(critic, real, fake)
        drift: Tensor = torch.square(of_real).mean()
        return of_fake.mean() - of_real.mean() + PENALTY * penalty + DRIFT * drift

    def generator_loss(self, critic: Critic, real: Tensor, fake: Tensor) -> Tensor:
        """Return minus the judgement of fakes."""
        return -critic(fake).mean()
