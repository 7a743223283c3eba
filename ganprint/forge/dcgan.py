"""DCGAN (Radford et al., ICLR 2016, arXiv 1511.06434): transposed convolutions of 4 by 4 and batch normalisation."""

from collections.abc import Sequence
from functools import partial
from itertools import pairwise

from torch import Tensor, nn

from ganprint.forge.family import LATENT, Family, Generator, channels, sides
from ganprint.forge.layers import SLOPE


class TransposedGenerator(Generator):
    """Transposed convolutions with batch normalisation and ReLU, then tanh.

    A kernel of 4 meets every pixel equally often; one of 5 does not, which leaves a checkerboard.
    """

    def __init__(self, resolution: int, kernel: int, most: int) -> None:
        super().__init__()
        here = sides(resolution)
        widths = [channels(side, most) for side in here]
        self.first = nn.Sequential(
            nn.ConvTranspose2d(LATENT, widths[0], 4, bias=False), nn.BatchNorm2d(widths[0]), nn.ReLU(True)
        )
        layers: list[nn.Module] = []
        for inputs, outputs in pairwise(widths[:-1]):
            layers += [_double(inputs, outputs, kernel, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(True)]
        self.layers = nn.Sequential(*layers, _double(widths[-2], 3, kernel, bias=True), nn.Tanh())
        self.apply(draw_normal)

    def forward(self, latents: Tensor, noise: Sequence[Tensor] | None = None) -> Tensor:
        """Map (B, LATENT) to (B, 3, R, R)."""
        images: Tensor = self.layers(self.first(latents[:, :, None, None]))
        return images


class StridedCritic(nn.Module):
    """Strided convolutions with leaky ReLU, and batch normalisation if it is wanted, to (B, outputs)."""

    def __init__(self, resolution: int, kernel: int, outputs: int, *, normalised: bool) -> None:
        super().__init__()
        widths = [3, *(channels(side) for side in reversed(sides(resolution)[:-1]))]
        layers: list[nn.Module] = []
        for number, (inputs, here) in enumerate(pairwise(widths)):
            layers.append(nn.Conv2d(inputs, here, kernel, 2, (kernel - 1) // 2))
            if normalised and number:
                layers.append(nn.BatchNorm2d(here))
            layers.append(nn.LeakyReLU(SLOPE, True))
        self.layers = nn.Sequential(*layers, nn.Conv2d(widths[-1], outputs, 4), nn.Flatten())
        self.apply(draw_normal)

    def forward(self, images: Tensor) -> Tensor:
        """Map (B, 3, R, R) to (B, outputs)."""
        judged: Tensor = self.layers(images)
        return judged.float()


def draw_normal(module: nn.Module) -> None:
    """Draw weights with deviation 0.02 (Radford et al. 2016, section 4)."""
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(module.weight, 0, 0.02)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1, 0.02)


def _double(inputs: int, outputs: int, kernel: int, *, bias: bool) -> nn.Module:
    padding, rest = (kernel - 1) // 2, kernel % 2
    return nn.ConvTranspose2d(inputs, outputs, kernel, 2, padding, rest, bias=bias)


class DCGAN(Family):
    """Transposed convolutions against strided ones, under the logistic loss."""

    name = "dcgan"
    title = "DCGAN"
    networks = (
        partial(TransposedGenerator, kernel=4, most=192),
        partial(StridedCritic, kernel=4, outputs=1, normalised=True),
    )
