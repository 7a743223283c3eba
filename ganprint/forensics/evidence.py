"""Maps that explain an answer for one crop: for any method and for networks, with their limits."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from ganprint.attributor import REAL, Attributor, Panel, Prediction
from ganprint.calibration.answer import answer_images
from ganprint.calibration.decision import whole_percent
from ganprint.calibration.probabilities import SMALLEST, calibrate_probabilities
from ganprint.errors import UsageError, needs
from ganprint.images.content import BLOCK, content_box
from ganprint.images.residual import noise_residuals
from ganprint.images.spectrum import dct2, log_dct, luma
from ganprint.images.views import find_crops
from ganprint.plain_text import printable
from ganprint.weights import Card

MAPS = ("own", "occlusion", "gradients", "grad-cam", "residual", "spectrum")
"""The maps there are: the method's own panels, three of its answer, two of the crop alone."""

LARGEST_PICTURE = 720
"""Longest side in pixels of a picture that a map is drawn on."""
MAPPED_CROPS = 64
"""Crops that a map over the whole picture is made of, at most."""
PATCH, STRIDE = 8, 8
"""The crop's side over that of an occluding patch, and over the steps in which the patch moves.

Steps of half a patch take 225 answers in the place of 64, most of a report's time, and show the same places.
"""
OCCLUDED_AT_ONCE = 16
STEPS = 64
"""Points on the line from the faint crop to the crop whose gradients are averaged."""
FAINT = 0.1
"""Contrast of the crop that the line starts from: at none at all the logarithms of DCT-CNN's spectra have no bottom."""
GRADIENTS_AT_ONCE = 8
LEVELS, SIGMA = 4, 3.0
"""Wavelet decompositions, and the noise's deviation in grey levels (the public code of Chen et al. 2008)."""


@dataclass(frozen=True)
class Evidence:
    """Panels, the crop first, and a caption that says what they show and what they do not."""

    panels: tuple[Panel, ...]
    caption: str


def deciding_crop(attributor: Attributor, card: Card, crops: Tensor) -> int:
    """Return the place of the one of uint8 crops (k, 3, S, S) that speaks most for the most likely source of all."""
    answer = answer_images(attributor, [crops])[0]
    likeliest = calibrate_probabilities(answer.probabilities[None], card.calibration)[0].argmax()
    return int(calibrate_probabilities(answer.each, card.calibration)[:, likeliest].argmax())


def possible_maps(attributor: Attributor, crop: Tensor) -> tuple[str, ...]:
    """Return those of `MAPS` that a method can have of a uint8 crop (3, S, S)."""
    absent = set() if attributor.explain(crop) else {"own"}
    if not attributor.differentiable:
        absent |= {"gradients", "grad-cam"}
    elif last_features(attributor, crop) is None:
        absent.add("grad-cam")
    return tuple(name for name in MAPS if name not in absent)


def gather_evidence(
    attributor: Attributor, card: Card, crop: Tensor, name: str, maps: Sequence[str] | None = None
) -> Evidence:
    """Show what a method's answer for one uint8 crop (3, S, S) of the image called `name` is based on.

    `maps` are some of `MAPS`, all that the method can have if left out; their order is always the same. They explain
    the log-odds of the source that is most likely for this crop alone, by probabilities that are calibrated as those
    of a verdict. Nothing is random. Raises UsageError for a map that there is not, or that the method cannot have.
    """
    possible = possible_maps(attributor, crop)
    chosen = possible if maps is None else maps
    for each in chosen:
        if each not in possible:
            raise UsageError(
                f"The weights {card.name} of {card.method} cannot have the map {each!r}."
                if each in MAPS
                else f"There is no map called {each!r}.",
                f"Maps of these weights: {', '.join(possible)}.",
            )
    answer = answer_images(attributor, [crop[None]])[0]
    shares = calibrate_probabilities(answer.each, card.calibration)[0]
    first, second = np.argsort(-shares, kind="stable")[:2].tolist()
    panels = [Panel(f"the crop, {crop.shape[-1]} px ({card.view.kind})", crop.permute(1, 2, 0).cpu().numpy() / 255)]
    uncalibrated = "" if card.calibration else " (not calibrated)"
    said = [
        f"{printable(name)}: of this crop {card.method} with the weights {card.name} "
        f"({(card.sha256 or '')[:12]}) says {card.sources[first]} {whole_percent(shares[first])}, "
        f"runner-up {card.sources[second]} {whole_percent(shares[second])}{uncalibrated}."
    ]
    if card.sources[first] == REAL:
        said.append("That does not show that it is real.")
    for each in (name for name in MAPS if name in chosen):
        if each == "own":
            panels += attributor.explain(crop)
        else:
            panel, sentence = _map(each, attributor, crop, first, card.sources[first])
            panels.append(panel)
            said += [sentence] if sentence else []
    said.append("The pictures show what the method computes; they are not proof of where an image comes from.")
    return Evidence(tuple(panels), " ".join(said))


