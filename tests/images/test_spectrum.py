"""Frequencies: fine detail is what enlargement and blur take."""

import numpy as np
import pytest
import torch

from ganprint import perturb
from ganprint.images.spectrum import fine_detail

from ..conftest import noise


def like_a_photograph(side: int = 256) -> np.ndarray:
    """Return pixels (side, side, 3) whose amplitude falls as the frequency grows, as natural scenes' does."""
    frequency = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side))
    white = np.fft.rfft2(np.random.default_rng(0).standard_normal((side, side)))
    scene = np.fft.irfft2(white / np.maximum(frequency, 1 / side), s=(side, side))
    grey = np.clip(127 + 40 * scene / scene.std(), 0, 255).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=2)


def detail(image: np.ndarray) -> float:
    return float(fine_detail(torch.from_numpy(image[:96, :96].copy()).permute(2, 0, 1)[None])[0])


def test_enlarged_and_blurred_images_have_less_fine_detail() -> None:
    scene = like_a_photograph()
    as_found = detail(scene)
    taken = [perturb(scene, policy="share:resize=1.5"), perturb(scene, policy="share:resize=2")]
    taken.append(perturb(scene, corruption="glass_blur", severity=2))
    kept = [perturb(scene, policy="share:resize=0.5"), perturb(scene, policy="share:jpeg=80")]
    assert max(map(detail, taken)) < as_found - 15 and min(map(detail, kept)) > as_found - 5


def test_fine_detail_of_noise_and_of_one_colour_is_that_of_the_middle_frequencies() -> None:
    assert detail(noise(96, 96, 3)) == pytest.approx(0, abs=0.3)
    assert detail(np.full((96, 96, 3), 200, np.uint8)) == 0
