"""Noise residuals of one image at a time with PyWavelets and SciPy: the reference for `residual`."""

import numpy as np
import pywt
from numpy.typing import NDArray
from scipy import fft, ndimage

from ganprint.images.residual import EDGE, WAVELET, WINDOWS
from ganprint.images.spectrum import LUMA

Plane = NDArray[np.float32]


def noise_residual(image: NDArray[np.uint8], *, levels: int, sigma: float) -> Plane:
    """Return the noise of an RGB image (H, W, 3), float32 of that shape, as `residual.noise_residuals` does."""
    height, width = image.shape[:2]
    planes = []
    for plane in np.moveaxis(image.astype(np.float32), 2, 0):
        approximation, *details = pywt.wavedec2(plane, WAVELET, mode=EDGE, level=levels)
        noises = [tuple(_wiener_noise(band, sigma**2) for band in level) for level in details]
        noise = pywt.waverec2([np.zeros_like(approximation), *noises], WAVELET, mode=EDGE)
        planes.append(noise[:height, :width])
    return np.stack(planes, axis=2)


def clean_residual(image: NDArray[np.uint8], *, levels: int, sigma: float) -> Plane:
    """Return the residual (H, W) of an RGB image (H, W, 3), as `residual.clean_residuals` does."""
    grey = noise_residual(image, levels=levels, sigma=sigma) @ np.array(LUMA, np.float32)
    for top in (0, 1):
        for left in (0, 1):
            grid = grey[top::2, left::2]
            grid -= grid.mean()
            grid -= grid.mean(axis=1, keepdims=True) + grid.mean(axis=0, keepdims=True)
    spectrum = fft.fft2(grey)
    magnitude = np.abs(spectrum) / np.sqrt(grey.size)
    kept = _wiener_noise(magnitude, grey.var(ddof=1))
    share = np.divide(kept, magnitude, out=np.zeros_like(kept), where=magnitude > 0)
    flattened: Plane = fft.ifft2(spectrum * share).real.astype(np.float32)
    return flattened


def _wiener_noise(values: Plane, variance: float) -> Plane:
    energy = values**2
    local = np.min([ndimage.uniform_filter(energy, window, mode="constant") for window in WINDOWS], axis=0)
    noise: Plane = values * (variance / (np.maximum(local - variance, 0) + variance))
    return noise
