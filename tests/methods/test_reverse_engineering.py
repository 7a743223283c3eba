"""Reverse Engineering: the edges of its losses, and what the sigmoid does to the cross-entropy."""

import pytest
import torch
from ganprint_plugins.reverse_engineering import ReverseEngineering, fingerprint_losses
from ganprint_plugins.reverse_engineering_spec import ReverseEngineeringConfig
from torch.nn import functional

from ganprint.attributor import View
from ganprint.models import Step

SMALL = {"depth": 3, "width": 4, "head_widths": (4, 4), "hidden": 8, "low_frequencies": 3}


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
    expected = 10 * functional.cross_entropy(judged, labels) + sum(fingerprint_losses(residual, spectrum, 3).values())
    torch.testing.assert_close(losses.total, expected)
    answered = attributor.answer(images).attribution.detach()
    assert torch.equal(answered.argmax(1), logits.argmax(1))
    torch.testing.assert_close(answered, judged.detach())
