"""Noise: gaussian, shot, impulse and speckle, independent for every pixel and channel.

Images are float32 (n, 3, H, W) in 0..255, results may leave that range; constants are ImageNet-C's
(Hendrycks and Dietterich 2019), which states them for images in 0..1.
"""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ganprint.perturbation.severity import per_image
from ganprint.perturbation.stream import Stream, normal_fields, uniform_fields

GAUSSIAN = (0.08, 0.12, 0.18, 0.26, 0.38)
"""Standard deviation, of 1."""
SHOT = (60, 25, 12, 5, 3)
"""Photons that a full-scale pixel stands for."""
IMPULSE = (0.03, 0.06, 0.09, 0.17, 0.27)
"""Share of the values replaced, half by white and half by black."""
SPECKLE = (0.15, 0.2, 0.35, 0.45, 0.6)
"""Standard deviation, of the pixel's value."""

FAR = 1e4
"""Takes any value beyond 0..255 when half of it is added or subtracted."""
COUNTS = 128
"""Photon counts distinguished; a Poisson variable of mean 60 exceeds 127 once in 10^14."""


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
    # Draws within half the share of either end go beyond any value; a mask would take several times longer.
    draws = draws.sub_(0.5).div_(1 - per_image(IMPULSE, severities, images))
    return F.hardshrink(draws, 0.5).mul_(FAR).add_(images)


def shot_noise(images: Tensor, severities: Sequence[int], streams: Sequence[Stream]) -> Tensor:
    """Replace each value by a Poisson count of that mean, scaled back.

    Drawn by Walker's alias method with one table per severity and one row for each of 256 levels: exact for
    8-bit images and several times faster than a general Poisson sampler. Carries no gradient.
    """
    draws = uniform_fields(streams, *images.shape[1:]).mul_(COUNTS)
    columns = draws.floor()
    chances = draws.sub_(columns)
    rows = images.detach().round().clamp_(0, 255)
    rows.add_(per_image([256.0 * index for index in range(len(SHOT))], severities, images))
    entries = _poisson_alias_table(images.device).take(rows.mul_(COUNTS).add_(columns).int().long())
    aliases = entries.floor()
    stays = chances.lt_(entries.sub_(aliases))
    counts = aliases.addcmul_(stays, columns.sub_(aliases))
    return counts.mul_(per_image([255 / photons for photons in SHOT], severities, images))


@lru_cache(maxsize=4)
def _poisson_alias_table(device: torch.device) -> Tensor:
    """Return for each severity, level and count its alias, plus the chance (< 1) that the count stays, flat."""
    means = (np.array(SHOT)[:, None] * np.arange(256) / 255).reshape(-1, 1)
    mass = np.cumprod(np.hstack([np.exp(-means), means / np.arange(1, COUNTS)]), axis=1)
    mass *= COUNTS / mass.sum(axis=1, keepdims=True)
    keep, alias = np.ones_like(mass), np.tile(np.arange(COUNTS), (len(mass), 1))
    rows, waiting = np.arange(len(mass)), np.ones_like(mass, dtype=bool)
    for _ in range(COUNTS - 1):
        low = np.where(waiting, mass, np.inf).argmin(axis=1)
        high = np.where(waiting, mass, -np.inf).argmax(axis=1)
        keep[rows, low], alias[rows, low] = mass[rows, low], high
        mass[rows, high] -= 1 - mass[rows, low]
        waiting[rows, low] = False
    # A whole number and a fraction share a float32: 7 bits and 17, as many as the draws have.
    table = alias + keep.clip(0, 1 - 2.0**-17)
    return torch.tensor(table.ravel(), dtype=torch.float32, device=device)
