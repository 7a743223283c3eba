"""Evidence: methods have pictures, maps point at what an answer rests on, and the caption says what they are."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from ganprint.attributor import Attributor, AttributorConfig, AttributorSpec, Prediction, View
from ganprint.calibration.answer import answer_images
from ganprint.calibration.decision import whole_percent
from ganprint.calibration.probabilities import calibrate_probabilities
from ganprint.errors import UsageError
from ganprint.forensics.evidence import (
    FAINT,
    MAPS,
    deciding_crop,
    gather_evidence,
    grad_cam,
    gradient_map,
    last_features,
    occlusion_map,
    possible_maps,
)
from ganprint.images import read_image
from ganprint.images.views import crop_views
from ganprint.models import NeuralAttributor, NeuralConfig
from ganprint.reporting.panels import draw_panels
from ganprint.weights import load_attributor

from ..conftest import make_card

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "chelsea.png"
VIEW_ONLY = ("residual", "spectrum")
SPEC = AttributorSpec("corner", "Corner", "none", 2026, AttributorConfig)
CORNER = 4
"""Side of what the attributors made up here look at, of views of 32 px: one occluding patch."""


class Corner(Attributor):
    """Names the second source the more, the brighter the top left corner is."""

    spec = SPEC

    def predict(self, images: Tensor) -> Prediction:
        self.check_images(images)
        brightness = images[:, :, :CORNER, :CORNER].float().mean((1, 2, 3)) / 64
        return Prediction(torch.stack([torch.zeros_like(brightness), brightness], dim=1))

    def state(self) -> dict[str, Tensor]:
        return {}

    def load_state(self, tensors: Mapping[str, Tensor]) -> None:
        return None


class CornerNetwork(nn.Module):
    """A convolution of which only the first place counts."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Conv2d(3, 2, CORNER, CORNER)
        nn.init.zeros_(self.layer.weight)
        nn.init.constant_(self.layer.weight[1], 0.05)

    def forward(self, images: Tensor) -> Tensor:
        features: Tensor = self.layer(images)
        return features[:, :, 0, 0]


class NeuralCorner(NeuralAttributor):
    """The same as a network."""

    spec = replace(SPEC, config=NeuralConfig)

    def build(self) -> nn.Module:
        return CornerNetwork()


@pytest.fixture
def bright_corner() -> Tensor:
    square = torch.randint(20, 60, (3, 32, 32), dtype=torch.uint8, generator=torch.manual_seed(0))
    square[:, :CORNER, :CORNER] = 250
    return square


def outside(values: Tensor, side: int) -> Tensor:
    beyond = values.clone()
    beyond[:side, :side] = 0
    return beyond


def test_occlusion_finds_the_corner_that_alone_counts(bright_corner: Tensor) -> None:
    found = occlusion_map(Corner(AttributorConfig(view=View(size=32)), ("real", "a")), bright_corner, 1)
    assert found.shape == (32, 32) and found.dtype == torch.float32
    assert divmod(int(found.argmax()), 32) == (0, 0)
    hidden = (250 - bright_corner.float().mean((1, 2)).round().mean()) / 64
    torch.testing.assert_close(found[0, 0], hidden, rtol=1e-4, atol=0)
    assert not outside(found, CORNER).any()


@pytest.mark.parametrize(("real_offset", "place"), [(0.0, 1), (9.0, 0)])
def test_the_deciding_crop_speaks_most_for_the_calibrated_most_likely_source(real_offset: float, place: int) -> None:
    crops = torch.zeros(3, 3, 32, 32, dtype=torch.uint8)
    crops[1:, :, :CORNER, :CORNER] = torch.tensor([200, 100], dtype=torch.uint8)[:, None, None, None]
    attributor = Corner(AttributorConfig(view=View(size=32)), ("real", "progan"))
    fitted = {"temperature": 1.0, "real_offset": real_offset, "data": "x", "data_sha256": "0" * 64, "split": "val"}
    fitted |= {"policies": ["none"], "seed": 0, "images": 1, "before": {}, "after": {"calibration_error": 0.0}}
    fitted |= {"date": "2026-11-20T12:00:01Z"}
    card = make_card(method="corner", view=View(size=32), calibration=fitted)
    assert deciding_crop(attributor, card, crops) == place


def test_gradients_and_grad_cam_find_the_corner_that_alone_counts(bright_corner: Tensor) -> None:
    network = NeuralCorner(NeuralConfig(view=View(size=32)), ("real", "a"))
    slopes = gradient_map(network, bright_corner, 1)
    assert slopes.shape == (32, 32) and (slopes[:CORNER, :CORNER] > 0).all()
    assert not outside(slopes, CORNER).any()
    assert last_features(network, bright_corner) == "layer"
    raised = grad_cam(network, bright_corner, 1, "layer")
    assert raised.shape == (32, 32) and max(divmod(int(raised.argmax()), 32)) < CORNER
    # The other source is spoken against where this one is spoken for.
    torch.testing.assert_close(gradient_map(network, bright_corner, 0), -slopes)


