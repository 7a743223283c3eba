"""The cosine transform is SciPy's, its logarithm is finite, and moments are those of all images at once."""

import numpy as np
import pytest
import scipy.fft
import torch

from ganprint.images.spectrum import SMALLEST, dct2, log_dct
from ganprint.training.moments import Moments


@pytest.mark.parametrize("shape", [(4, 3, 128, 128), (2, 3, 96, 96), (1, 3, 33, 50), (5, 8, 8)])
def test_the_transform_equals_scipys_within_1e4(shape: tuple[int, ...]) -> None:
    images = torch.rand(shape, generator=torch.Generator().manual_seed(0))
    expected = scipy.fft.dctn(images.numpy(), type=2, norm="ortho", axes=(-2, -1))
    np.testing.assert_allclose(dct2(images).numpy(), expected, atol=1e-4)


def test_the_logarithm_is_finite_on_black_images_and_mirroring_changes_nothing() -> None:
    assert torch.isfinite(log_dct(torch.zeros(1, 3, 32, 32))).all()
    assert float(log_dct(torch.zeros(1, 8, 8)).min()) == pytest.approx(np.log(SMALLEST), abs=1e-4)
    images = torch.rand(2, 3, 32, 32) * 255
    torch.testing.assert_close(dct2(images).abs(), dct2(images.flip(-1)).abs(), atol=1e-2, rtol=1e-3)


def test_streamed_moments_are_those_of_all_images_however_they_come() -> None:
    images = torch.randint(0, 256, (37, 3, 8, 8), generator=torch.Generator().manual_seed(2)).to(torch.uint8)
    moments = Moments(lambda each: each.float() + 1e6)
    for part in images.split([1, 20, 3, 13]):
        moments.update(part, torch.zeros(len(part)))
    values = images.double() + 1e6
    torch.testing.assert_close(moments.mean.double(), values.mean(0), rtol=1e-6, atol=0)
    torch.testing.assert_close(moments.deviation.double(), values.std(0, correction=0), rtol=1e-5, atol=1e-6)
    resumed = Moments(lambda each: each.float())
    resumed.load(moments.tensors())
    assert (resumed.count, torch.equal(resumed.mean, moments.mean)) == (37, True)
