"""Noise: gaussian, shot, impulse and speckle, independent for every pixel and channel.

Images are float32 (n, 3, H, W) in 0..255, results may leave that range; constants are ImageNet-C's
(Hendrycks and Dietterich 2019), which states them for images in 0..1.
"""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from ganprint.perturb.stream import Stream, normal_fields, per_image, uniform_fields

GAUSSIAN = (0.08, 0.12, 0.18, 0.26, 0.38)
"""Standard deviation, of 1."""
SHOT = (60, 25, 12, 5, 3)
"""Photons that a full-scale pixel stands for."""
IMPULSE = (0.03, 0.06, 0.09, 0.17, 0.27)
"""Share of the values replaced, half by white and half by black."""
SPECKLE = (0.15, 0.2, 0.35, 0.45, 0.6)
"""Standard deviation, of the pixel's value."""

COUNTS = 128
"""Photon counts told apart; a Poisson variable of mean 60 exceeds 127 once in 10^14."""


def gaussian_noise(images: Tensor, severities: Sequence[int], streams: Sequence[Stream]) -> Tensor:
    """Add normal noise."""
    noise = normal_fields(streams, *images.shape[1:])
    return noise.mul_(per_image(GAUSSIAN, severities, images).mul_(255)).add_(images)


def speckle_noise(images: Tensor, severities: Sequence[int], streams: Sequence[Stream]) -> Tensor:
    """Add normal noise in proportion to the value."""
    noise = normal_fields(streams, *images.shape[1:])
    return noise.mul_(per_image(SPECKLE, severities, images)).add_(1).mul(images)


def impulse_noise(images: Tensor, severities: Sequence[int], streams: Sequence[Stream]) -> Tensor:
    """Replace a share of the values by white or black."""
    draws = uniform_fields(streams, *images.shape[1:])
    share = per_image(IMPULSE, severities, images)
    extremes = torch.where(draws < share / 2, 255.0, 0.0)
    return torch.where(draws < share, extremes, images)


def shot_noise(images: Tensor, severities: Sequence[int], streams: Sequence[Stream]) -> Tensor:
    """Replace each value by a Poisson count of that mean, scaled back.

    Drawn by Walker's alias method from one table per severity, one row for each of 256 levels: exact for
    8-bit images and several times faster than a general Poisson sampler. Carries no gradient.
    """
    draws = uniform_fields(streams, *images.shape[1:]).mul_(COUNTS)
    rows = images.detach().round().clamp_(0, 255).long().mul_(COUNTS)
    noisy = torch.empty_like(draws)
    for each, draw, row, severity in zip(noisy, draws, rows, severities, strict=True):
        keep, alias = _poisson_alias_table(SHOT[severity - 1], images.device)
        column = draw.floor()
        place = row.add_(column.long())
        stays = draw.sub_(column) < keep.take(place)
        torch.where(stays, column, alias.take(place), out=each)
        each.mul_(255 / SHOT[severity - 1])
    return noisy


@lru_cache(maxsize=2 * len(SHOT))
def _poisson_alias_table(scale: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Return the chance (256 * COUNTS) to keep a column and the count to take otherwise."""
    means = np.arange(256)[:, None] * (scale / 255)
    mass = np.cumprod(np.hstack([np.exp(-means), means / np.arange(1, COUNTS)]), axis=1)
    mass *= COUNTS / mass.sum(axis=1, keepdims=True)
    keep, alias = np.ones_like(mass), np.tile(np.arange(COUNTS), (256, 1))
    rows, waiting = np.arange(256), np.ones_like(mass, dtype=bool)
    for _ in range(COUNTS - 1):
        low = np.where(waiting, mass, np.inf).argmin(axis=1)
        high = np.where(waiting, mass, -np.inf).argmax(axis=1)
        keep[rows, low], alias[rows, low] = mass[rows, low], high
        mass[rows, high] -= 1 - mass[rows, low]
        waiting[rows, low] = False
    return torch.tensor(keep.ravel(), dtype=torch.float32, device=device), torch.tensor(
        alias.ravel(), dtype=torch.float32, device=device
    )
