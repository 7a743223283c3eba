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


def log_dct(images: Tensor) -> Tensor:
    """Return the natural logarithm of the DCT's magnitudes, (..., H, W) (Frank et al. 2020, section 3.1)."""
    return dct2(images).abs_().add_(SMALLEST).log_()


@lru_cache(maxsize=16)
@torch.inference_mode(False)  # it is kept, and may be asked for gradients later
def _cosines(size: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    matrix = dct(np.eye(size), type=2, norm="ortho", axis=0)
    return torch.from_numpy(matrix).to(device, dtype)
