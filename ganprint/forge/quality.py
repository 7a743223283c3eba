"""The distance of generated images to photographs: a Fréchet distance of cosine spectra."""

import numpy as np
import torch
from scipy.linalg import sqrtm
from torch import Tensor

from ganprint.images.spectrum import log_dct, luma

BANDS = 8
"""Frequencies of each axis are averaged in so many bands."""


def spectral_features(images: Tensor) -> np.ndarray:
    """Return the mean log|DCT| of the luma of images uint8 (N, 3, R, R) in each of 64 bands, (N, 64)."""
    spectra = log_dct(luma(images.float()))
    bands = torch.nn.functional.adaptive_avg_pool2d(spectra[:, None], BANDS)
    return bands.flatten(1).double().numpy()


def spectral_distance(photographs: Tensor, made: Tensor) -> float:
    """Return the Fréchet distance between two sets of images' spectral features, 0 for the same distribution.

    It is Fréchet inception distance's formula (Heusel et al. 2017, equation 6) on other features: it sees textures and
    frequencies, not what an image shows, and its values compare with each other only.
    """
    one, other = spectral_features(photographs), spectral_features(made)
    apart = one.mean(0) - other.mean(0)
    first, second = np.cov(one, rowvar=False), np.cov(other, rowvar=False)
    # A little on the diagonal, as there may be fewer images than bands.
    small = 1e-6 * np.eye(len(first))
    root = sqrtm((first + small) @ (second + small)).real
    return float(apart @ apart + np.trace(first + second - 2 * root))
