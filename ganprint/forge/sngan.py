"""SNGAN (Miyato et al., ICLR 2018, arXiv 1802.05957): residual blocks, spectral normalisation, hinge loss."""

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.parametrizations import spectral_norm

from ganprint.forge.family import LATENT, Family, Generator, channels, sides
from ganprint.forge.losses import Critic, hinge_critic


class GrowingBlock(nn.Module):
    """A residual block that doubles the side by repeating pixels."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.BatchNorm2d(inputs), nn.BatchNorm2d(outputs)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1)
        self.skip = nn.Conv2d(inputs, outputs, 1)

    def forward(self, features: Tensor) -> Tensor:
        """Map (B, inputs, H, W) to (B, outputs, 2 H, 2 W)."""
        inner = self.conv1(functional.interpolate(functional.relu(self.norm1(features)), scale_factor=2))
        inner = self.conv2(functional.relu(self.norm2(inner)))
        skipped: Tensor = functional.interpolate(self.skip(features), scale_factor=2)
        grown: Tensor = skipped + inner
        return grown


class ShrinkingBlock(nn.Module):
    """A residual block under spectral normalisation that halves the side by averaging."""

    def __init__(self, inputs: int, outputs: int, *, first: bool) -> None:
        super().__init__()
        self.first = first
        self.conv1 = spectral_norm(nn.Conv2d(inputs, outputs, 3, padding=1))
        self.conv2 = spectral_norm(nn.Conv2d(outputs, outputs, 3, padding=1))
        self.skip = spectral_norm(nn.Conv2d(inputs, outputs, 1))

    def forward(self, features: Tensor) -> Tensor:
        """Map (B, inputs, H, W) to (B, outputs, H / 2, W / 2)."""
        inner = self.conv1(features if self.first else functional.relu(features))
        inner = self.conv2(functional.relu(inner))
        shrunk: Tensor = functional.avg_pool2d(inner, 2) + self.skip(functional.avg_pool2d(features, 2))
        return shrunk


class ResidualGenerator(Generator):
    """Residual blocks from 4 by 4 on, then batch normalisation, ReLU, a convolution and tanh."""

    def __init__(self, resolution: int) -> None:
        super().__init__()
        widths = [channels(side) for side in sides(resolution)]
        self.first = nn.Linear(LATENT, widths[0] * 16)
        self.blocks = nn.Sequential(*(GrowingBlock(*pair) for pair in pairwise(widths)))
        self.last = nn.Sequential(
            nn.BatchNorm2d(widths[-1]), nn.ReLU(True), nn.Conv2d(widths[-1], 3, 3, padding=1), nn.Tanh()
        )

    def forward(self, latents: Tensor, noise: Sequence[Tensor] | None = None) -> Tensor:
        """Map (B, LATENT) to (B, 3, R, R)."""
        images: Tensor = self.last(self.blocks(self.first(latents).view(len(latents), -1, 4, 4)))
        return images


class SpectralCritic(nn.Module):
    """Residual blocks under spectral normalisation, summed over places, to (B, 1)."""

    def __init__(self, resolution: int) -> None:
        super().__init__()
        widths = [3, *(channels(side) for side in reversed(sides(resolution)[:-1]))]
        blocks = (ShrinkingBlock(*pair, first=number == 0) for number, pair in enumerate(pairwise(widths)))
        self.blocks = nn.Sequential(*blocks)
        self.last = spectral_norm(nn.Linear(widths[-1], 1))

    def forward(self, images: Tensor) -> Tensor:
        """Map (B, 3, R, R) to (B, 1)."""
        judged: Tensor = self.last(functional.relu(self.blocks(images)).sum((2, 3)))
        return judged.float()


class SNGAN(Family):
    """Residual networks under the hinge loss, the critic's layers bounded by their spectral norms."""

    name = "sngan"
    title = "SNGAN"
    betas = (0.0, 0.9)
    batch = 8
    # The paper has five critic steps; with one, twice the critic's rate comes near it (Heusel et al. 2017).
    critic_rate = 4e-4
    networks = ResidualGenerator, SpectralCritic

    def critic_loss(self, critic: Critic, real: Tensor, fake: Tensor, step: int) -> Tensor:
        """Return the hinge loss."""
        return hinge_critic(critic(real), critic(fake))

    def generator_loss(self, critic: Critic, real: Tensor, fake: Tensor) -> Tensor:
        """Return minus the judgement of fakes."""
        return -critic(fake).mean()
