"""Counts of quantised residuals, and of their neighbouring pairs."""

import torch
from torch import Tensor

ROUNDED = 2
"""Quantised residuals are cut off at plus and minus this (SPAM: Pevny, Bas and Fridrich, TIFS 2010)."""
LEVELS = 2 * ROUNDED + 1


def histogram(values: Tensor, bins: int) -> Tensor:
    """Return the shares, float64 (B, bins), of integers 0 to bins - 1 (B, ...)."""
    flat = values.flatten(1)
    offsets = torch.arange(0, bins * len(flat), bins, device=flat.device, dtype=torch.int32)
    counts = torch.bincount((flat + offsets[:, None]).flatten(), minlength=bins * len(flat))
    return counts.view(len(flat), bins).double() / flat.shape[1]


def quantised(r: Tensor, step: float) -> Tensor:
    """Return residuals in `step`s, rounded, cut off, and from 0: int16."""
    levels = (r if step == 1 else r / step).round().clamp_(-ROUNDED, ROUNDED).add_(ROUNDED)
    return levels.to(torch.int16)


def cooccurrence(quantities: Tensor) -> Tensor:
    """Square roots of the shares of neighbouring pairs along x and y, the same under exchange and change of sign.

    Each pixel is counted with both of its neighbours at once; beyond the last row and column is a level more.
    """
    count, height, width = quantities.shape
    levels = LEVELS + 1
    x = torch.full((count, height + 1, width + 1), LEVELS, dtype=torch.int16, device=quantities.device)
    x[:, :-1, :-1] = quantities
    code = torch.add(x[:, :-1, 1:], x[:, :-1, :-1], alpha=levels)
    code = torch.add(x[:, 1:, :-1], code, alpha=levels)
    joint = histogram(code, levels**3).view(count, levels, levels, levels)[:, :LEVELS]
    along_x = joint.sum(3)[:, :, :LEVELS] * (width / (width - 1))
    along_y = joint.sum(2)[:, :, :LEVELS] * (height / (height - 1))
    shares = torch.stack([along_x, along_y], 1)
    shares = shares + shares.flip(2, 3)
    rows, columns = torch.triu_indices(LEVELS, LEVELS, device=joint.device)
    return ((shares + shares.transpose(2, 3))[:, :, rows, columns] / 4).sqrt().flatten(1)


def between(highpasses: Tensor) -> Tensor:
    """The correlation of R and G, G and B, R and B of residuals (B, 3, H, W), 1 where one is flat, and square roots of
    the shares of their pairs of values.
    """
    centred = highpasses.flatten(2) - highpasses.mean((2, 3))[:, :, None]
    powers = centred.square().sum(2).sqrt()
    levels = quantised(highpasses, 1)
    code = torch.add(levels[:, 2], torch.add(levels[:, 1], levels[:, 0], alpha=LEVELS), alpha=LEVELS)
    joint = histogram(code, LEVELS**3).view(-1, LEVELS, LEVELS, LEVELS)
    found = []
    for first, second, other in ((0, 1, 3), (1, 2, 1), (0, 2, 2)):
        power = powers[:, first] * powers[:, second]
        product = torch.linalg.vecdot(centred[:, first], centred[:, second])
        alike = torch.where(power > 0, product / power.clamp(min=1e-30), 1.0)
        found += [alike[:, None].double(), joint.sum(other).flatten(1).sqrt()]
    return torch.cat(found, 1)
