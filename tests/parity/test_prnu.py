"""Residuals, fingerprints and correlations equal the public prnu-python's, on torch and on PyWavelets."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from ganprint_plugins.prnu import FingerprintSums, correlate
from PIL import Image
from skimage import data

from ganprint.images import residual, residual_reference

SETTINGS = [(4, 5.0), (3, 0.8), (1, 0.05)]
TILES = {"astronaut": (data.astronaut, 3, 3), "coffee": (data.coffee, 2, 4)}


@pytest.fixture(scope="module")
def reference(shared: Path) -> dict[str, np.ndarray]:
    with np.load(shared / "reference/prnu/prnu_python_reference.npz") as file:
        return dict(file)


def tiles(name: str) -> torch.Tensor:
    """Return 128 px tiles of one of scikit-image's pictures, row by row, uint8 (n, 3, 128, 128)."""
    load, rows, columns = TILES[name]
    image = load()
    cut = [
        image[128 * i : 128 * i + 128, 128 * j : 128 * j + 128] for i in range(rows) for j in range(columns)
    ]
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


def on_torch(
    function: Callable[..., torch.Tensor], image: np.ndarray, levels: int, sigma: float
) -> np.ndarray:
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
    assert_equal_arrays(residual_reference.noise_residual(image, levels=levels, sigma=sigma), noise)
    assert_equal_arrays(residual_reference.clean_residual(image, levels=levels, sigma=sigma), clean)


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
    expected = residual_reference.clean_residual(image, levels=levels, sigma=sigma)
    assert np.abs(found - expected).max() < 1e-3 * np.abs(expected).max()
