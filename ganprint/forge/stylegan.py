"""StyleGAN (Karras et al., CVPR 2019, arXiv 1812.04948): a mapping network, AdaIN, noise, smoothed upsampling."""

from collections.abc import Sequence
from functools import partial
from itertools import pairwise
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from ganprint.forge.family import BEGINNING, LATENT, Family, Generator, Networks, channels, sides
from ganprint.forge.layers import Equalised, MinibatchDeviation, leaky, precise, smooth
from ganprint.forge.losses import Critic, r1_penalty

CALM = 0.2
"""By what fresh styles differ less than in the papers: in some hundred steps wild colours are not unlearned."""
MAPPING = 4
"""Layers of the mapping network (the paper has 8), which learn at a hundredth of the rate."""
BINOMIAL = (1.0, 2.0, 1.0)
"""The filter after upsampling, and before downsampling (section 2 and the public code)."""
R1 = 1.0
"""Twice the weight of the R1 penalty, as papers write it: 10 there, for slopes that are summed over 1024 px."""
LAZY = 8
"""Steps between penalties, each with that times the weight."""


class Mapping(nn.Module):
    """Fully connected layers from normalised latents (B, LATENT) to styles (B, LATENT)."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(Equalised(LATENT, LATENT, rate=0.01) for _ in range(MAPPING))

    def forward(self, latents: Tensor) -> Tensor:
        """Return styles."""
        styles = latents * latents.square().mean(1, keepdim=True).add(1e-8).rsqrt()
        for layer in self.layers:
            styles = leaky(layer(styles))
        return styles


class StyledLayer(nn.Module):
    """Noise, leaky ReLU and adaptive instance normalisation after a convolution (figure 1b)."""

    def __init__(self, inputs: int, outputs: int, *, convolves: bool, doubles: bool) -> None:
        super().__init__()
        self.convolution = Equalised(inputs, outputs, 3) if convolves else None
        self.doubles = doubles
        self.noise = nn.Parameter(torch.zeros(outputs, 1, 1))
        self.style = Equalised(LATENT, 2 * outputs, gain=1.0)
        with torch.no_grad():
            self.style.weight.mul_(CALM)

    def forward(self, features: Tensor, style: Tensor, noise: Tensor) -> Tensor:
        """Map (B, inputs, H, W) to (B, outputs, H or 2 H, ...)."""
        if self.doubles:
            features = functional.interpolate(features, scale_factor=2)
        if self.convolution is not None:
            features = self.convolution(features)
        if self.doubles:
            features = smooth(features, BINOMIAL)
        strength, noise = self.noise.to(features.dtype), noise.to(features.dtype)
        features = leaky(torch.addcmul(features, strength, noise))
        scale, shift = self.style(style)[:, :, None, None].chunk(2, dim=1)
        # Not torch's instance_norm, which takes channels out of their last place in memory.
        centred = features - features.mean((2, 3), keepdim=True)
        deviation = precise(centred.square().mean((2, 3), keepdim=True)).add(1e-5).sqrt()
        return torch.addcmul(shift.to(centred.dtype), centred, ((1 + scale) / deviation).to(centred.dtype))


class StyleGenerator(Generator):
    """A learned constant at 4 by 4, two styled layers at each side, and images from the last."""

    def __init__(self, resolution: int) -> None:
        super().__init__()
        here = sides(resolution)
        widths = [channels(side) for side in here]
        self.mapping = Mapping()
        self.constant = nn.Parameter(torch.ones(1, widths[0], 4, 4))
        self.layers = nn.ModuleList()
        for number, width in enumerate(widths):
            before = widths[max(0, number - 1)]
            self.layers.append(StyledLayer(before, width, convolves=number > 0, doubles=number > 0))
            self.layers.append(StyledLayer(width, width, convolves=True, doubles=False))
        self.image = Equalised(widths[-1], 3, 1, gain=1.0)
        self.noise_sides = tuple(side for side in here for _ in range(2))

    def forward(self, latents: Tensor, noise: Sequence[Tensor] | None = None) -> Tensor:
        """Map (B, LATENT) to (B, 3, R, R)."""
        style = self.mapping(latents)
        features = self.constant.expand(len(latents), -1, -1, -1)
        for layer, field in zip(self.layers, self.drawn(latents, noise), strict=True):
            features = layer(features, style, field)
        images: Tensor = self.image(features)
        return images


class SmoothCritic(nn.Module):
    """Two convolutions at each side with smoothed downsampling, residual if it is wanted, to (B, 1)."""

    def __init__(self, resolution: int, *, residual: bool) -> None:
        super().__init__()
        widths = [channels(side) for side in reversed(sides(resolution))]
        self.first = Equalised(3, widths[0], 1)
        pairs = list(pairwise(widths))
        self.firsts = nn.ModuleList(Equalised(inputs, inputs, 3) for inputs, _ in pairs)
        self.seconds = nn.ModuleList(Equalised(*pair, 3) for pair in pairs)
        self.skips = nn.ModuleList(Equalised(*pair, 1, gain=1.0) for pair in (pairs if residual else []))
        self.deviation = MinibatchDeviation()
        self.last = nn.Sequential(
            *(Equalised(widths[-1] + 1, widths[-1], 3), nn.LeakyReLU(0.2), nn.Flatten()),
            *(Equalised(widths[-1] * 16, widths[-1]), nn.LeakyReLU(0.2)),
            Equalised(widths[-1], 1, gain=1.0),
        )

    def forward(self, images: Tensor) -> Tensor:
        """Map (B, 3, R, R) to (B, 1)."""
        features = leaky(self.first(images))
        for number, (first, second) in enumerate(zip(self.firsts, self.seconds, strict=True)):
            inner = leaky(second(self._halved(leaky(first(features)))))
            if self.skips:
                inner = (inner + self.skips[number](self._halved(features))) * 0.5**0.5
            features = inner
        judged: Tensor = self.last(self.deviation(features))
        return judged.float()

    def _halved(self, features: Tensor) -> Tensor:
        return functional.avg_pool2d(smooth(features, BINOMIAL), 2)


class StyleGAN(Family):
    """Styles and noise at every side, under the logistic loss with R1."""

    name = "stylegan"
    title = "StyleGAN"
    generator_rate = 1e-3
    critic_rate = 1e-3
    betas = (0.0, 0.99)
    batch = 8
    networks: ClassVar[Networks] = StyleGenerator, partial(SmoothCritic, residual=False)

    def begins(self, step: int) -> bool:
        """Return whether a step is among the first, twice as many as elsewhere: the mapping network learns slowly."""
        return step < 2 * BEGINNING

    def critic_loss(self, critic: Critic, real: Tensor, fake: Tensor, step: int) -> Tensor:
        """Return the logistic loss, and every LAZY steps the R1 penalty."""
        loss = super().critic_loss(critic, real, fake, step)
        if step % LAZY == 0:
            loss = loss + R1 / 2 * LAZY * r1_penalty(critic, real)
        return loss
