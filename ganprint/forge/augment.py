"""DiffAugment: the same kinds of change to photographs and to generated images before the critic sees them.

Zhao et al., Differentiable Augmentation for Data-Efficient GAN Training, NeurIPS 2020: with it some hundred photographs
are enough. Changes are drawn for each image from torch's own stream.
"""

import torch
from torch import Tensor
from torch.nn import functional

SHIFT = 1 / 8
"""Largest shift, as a share of the side."""
CUT = 1 / 2
"""Side of the square that is cut out, as a share of the side."""


def augment(images: Tensor) -> Tensor:
    """Return images (B, 3, R, R) in about -1..1 with colour changed, shifted, and with a square cut out."""
    return _cut(_shift(_colour(images)))


def _colour(images: Tensor) -> Tensor:
    brightness, saturation, contrast = torch.rand(3, len(images), 1, 1, 1, device=images.device)
    images = images + (brightness - 0.5)
    grey = images.mean(1, keepdim=True)
    images = (images - grey) * (2 * saturation) + grey
    mean = images.mean((1, 2, 3), keepdim=True)
    changed: Tensor = (images - mean) * (contrast + 0.5) + mean
    return changed


def _shift(images: Tensor) -> Tensor:
    side = images.shape[-1]
    most = round(side * SHIFT)
    if not most:
        return images
    padded = functional.pad(images, (most,) * 4)
    down, right = torch.randint(0, 2 * most + 1, (2, len(images)), device=images.device)
    places = torch.arange(side, device=images.device)
    rows, columns = places[None] + down[:, None], places[None] + right[:, None]
    batch = torch.arange(len(images), device=images.device)[:, None, None]
    return padded.permute(0, 2, 3, 1)[batch, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)


def _cut(images: Tensor) -> Tensor:
    side = images.shape[-1]
    half = round(side * CUT) / 2
    centres = torch.rand(2, len(images), 1, device=images.device) * side
    places = torch.arange(side, device=images.device)[None] + 0.5
    down, right = ((places - centre).abs() < half for centre in centres)
    hidden = down[:, None, :, None] & right[:, None, None, :]
    kept: Tensor = images * (~hidden).to(images.dtype)
    return kept