@pytest.mark.parametrize("weights", ["repmix.mini", "dct-cnn.mini"])
def test_integrated_gradients_add_up_to_the_log_odds_beyond_the_faint_view(weights: str) -> None:
    attributor, card = load_attributor(weights)
    square = crop_views(read_image(EXAMPLE).pixels, card.view)[0]
    faint = torch.lerp(square.float().mean((1, 2), keepdim=True).round(), square.float(), FAINT)
    with torch.inference_mode():
        logits = attributor.differentiate(torch.stack([square.float(), faint])).attribution.double()
    source = int(logits[0].argmax())
    view, before = torch.logit(logits.softmax(1)[:, source]).tolist()
    assert float(gradient_map(attributor, square, source).sum()) == pytest.approx(view - before, rel=0.02)


@pytest.mark.parametrize("method", ["repmix", "dct-cnn", "prnu"])
def test_methods_have_their_maps_and_a_caption_that_says_what_they_are(method: str) -> None:
    attributor, card = load_attributor(f"{method}.mini")
    square = crop_views(read_image(EXAMPLE).pixels, card.view)[0]
    possible = possible_maps(attributor, square)
    neural = isinstance(attributor, NeuralAttributor)
    assert ("own" in possible) == (method != "repmix")
    assert ("gradients" in possible, "grad-cam" in possible) == (neural, neural)
    evidence = gather_evidence(attributor, card, square, "a\x1b[2Jb.png")
    titles = [panel.title for panel in evidence.panels]
    assert titles[0] == "the crop, 64 px (resize)" and titles[-1] == "log spectrum (DCT)"
    maps = [title for title in titles if title.startswith(("occlusion", "integrated", "Grad"))]
    assert len(maps) == (3 if neural else 1)
    for panel in evidence.panels:
        assert panel.values.shape[:2] == (64, 64) and np.isfinite(panel.values).all() and np.ptp(panel.values)
    # The probability that the verdict of this crop alone has.
    shares = calibrate_probabilities(answer_images(attributor, [square[None]])[0].each, card.calibration)[0]
    answer = f"says {card.sources[int(shares.argmax())]} {whole_percent(float(shares.max()))}, runner-up"
    uncalibrated = gather_evidence(attributor, card.model_copy(update={"calibration": None}), square, "x", ["residual"])
    assert "(not calibrated)" in uncalibrated.caption and "not calibrated" not in evidence.caption
    said = ["8 px", "moved by 8 px", "not proof", card.name, str(card.sha256)[:12], answer]
    said += [f"layer {last_features(attributor, square)}"] if isinstance(attributor, NeuralAttributor) else []
    for words in said:
        assert words in evidence.caption
    assert "\x1b" not in evidence.caption
    # Most likely real, for a crop, is no evidence that the image is.
    assert (card.sources[int(shares.argmax())] == "real") == ("That does not show that it is real." in evidence.caption)


def test_the_same_view_gives_the_same_picture_byte_for_byte(tmp_path: Path) -> None:
    for name in ("one.png", "two.png"):
        attributor, card = load_attributor("dct-cnn.mini")
        square = crop_views(read_image(EXAMPLE).pixels, card.view)[0]
        evidence = gather_evidence(attributor, card, square, "x", ("grad-cam", "gradients", "occlusion"))
        draw_panels(evidence.panels, evidence.caption, tmp_path / name)
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()


def test_only_the_maps_asked_for_are_made_and_others_are_refused_by_name() -> None:
    attributor, card = load_attributor("prnu.mini")
    square = crop_views(read_image(EXAMPLE).pixels, card.view)[0]
    evidence = gather_evidence(attributor, card, square, "x", VIEW_ONLY)
    assert len(evidence.panels) == 3 and "Occlusion" not in evidence.caption
    for wanted, said in (("grad-cam", "cannot have the map 'grad-cam'"), ("heat", "no map called 'heat'")):
        with pytest.raises(UsageError, match=said) as refused:
            gather_evidence(attributor, card, square, "x", ["own", wanted])
        assert refused.value.hint == "Maps of these weights: own, occlusion, residual, spectrum."


def test_a_network_without_convolutions_has_gradients_but_no_grad_cam() -> None:
    class Linear(NeuralCorner):
        def build(self) -> nn.Module:
            return nn.Sequential(nn.Flatten(), nn.Linear(3 * 32 * 32, 2))

    linear = Linear(NeuralConfig(view=View(size=32)), ("real", "a"))
    square = torch.zeros(3, 32, 32, dtype=torch.uint8)
    assert possible_maps(linear, square) == tuple(name for name in MAPS if name not in ("own", "grad-cam"))