def _map(kind: str, attributor: Attributor, crop: Tensor, place: int, source: str) -> tuple[Panel, str | None]:
    """Return one of MAPS but "own" for the source at a place, and how to read it where its title does not say that."""
    side, frequencies = crop.shape[-1], attributor.feature_places == "frequencies"
    where = " over frequencies" if frequencies else ""
    shown = crop.permute(1, 2, 0).cpu().numpy() / 255
    if kind == "occlusion":
        lost = occlusion_map(attributor, crop, place)
        return Panel(f"occlusion: log-odds of {source} lost", lost.numpy(), diverging=True, picture=shown), (
            f"Occlusion: a patch of {side // PATCH} px in the crop's mean colour, moved by {side // STRIDE} px; red "
            f"where hiding pixels costs {source} log-odds, blue where it gains them; the patch's edges count too."
        )
    if kind == "gradients":
        risen = gradient_map(attributor, crop, place)
        return Panel(f"integrated gradients of {source}{where}", risen.numpy(), diverging=True), (
            f"Integrated gradients{where}{', low ones top left' if frequencies else ''}: {STEPS} steps from a "
            "tenth of the crop's contrast to all of it."
        )
    if kind == "grad-cam":
        layer = last_features(attributor, crop)
        assert layer is not None, "possible_maps has found one"
        raised = grad_cam(attributor, crop, place, layer)
        title = f"Grad-CAM of {source}{where}, layer {layer}"
        on = None if frequencies else shown
        return Panel(title, raised.numpy(), diverging=True, picture=on), (
            f"Grad-CAM{where}: at the layer {layer}, upsampled."
        )
    if kind == "residual":
        noise = noise_residuals(luma(crop.cpu().float()), levels=LEVELS, sigma=SIGMA)
        return Panel("noise residual (wavelet, luma)", noise.numpy(), diverging=True), None
    return Panel("log spectrum (DCT)", log_dct(crop.cpu().float()).mean(0).numpy()), None


