"""The fingerprint's losses against values computed by hand, and what the sigmoid does to the cross-entropy."""

import pytest
import torch
from ganprint_plugins.reverse_engineering import (
    FingerprintEstimator,
    ReverseEngineering,
    ReverseEngineeringConfig,
    fingerprint_losses,
)
from torch.nn import functional

from ganprint.attributor import View
from ganprint.models import Step

SMALL = {"depth": 3, "width": 4, "head_widths": (4, 4), "hidden": 8, "low_frequencies": 3}


def test_losses_equal_those_computed_by_hand() -> None:
    spectrum = torch.zeros(2, 8, 8)
    spectrum[0, 4, 4] = 9.0
    spectrum[1, 3, 5] = 18.0
    spectrum[0, 0, 1] = 5.0
    spectrum[1, 7, 7] = 2.0
    residual = torch.full((2, 8, 8), -0.5)
    found = fingerprint_losses(residual, spectrum, 3)
    # The centre of 8 with a side of 3 is rows and columns 3 to 5: 18 values in the two spectra.
    assert float(found["low"]) == pytest.approx(0.05 * (9**2 + 18**2) / 18)
    # The largest of the batch, not of each image.
    assert float(found["repetition"]) == pytest.approx(-0.001 * 5)
    assert float(found["energy"]) == pytest.approx(0.01 * 0.25)
    # Each asymmetric value differs from its transpose twice.
    assert float(found["symmetry"]) == pytest.approx(0.1 * (2 * 18**2 + 2 * 5**2) / 128)


def test_a_symmetric_spectrum_with_an_empty_centre_costs_nothing_but_its_peak_earns() -> None:
    spectrum = torch.zeros(1, 16, 16)
    spectrum[0, 0, 0] = 7.0
    found = fingerprint_losses(torch.zeros(1, 16, 16), spectrum, 5)
    assert float(sum(found.values())) == pytest.approx(-0.007)


def test_the_centre_may_be_as_large_as_the_spectrum() -> None:
    found = fingerprint_losses(torch.zeros(1, 8, 8), torch.ones(1, 8, 8), 51)
    assert float(found["low"]) == pytest.approx(0.05)
    assert float(found["repetition"]) == 0


def build(**settings: object) -> ReverseEngineering:
    torch.manual_seed(0)
    config = ReverseEngineeringConfig.model_validate({**SMALL, **settings, "view": View(size=32)})
    return ReverseEngineering(config, ("real", "progan", "stylegan"))


@pytest.mark.parametrize("sigmoid", [False, True])
def test_the_loss_is_ten_cross_entropies_and_the_four(sigmoid: bool) -> None:
    attributor = build(sigmoid=sigmoid)
    attributor.network.eval()
    images = attributor.scale(torch.randint(0, 256, (6, 3, 32, 32)).to(torch.uint8))
    labels = torch.tensor([0, 1, 2, 0, 1, 2])
    losses = attributor.loss(images, labels, Step(0, 0, 0))
    residual, spectrum = attributor.network.fingerprint(images)
    logits = attributor.network.classify(spectrum)
    judged = logits.sigmoid() if sigmoid else logits
    expected = 10 * functional.cross_entropy(judged, labels) + sum(
        fingerprint_losses(residual, spectrum, 3).values()
    )
    torch.testing.assert_close(losses.total, expected)
    answered = attributor.answer(images).attribution.detach()
    assert torch.equal(answered.argmax(1), logits.argmax(1))
    torch.testing.assert_close(answered, judged.detach())


def test_the_spectrum_is_the_centred_magnitude_of_the_residuals_luma() -> None:
    attributor = build()
    images = torch.randn(2, 3, 32, 32)
    residual, spectrum = attributor.network.fingerprint(images)
    assert residual.shape == spectrum.shape == (2, 32, 32)
    torch.testing.assert_close(spectrum[:, 16, 16], residual.sum((1, 2)).abs(), rtol=1e-4, atol=1e-4)


def test_the_published_estimator_has_17_convolutions_of_64_channels() -> None:
    layers = [layer for layer in FingerprintEstimator(17, 64).modules() if isinstance(layer, torch.nn.Conv2d)]
    assert len(layers) == 17
    assert all(layer.kernel_size == (3, 3) for layer in layers)
    assert {layer.out_channels for layer in layers[:-1]} == {64}
    assert sum(isinstance(m, torch.nn.BatchNorm2d) for m in FingerprintEstimator(17, 64).modules()) == 15
