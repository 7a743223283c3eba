"""Weather: snow, frost and spatter (fog has its own module).

Images are float32 (n, 3, H, W) in 0..255, results may leave that range; constants are ImageNet-C's
(Hendrycks and Dietterich 2019).
"""

import math
from collections.abc import Sequence
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ganprint.errors import PerturbationError
from ganprint.perturbation.drops import light_on
from ganprint.perturbation.filters import enlarge, smear, smooth, zoomed_size
from ganprint.perturbation.severity import per_image
from ganprint.perturbation.stream import Stream, normal_fields

SNOW = (
    (0.1, 0.3, 3, 0.5, 10, 4, 0.8),
    (0.2, 0.3, 2, 0.5, 12, 4, 0.7),
    (0.55, 0.3, 4, 0.9, 12, 8, 0.7),
    (0.55, 0.3, 4.5, 0.85, 12, 8, 0.65),
    (0.55, 0.3, 2.5, 0.85, 12, 12, 0.55),
)
"""Flakes' mean, deviation, size and threshold; their fall's radius and Gaussian; what stays of the image."""
SNOW_ANGLE = (-135.0, -45.0)
LUMA = (0.299, 0.587, 0.114)

FROST = ((1.0, 0.4), (0.8, 0.6), (0.7, 0.7), (0.65, 0.7), (0.6, 0.75))
"""Weights of the image and of the frost picture."""
FROST_PICTURES = ("frost1.png", "frost2.png", "frost3.png", "frost4.jpg", "frost5.jpg")
"""Those the reference draws from; its sixth is never drawn."""
FROST_SCALE = 1.1

SPATTER = (
    (0.65, 0.3, 4, 0.69, 0.6),
    (0.65, 0.3, 3, 0.68, 0.6),
    (0.65, 0.3, 2, 0.68, 0.5),
    (0.65, 0.3, 1, 0.65, 1.5),
    (0.67, 0.4, 1, 0.65, 1.5),
)
"""Liquid's mean, deviation, Gaussian and threshold; water's opacity (1..3) or mud's Gaussian (4, 5)."""
FIRST_MUD = 4
WATER = (175.0, 238.0, 238.0)
MUD = (63.0, 42.0, 20.0)
MUD_THRESHOLD = 0.8


def snow(images: Tensor, severities: Sequence[int], streams: Sequence[Stream]) -> Tensor:
    """Whiten the image and add streaks of snow, falling one way and its opposite."""
    height, width = images.shape[-2:]
    layers = []
    for severity, stream in zip(severities, streams, strict=True):
        rows, columns = (zoomed_size(side, SNOW[severity - 1][2])[0] for side in (height, width))
        seeds = normal_fields([stream], rows, columns)[0]
        layers.append(falling_snow(seeds, (height, width), severity, stream.uniform(*SNOW_ANGLE)))
    return add_snow(images, torch.stack(layers)[:, None], severities)


def falling_snow(seeds: Tensor, size: tuple[int, int], severity: int, angle: float) -> Tensor:
    """Return streaks of snow (H, W), whole levels 0..255, at `angle` degrees.

    They grow from standard normal `seeds`, whose sides `zoomed_size` gives for the size (H, W).
    """
    mean, deviation, scale, threshold, radius, sigma, _ = SNOW[severity - 1]
    tall, wide = (zoomed_size(side, scale)[1] for side in size)
    layer = enlarge((seeds * deviation + mean)[None, None], (tall, wide))[0]
    layer = torch.where(layer < threshold, 0.0, layer.clamp(max=1))
    layer = smear(layer, int(radius), sigma, angle)
    return layer[0, : size[0], : size[1]].mul(255).round_()


def add_snow(images: Tensor, flakes: Tensor, severities: Sequence[int]) -> Tensor:
    """Return images whitened, plus layers of snow (n, 1, H, W) and the same upside down."""
    red, green, blue = images.unbind(1)
    grey = (red * LUMA[0] + green * LUMA[1] + blue * LUMA[2])[:, None]
    white = torch.maximum(images, grey * 1.5 + 127.5)
    kept = per_image([each[6] for each in SNOW], severities, images)
    return images * kept + white * (1 - kept) + (flakes + flakes.rot90(2, (2, 3)))


