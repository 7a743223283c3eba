"""Noise residuals: what a wavelet denoiser takes away, cleaned of what all images share.

Mihcak, Kozintsev and Ramchandran's adaptive Wiener filter in the wavelet domain (ICASSP 1999), as camera
forensics uses it (Chen, Fridrich, Goljan and Lukas, TIFS 2008) and Marra et al. (MIPR 2019) for GANs.
Batched on torch; every step is a product with a small matrix. `residual_reference` is the same on PyWavelets.
"""

from functools import lru_cache

import numpy as np
import pywt
import torch
from torch import Tensor

from ganprint.images.spectrum import luma

WAVELET = "db4"
EDGE = "symmetric"
"""How PyWavelets continues an image over its border."""
WINDOWS = (3, 5, 7, 9)
"""Sides of the squares over which a coefficient's variance is estimated; the least estimate counts."""


def noise_residuals(images: Tensor, *, levels: int, sigma: float) -> Tensor:
    """Return the noise of floating images (..., H, W) in 0..255, the same shape, each plane for itself.

    `levels` decompositions with Daubechies' wavelet of four moments; `sigma`, in grey levels, is the
    noise's deviation. In each detail band the Wiener filter's noise part is kept; the rest is dropped.
    """
    planes = images.reshape(-1, *images.shape[-2:])
    return _denoise(planes, levels, sigma**2).reshape(images.shape)


def clean_residuals(images: Tensor, *, levels: int, sigma: float) -> Tensor:
    """Return the residuals (B, H, W) of RGB images (B, 3, H, W) in 0..255 that are correlated with fingerprints.

    Grey by luma, the means of rows and columns of the four sub-grids removed, peaks of the spectrum
    flattened by a Wiener filter with the residual's own deviation.
    """
    grey = luma(noise_residuals(images, levels=levels, sigma=sigma))
    return flatten_spectrum(remove_means(grey))


def remove_means(planes: Tensor) -> Tensor:
    """Return planes (B, H, W) whose sub-grids of every second pixel have rows and columns of mean zero."""
    result = torch.empty_like(planes)
    for top in (0, 1):
        for left in (0, 1):
            grid = planes[:, top::2, left::2]
            grid = grid - grid.mean((1, 2), keepdim=True)
            across, down = grid.mean(2, keepdim=True), grid.mean(1, keepdim=True)
            result[:, top::2, left::2] = grid - across - down
    return result


def flatten_spectrum(planes: Tensor) -> Tensor:
    """Return planes (B, H, W) with the peaks of their Fourier magnitudes filtered out.

    The magnitudes pass the adaptive Wiener filter; the noise variance is the plane's own (one less in the divisor).
    """
    spectrum = torch.fft.fft2(planes)
    magnitude = spectrum.abs() / (planes.shape[-2] * planes.shape[-1]) ** 0.5
    variance = planes.flatten(1).var(1).view(-1, 1, 1)
    kept = _wiener_noise(magnitude, variance)
    share = torch.where(magnitude > 0, kept / magnitude, 0.0)
    flattened: Tensor = torch.fft.ifft2(spectrum * share).real
    return flattened


def _denoise(planes: Tensor, levels: int, variance: float) -> Tensor:
    """Return what the details of planes (P, H, W) hold of noise, from the deepest level up."""
    height, width = planes.shape[-2:]
    down, across = (_analysis(side, planes.dtype, planes.device) for side in (height, width))
    bands = down @ planes @ across.mT
    rows, columns = bands.shape[-2] // 2, bands.shape[-1] // 2
    quarters = bands.view(-1, 2, rows, 2, columns).movedim(3, 2)
    noise = _wiener_noise(quarters, variance)
    # The approximation: what deeper levels find in it, and none of the image itself.
    noise[:, 0, 0] = (
        _denoise(bands[:, :rows, :columns], levels - 1, variance)[:, :rows, :columns] if levels > 1 else 0.0
    )
    noisy = noise.movedim(2, 3).flatten(3, 4).flatten(1, 2)
    up, along = (_synthesis(side, planes.dtype, planes.device) for side in (height, width))
    return (up @ noisy @ along.mT)[:, :height, :width]


def _wiener_noise(values: Tensor, variance: float | Tensor) -> Tensor:
    """Return the noise part of values (..., H, W): each times noise over noise and least local variance."""
    energy = values.square()
    local: Tensor | None = None
    for window in WINDOWS:
        rows, columns = (_box(side, window, values.dtype, values.device) for side in values.shape[-2:])
        mean = rows @ energy @ columns
        local = mean if local is None else torch.minimum(local, mean)
    assert local is not None
    signal = (local - variance).clamp_(min=0)
    return values * (variance / (signal + variance))


@lru_cache(maxsize=64)
def _analysis(size: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """Return the matrix (2 m, size) from a line to its approximation and, below, its detail."""
    parts = pywt.dwt(np.eye(size), WAVELET, mode=EDGE, axis=0)
    return torch.from_numpy(np.concatenate(parts)).to(device, dtype)


@lru_cache(maxsize=64)
def _synthesis(size: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """Return the matrix (size or one more, 2 m) from approximation and detail back to the line."""
    length = pywt.dwt_coeff_len(size, pywt.Wavelet(WAVELET).dec_len, EDGE)
    unit, zero = np.eye(length), np.zeros((length, length))
    pair = [pywt.idwt(unit, zero, WAVELET, axis=0), pywt.idwt(zero, unit, WAVELET, axis=0)]
    return torch.from_numpy(np.concatenate(pair, axis=1)).to(device, dtype)


@lru_cache(maxsize=128)
def _box(size: int, window: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """Return the matrix (size, size) that averages over a window, zeros beyond the border."""
    places = torch.arange(size)
    near = (places[:, None] - places).abs() <= window // 2
    return (near.to(dtype) / window).to(device)
