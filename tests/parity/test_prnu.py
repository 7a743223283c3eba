"""Residuals, fingerprints and correlations equal the public prnu-python's, on torch and on PyWavelets."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import pywt
import torch
from ganprint_plugins.prnu import FingerprintSums, correlate
from numpy.typing import NDArray
from PIL import Image
from scipy import fft, ndimage
from skimage import data

from ganprint.images import residual
from ganprint.images.residual import EDGE, WAVELET, WINDOWS
from ganprint.images.spectrum import LUMA

Plane = NDArray[np.float32]

SETTINGS = [(4, 5.0), (3, 0.8), (1, 0.05)]
TILES = {"astronaut": (data.astronaut, 3, 3), "coffee": (data.coffee, 2, 4)}


def noise_residual(image: NDArray[np.uint8], *, levels: int, sigma: float) -> Plane:
    """Return the noise of an RGB image (H, W, 3), float32 of that shape, with PyWavelets and SciPy."""
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


@pytest.fixture(scope="module")
def reference(shared: Path) -> dict[str, np.ndarray]:
    with np.load(shared / "reference/prnu/prnu_python_reference.npz") as file:
        return dict(file)


def tiles(name: str) -> torch.Tensor:
    """Return 128 px tiles of one of scikit-image's pictures, row by row, uint8 (n, 3, 128, 128)."""
    load, rows, columns = TILES[name]
    image = load()
    cut = [image[128 * i : 128 * i + 128, 128 * j : 128 * j + 128] for i in range(rows) for j in range(columns)]
    return torch.from_numpy(np.stack(cut)).permute(0, 3, 1, 2).contiguous()


def fingerprint(name: str) -> torch.Tensor:
    images = tiles(name)
    sums = FingerprintSums([(4, 5.0)], 1)
    # In two batches: the average is over a stream.
    for part in images.split(5):
        sums.update(part, torch.zeros(len(part), dtype=torch.long))
    return sums.fingerprints()[0, 0]


def assert_equal_arrays(found: np.ndarray, expected: np.ndarray) -> None:
    found, expected = found.astype(np.float64).ravel(), expected.astype(np.float64).ravel()
    assert np.corrcoef(found, expected)[0, 1] > 0.9999
    assert np.linalg.norm(found - expected) < 1e-3 * np.linalg.norm(expected)


def on_torch(function: Callable[..., torch.Tensor], image: np.ndarray, levels: int, sigma: float) -> np.ndarray:
    planes = torch.from_numpy(image).permute(2, 0, 1)[None].float()
    found = function(planes, levels=levels, sigma=sigma)[0]
    return (found.permute(1, 2, 0) if found.ndim == 3 else found).numpy()


@pytest.mark.parametrize("levels, sigma", SETTINGS)
@pytest.mark.parametrize("name", ["astronaut128", "coffee224", "chelsea_160x120"])
def test_residuals_equal_the_public_codes(
    name: str, levels: int, sigma: float, shared: Path, reference: dict[str, np.ndarray]
) -> None:
    image = np.array(Image.open(shared / "reference/corruptions" / f"{name}.png").convert("RGB"))
    setting = f"levels{levels}_sigma{sigma}"
    noise, clean = (reference[f"{name}__{what}__{setting}"] for what in ("noise_extract", "extract_single"))
    assert_equal_arrays(on_torch(residual.noise_residuals, image, levels, sigma), noise)
    assert_equal_arrays(on_torch(residual.clean_residuals, image, levels, sigma), clean)
    assert_equal_arrays(noise_residual(image, levels=levels, sigma=sigma), noise)
    assert_equal_arrays(clean_residual(image, levels=levels, sigma=sigma), clean)


def test_fingerprints_and_correlations_equal_the_public_codes(reference: dict[str, np.ndarray]) -> None:
    found = torch.stack([fingerprint(name) for name in TILES])
    assert_equal_arrays(found[0].numpy(), reference["fingerprint__astronaut_tiles128_rowmajor_3x3"])
    assert_equal_arrays(found[1].numpy(), reference["fingerprint__coffee_tiles128_rowmajor_2x4"])
    residuals = residual.clean_residuals(tiles("astronaut")[:4].float(), levels=4, sigma=5.0)
    correlations = correlate(residuals, found).T.numpy()
    np.testing.assert_allclose(correlations, reference["aligned_ncc__2fingerprints_x_4tiles"], atol=1e-3)


@pytest.mark.parametrize("levels, sigma", SETTINGS)
@pytest.mark.parametrize("height, width", [(128, 128), (97, 130), (64, 33)])
def test_torch_equals_pywavelets_at_any_size(levels: int, sigma: float, height: int, width: int) -> None:
    image = np.ascontiguousarray(data.coffee()[:height, :width])
    found = on_torch(residual.clean_residuals, image, levels, sigma)
    expected = clean_residual(image, levels=levels, sigma=sigma)
    assert np.abs(found - expected).max() < 1e-3 * np.abs(expected).max()
