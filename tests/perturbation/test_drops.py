"""The drops' light against OpenCV's steps, where OpenCV can be imported."""

import numpy as np
import pytest
import torch

from ganprint.perturbation.drops import edges, light_on
from ganprint.perturbation.filters import smooth
from ganprint.perturbation.weather import FIRST_MUD, SPATTER


def drops_of(severity: int, seed: int) -> np.ndarray:
    mean, deviation, sigma, threshold, _ = SPATTER[severity - 1]
    field = torch.randn(1, 1, 120, 160, generator=torch.Generator().manual_seed(seed)) * deviation + mean
    liquid = smooth(field, (sigma, sigma))[0, 0]
    return torch.where(liquid < threshold, 0.0, liquid).mul(255).to(torch.uint8).numpy()


@pytest.mark.usefixtures("reference_engine")
@pytest.mark.parametrize("severity", range(1, FIRST_MUD))
def test_edges_are_opencvs_and_light_is_within_what_its_distance_mask_rounds(severity):
    import cv2

    emboss = np.array([[-2, -1, 0], [-1, 1, 1], [0, 1, 2]])
    for seed in range(10):
        drops = drops_of(severity, seed)
        canny = cv2.Canny(drops, 50, 150)
        assert np.array_equal(edges(drops), canny > 0)
        distance = cv2.distanceTransform(255 - canny, cv2.DIST_L2, 5)
        relief = cv2.blur(np.minimum(distance, 20), (3, 3)).astype(np.uint8)
        relief = cv2.filter2D(cv2.equalizeHist(relief), cv2.CV_8U, emboss)
        light = drops * cv2.blur(relief, (3, 3)).astype(np.float32)
        assert np.abs(light_on(drops) - light / light.max()).mean() <= 0.01


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (32, 32)])
def test_no_drops_and_one_flat_drop_give_no_light_that_is_not_a_number(shape):
    for level in (0, 200):
        light = light_on(np.full(shape, level, np.uint8))
        assert light.shape == shape
        assert light.dtype == np.float32
        assert np.isfinite(light).all()
        assert light.max() <= 1
