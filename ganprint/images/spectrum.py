"""Frequencies of batches of images: luma, the orthonormal cosine transform, and its logarithm."""

from functools import lru_cache

import numpy as np
import torch
from scipy.fft import dct
from torch import Tensor

LUMA = (0.29893602, 0.58704307, 0.11402090)
"""ITU-R BT.601's weights of red, green and blue."""

SMALLEST = 1e-12
"""Added to a magnitude before its logarithm is taken (Frank et al. 2020, the public code)."""

_FAINT = 1e-3
"""Power, in squares of a grey level, that leaves the detail of a picture of one colour at 0 dB."""


def luma(images: Tensor) -> Tensor:
    """Return the weighted sum of red, green and blue: (..., 3, H, W) to (..., H, W)."""
    weights = images.new_tensor(LUMA).view(3, 1, 1)
    return (images * weights).sum(dim=-3)


def dct2(images: Tensor) -> Tensor:
    """Return the orthonormal two-dimensional DCT-II of floating images (..., H, W), the same shape.

    Each axis is a product with the transform's matrix, for a batch the quickest way there is on sizes up
    to some hundreds (Frank et al. 2020, section 3).
    """
    rows = _cosines(images.shape[-2], images.dtype, images.device)
    columns = _cosines(images.shape[-1], images.dtype, images.device)
    return rows @ images @ columns.mT


def fine_detail(images: Tensor) -> Tensor:
    """Return how much fine detail images (N, 3, S, S) show, decibels (N,): least after enlargement and blur.

    It is luma's mean power in the eighth of the frequencies that ends at half a cycle a pixel, against that in the
    second and third quarter. A frequency is the larger of its horizontal and vertical part.
    """
    power = dct2(luma(images.float())).square_()
    size = power.shape[-1]

    def mean_power(low: int, high: int) -> Tensor:
        beside = power[..., :high, low:high].sum((-2, -1)) + power[..., low:high, :low].sum((-2, -1))
        return beside / (high**2 - low**2) + _FAINT

    return 10 * torch.log10(mean_power(7 * size // 8, size) / mean_power(size // 4, 3 * size // 4))


def log_dct(images: Tensor) -> Tensor:
    """Return the natural logarithm of the DCT's magnitudes, (..., H, W) (Frank et al. 2020, section 3.1)."""
    return dct2(images).abs_().add_(SMALLEST).log_()


@lru_cache(maxsize=16)
@torch.inference_mode(False)  # it is kept, and may be asked for gradients later
def _cosines(size: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    matrix = dct(np.eye(size), type=2, norm="ortho", axis=0)
    return torch.from_numpy(matrix).to(device, dtype)