def frost(images: Tensor, severities: Sequence[int], streams: Sequence[Stream]) -> Tensor:
    """Blend with a random part of a picture of frost."""
    height, width = images.shape[-2:]
    parts = []
    for stream in streams:
        picture = frost_picture(FROST_PICTURES[stream.below(len(FROST_PICTURES))], height, width)
        top, left = stream.below(picture.shape[1] - height), stream.below(picture.shape[2] - width)
        parts.append(picture[:, top : top + height, left : left + width])
    return blend_frost(images, torch.stack(parts), severities)


def blend_frost(images: Tensor, ice: Tensor, severities: Sequence[int]) -> Tensor:
    """Return the weighted sum of images and pieces of frost uint8 (n, 3, H, W)."""
    image_weight = per_image([each[0] for each in FROST], severities, images)
    ice_weight = per_image([each[1] for each in FROST], severities, images)
    return (ice.to(images.device).to(images.dtype) * ice_weight).add_(images * image_weight)


def frost_picture(name: str, height: int, width: int) -> Tensor:
    """Return a picture of frost, uint8 (3, h, w), large enough to cut a piece of height x width anywhere from."""
    tall, wide = _frost_source(name).shape[1:]
    scale = max(1.0, height / tall, width / wide) * FROST_SCALE
    return _frost_resized(name, math.ceil(tall * scale), math.ceil(wide * scale))


@lru_cache(maxsize=len(FROST_PICTURES))
def _frost_source(name: str) -> Tensor:
    """Return a frost picture of the installed imagecorruptions, uint8 (3, h, w), without importing that."""
    from PIL import Image

    spec = find_spec("imagecorruptions")
    folders = spec.submodule_search_locations if spec else None
    path = Path(folders[0], "frost", name) if folders else Path(name)
    if not path.is_file():
        raise PerturbationError(
            f"The frost picture {name} is missing.",
            "It comes with the package: pip install imagecorruptions.",
        )
    with Image.open(path) as picture:
        return torch.from_numpy(np.array(picture.convert("RGB"))).permute(2, 0, 1).contiguous()


@lru_cache(maxsize=2 * len(FROST_PICTURES))
def _frost_resized(name: str, height: int, width: int) -> Tensor:
    source = _frost_source(name)[None].float()
    resized = F.interpolate(source, size=(height, width), mode="bicubic", align_corners=False)
    return resized[0].round_().clamp_(0, 255).to(torch.uint8)


def spatter(images: Tensor, severities: Sequence[int], streams: Sequence[Stream]) -> Tensor:
    """Splash with water (severity 1 to 3; its drops are made on the CPU) or mud (4 and 5)."""
    height, width = images.shape[-2:]
    spattered = []
    for image, severity, stream in zip(images, severities, streams, strict=True):
        mean, deviation, sigma, threshold, strength = SPATTER[severity - 1]
        field = normal_fields([stream], 1, height, width).mul_(deviation).add_(mean)
        liquid = smooth(field, (sigma, sigma))[0]
        if severity < FIRST_MUD:
            drops = torch.where(liquid < threshold, 0.0, liquid)[0].mul(255).to(torch.uint8)
            light = torch.from_numpy(light_on(drops.cpu().numpy())).to(image.device).mul_(strength)
            colour = torch.tensor(WATER, device=image.device).view(3, 1, 1)
            # The reference clips the splash's colour, which is below 1 whatever its opacity.
            spattered.append(image + light * colour)
        else:
            wet = (liquid > threshold).float()
            cover = smooth(wet[None], (strength, strength))[0]
            cover = torch.where(cover < MUD_THRESHOLD, 0.0, cover)
            colour = torch.tensor(MUD, device=image.device).view(3, 1, 1)
            spattered.append(image + cover * (colour - image))
    return torch.stack(spattered)
