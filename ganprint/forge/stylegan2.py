"""StyleGAN2 (Karras et al., CVPR 2020, arXiv 1912.04958): modulated convolutions, skip outputs, lazy regularisation."""

from collections.abc import Sequence
from functools import partial
from itertools import pairwise

import torch
from torch import Tensor, nn

from ganprint.forge.family import LATENT, Generator, channels, sides
from ganprint.forge.layers import Equalised, enlarge, leaky, precise
from ganprint.forge.stylegan import CALM, Mapping, SmoothCritic, StyleGAN

PATH_EVERY = 4
"""Steps between penalties on path lengths."""
PATH = 2.0
"""Weight of that penalty (appendix B)."""


class ModulatedConvolution(nn.Module):
    """A convolution whose input channels are scaled by the style, and its outputs brought back to deviation 1.

    Scaling weights, as the paper writes it (equations 1 to 3), is scaling inputs and outputs.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int, *, demodulates: bool = True) -> None:
        super().__init__()
        self.style = Equalised(LATENT, inputs, gain=1.0)
        nn.init.ones_(self.style.bias)
        with torch.no_grad():
            self.style.weight.mul_(CALM)
        self.convolution = Equalised(inputs, outputs, kernel, gain=1.0)
        self.demodulates = demodulates

    def forward(self, features: Tensor, style: Tensor) -> Tensor:
        """Map (B, inputs, H, W) to (B, outputs, H, W)."""
        scale = self.style(style)
        weight = self.convolution.weight * self.convolution.scale
        made = nn.functional.conv2d(
            features * scale[:, :, None, None].to(features.dtype), weight, padding=weight.shape[-1] // 2
        )
        if self.demodulates:
            power = precise(scale).square() @ precise(weight).square().sum((2, 3)).T
            made = made * power.add(1e-8).rsqrt()[:, :, None, None].to(made.dtype)
        return made + self.convolution.bias[:, None, None].to(made.dtype)


class SkipGenerator(Generator):
    """A learned constant at 4 by 4, modulated convolutions, and an image that each side adds to."""

    def __init__(self, resolution: int) -> None:
        super().__init__()
        here = sides(resolution)
        widths = [channels(side) for side in here]
        self.mapping = Mapping()
        self.constant = nn.Parameter(torch.randn(1, widths[0], 4, 4))
        self.firsts = nn.ModuleList(ModulatedConvolution(i, o, 3) for i, o in pairwise(widths))
        self.seconds = nn.ModuleList(ModulatedConvolution(width, width, 3) for width in widths)
        self.images = nn.ModuleList(ModulatedConvolution(width, 3, 1, demodulates=False) for width in widths)
        self.noise_sides = (4, *(side for side in here[1:] for _ in range(2)))
        self.noise = nn.Parameter(torch.zeros(len(self.noise_sides)))

    def forward(self, latents: Tensor, noise: Sequence[Tensor] | None = None) -> Tensor:
        """Map (B, LATENT) to (B, 3, R, R)."""
        return self.synthesise(self.mapping(latents), self.drawn(latents, noise))

    def synthesise(self, style: Tensor, noise: Sequence[Tensor]) -> Tensor:
        """Map styles (B, LATENT) and noise to images (B, 3, R, R)."""
        fields = [strength * field for strength, field in zip(self.noise, noise, strict=True)]
        features = self.constant.expand(len(style), -1, -1, -1)
        features = self._noisy(self.seconds[0](features, style), fields[0])
        images: Tensor = self.images[0](features, style)
        for number, first in enumerate(self.firsts):
            features = self._noisy(first(enlarge(features), style), fields[2 * number + 1])
            features = self._noisy(self.seconds[number + 1](features, style), fields[2 * number + 2])
            images = enlarge(images) + self.images[number + 1](features, style)
        return images

    def _noisy(self, features: Tensor, field: Tensor) -> Tensor:
        return leaky(features + field.to(features.dtype)) * 2**0.5


class StyleGAN2(StyleGAN):
    """StyleGAN's losses on another generator and a residual critic, with a penalty on path lengths."""

    name = "stylegan2"
    title = "StyleGAN2"
    generator_rate = 2e-3
    critic_rate = 2e-3
    networks = SkipGenerator, partial(SmoothCritic, residual=True)

    def regularise(self, generator: Generator, latents: Tensor, step: int) -> Tensor | None:
        """Return, every PATH_EVERY steps, how unevenly images change with the style (section 3.2).

        The length that all are brought to is the batch's mean, not one over many batches as published.
        """
        if step % PATH_EVERY or not isinstance(generator, SkipGenerator):
            return None
        style = generator.mapping(latents)
        images = generator.synthesise(style, generator.drawn(latents, None))
        side = images.shape[-1]
        (slope,) = torch.autograd.grad((images * torch.randn_like(images) / side).sum(), style, create_graph=True)
        lengths = slope.square().sum(1).add(1e-8).sqrt()
        penalty: Tensor = (lengths - lengths.mean().detach()).square().mean()
        return PATH * PATH_EVERY * penalty