def crop_map(attributor: Attributor, card: Card, picture: Tensor) -> Panel | None:
    """Return the log-odds of synthetic over a uint8 picture (3, H, W), the mean of the crops that cover a place.

    Crops are those with a vote, up to MAPPED_CROPS; a place that none covers has 0. None where preprocessing resizes,
    or without crops.
    """
    view = card.view
    crops = find_crops(picture, view.model_copy(update={"crops": MAPPED_CROPS}))
    if view.kind != "native" or not crops.places:
        return None
    answers = calibrate_probabilities(answer_images(attributor, [crops.pixels])[0].each, card.calibration)
    odds = np.log(np.maximum(1 - answers[:, 0], SMALLEST)) - np.log(np.maximum(answers[:, 0], SMALLEST))
    total = np.zeros(tuple(-(-side // BLOCK) for side in picture.shape[1:]))
    count = np.zeros_like(total)
    box = content_box(picture.permute(1, 2, 0).cpu().numpy())
    for (top, left), value in zip(crops.places, odds, strict=True):
        # A crop of less than its size is continued by reflection, not by the border.
        bottom, right = min(top + view.size, box.bottom), min(left + view.size, box.right)
        covered = np.s_[top // BLOCK : -(-bottom // BLOCK), left // BLOCK : -(-right // BLOCK)]
        total[covered] += value
        count[covered] += 1
    title = "log-odds of synthetic over the picture, " + (f"{len(odds)} crops" if len(odds) > 1 else "one crop")
    step = -(-max(picture.shape[1:]) // LARGEST_PICTURE)
    shown = picture[:, ::step, ::step].permute(1, 2, 0).cpu().numpy() / 255
    return Panel(title, total / np.maximum(count, 1), diverging=True, picture=shown)


def occlusion_map(attributor: Attributor, crop: Tensor, source: int) -> Tensor:
    """Return how much log-odds of a source hiding each place of a uint8 crop (3, S, S) costs, float32 (S, S).

    A patch of the crop's mean colour slides over it (Zeiler and Fergus, ECCV 2014, section 3.3); a place has the mean
    of the patches that cover it. The patch's own edges count too. It needs no gradients.
    """
    with needs("explain"):
        from captum.attr import Occlusion

    def forward(images: Tensor) -> Tensor:
        return _log_odds(attributor.predict(images.round().to(torch.uint8)), source)

    side = crop.shape[-1]
    lost: Tensor = Occlusion(forward).attribute(
        crop[None].float(),
        sliding_window_shapes=(3, side // PATCH, side // PATCH),
        strides=(3, side // STRIDE, side // STRIDE),
        baselines=_mean_colour(crop),
        perturbations_per_eval=OCCLUDED_AT_ONCE,
    )
    return lost[0, 0].detach().float()


def gradient_map(attributor: Attributor, crop: Tensor, source: int) -> Tensor:
    """Return the integrated gradients of a source's log-odds in a uint8 crop (3, S, S), float32 (S, S).

    From the crop at a tenth of its contrast to the crop, summed over channels (Sundararajan, Taly and Yan, ICML 2017,
    equation 1): all together they are the log-odds that the crop has beyond the faint one. Of a method that works on
    frequencies they are those of the crop's cosine coefficients, low ones top left: the sum is the same, but a pixel's
    share of a logarithm of coefficients is that of the smallest of them.
    """
    with needs("explain"):
        from captum.attr import IntegratedGradients

    view = crop[None].float()
    faint = torch.lerp(_mean_colour(crop), view, FAINT)
    forward = _differentiable_odds(attributor, source)
    slopes: Tensor = IntegratedGradients(forward, multiply_by_inputs=False).attribute(
        view, baselines=faint, n_steps=STEPS, internal_batch_size=GRADIENTS_AT_ONCE
    )
    step, slope = (view - faint)[0], slopes[0].detach().float()
    if attributor.feature_places == "frequencies":
        step, slope = dct2(step), dct2(slope)
    return (step * slope).sum(0)


def grad_cam(attributor: Attributor, crop: Tensor, source: int, layer: str) -> Tensor:
    """Return the Grad-CAM of a source's log-odds at a layer, bilinearly upsampled to the crop, float32 (S, S).

    Selvaraju et al. (ICCV 2017), equations 1 and 2, but for the latter's ReLU: what speaks against the source stays.
    """
    with needs("explain"):
        from captum.attr import LayerAttribution, LayerGradCam

    explained = LayerGradCam(_differentiable_odds(attributor, source), attributor.network.get_submodule(layer))
    raised = explained.attribute(crop[None].float())
    upsampled: Tensor = LayerAttribution.interpolate(raised, tuple(crop.shape[1:]), "bilinear")
    return upsampled[0, 0].detach().float().cpu()


def last_features(attributor: Attributor, crop: Tensor) -> str | None:
    """Return the name of the layer that gives a network's last feature map of more than one place, if any does.

    It is the innermost module with convolutions in it whose output that map is.
    """
    maps: list[tuple[str, Tensor]] = []

    def note(name: str, output: object) -> None:
        if isinstance(output, Tensor) and output.ndim == 4 and min(output.shape[2:]) > 1:
            maps.append((name, output))

    handles = [
        module.register_forward_hook(lambda module, given, output, name=name: note(name, output))
        for name, module in attributor.network.named_modules()
        if name and any(isinstance(part, nn.Conv2d) for part in module.modules())
    ]
    try:
        attributor.predict(crop[None])
    finally:
        for handle in handles:
            handle.remove()
    return next((name for name, output in maps if output is maps[-1][1]), None)


def _log_odds(prediction: Prediction, source: int) -> Tensor:
    """Return the log-odds (B,) of a source, which unlike its probability do not saturate."""
    logits = prediction.attribution.float().cpu()
    others = torch.arange(logits.shape[1]) != source
    return logits[:, source] - logits[:, others].logsumexp(1)


def _differentiable_odds(attributor: Attributor, source: int) -> Callable[[Tensor], Tensor]:
    return lambda images: _log_odds(attributor.differentiate(images), source)


def _mean_colour(crop: Tensor) -> Tensor:
    """Return the crop's mean colour, in whole grey levels, all over (1, 3, S, S), float32."""
    return crop.float().mean((1, 2), keepdim=True).round().expand(crop.shape)[None]
