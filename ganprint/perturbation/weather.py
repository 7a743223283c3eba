"""Weather: snow, frost and spatter (fog has its own module).

Each returns what changes rows of the images, float32 (n, 3, h, W) in 0..255; results may leave that range. Constants
are ImageNet-C's (Hendrycks and Dietterich 2019).
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
from ganprint.perturbation import pieces
from ganprint.perturbation.drops import light_on
from ganprint.perturbation.filters import enlarge, smear, smooth, zoomed_size
from ganprint.perturbation.pieces import Painter
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


def snow(images: Tensor, severities: Sequence[int], streams: Sequence[Stream]) -> Painter:
    """Whiten the image and add streaks of snow, falling one way and its opposite."""
    height, width = images.shape[-2:]
    layers = []
    for severity, stream in zip(severities, streams, strict=True):
        rows, columns = (zoomed_size(side, SNOW[severity - 1][2])[0] for side in (height, width))
        seeds = normal_fields([stream], rows, columns)[0]
        layers.append(falling_snow(seeds, (height, width), severity, stream.uniform(*SNOW_ANGLE)).to(torch.uint8))
    flakes = torch.stack(layers)[:, None]
    turned = flakes.rot90(2, (2, 3))
    return lambda rows, place: add_snow(rows, flakes[..., place, :].float() + turned[..., place, :], severities)


def falling_snow(seeds: Tensor, size: tuple[int, int], severity: int, angle: float) -> Tensor:
    """Return streaks of snow (H, W), whole levels 0..255, at `angle` degrees.

    They grow from standard normal `seeds`, whose sides `zoomed_size` gives for the size (H, W).
    """
    mean, deviation, scale, threshold, radius, sigma, _ = SNOW[severity - 1]
    tall, wide = (zoomed_size(side, scale)[1] for side in size)
    layer = enlarge((seeds * deviation + mean)[None, None], (tall, wide))[0]
    layer.masked_fill_(layer < threshold, 0.0).clamp_(max=1)
    layer = smear(layer, int(radius), sigma, angle)
    return layer[0, : size[0], : size[1]].mul_(255).round_()


def add_snow(images: Tensor, flakes: Tensor, severities: Sequence[int]) -> Tensor:
    """Return images whitened, plus layers of snow (n, 1, H, W)."""
    red, green, blue = images.unbind(1)
    grey = (red * LUMA[0] + green * LUMA[1] + blue * LUMA[2])[:, None]
    white = torch.maximum(images, grey * 1.5 + 127.5)
    kept = per_image([each[6] for each in SNOW], severities, images)
    return images * kept + white * (1 - kept) + flakes


def frost(images: Tensor, severities: Sequence[int], streams: Sequence[Stream]) -> Painter:
    """Blend with a random part of a picture of frost."""
    height, width = images.shape[-2:]
    parts = []
    for stream in streams:
        picture = frost_picture(FROST_PICTURES[stream.below(len(FROST_PICTURES))], height, width)
        top, left = stream.below(picture.shape[1] - height), stream.below(picture.shape[2] - width)
        parts.append(picture[:, top : top + height, left : left + width])
    ice = parts[0][None] if len(parts) == 1 else torch.stack(parts)
    return lambda rows, place: blend_frost(rows, ice[..., place, :], severities)


def blend_frost(images: Tensor, ice: Tensor, severities: Sequence[int]) -> Tensor:
    """Return the weighted sum of images and pieces of frost uint8 (n, 3, H, W)."""
    image_weight = per_image([each[0] for each in FROST], severities, images)
    ice_weight = per_image([each[1] for each in FROST], severities, images)
    return (ice.to(images.device).to(images.dtype) * ice_weight).add_(images * image_weight)


def frost_picture(name: str, height: int, width: int) -> Tensor:
    """Return a picture of frost, uint8 (3, h, w), large enough to cut a piece of height x width anywhere from."""
    tall, wide = _frost_source(name).shape[1:]
    scale = max(1.0, height / tall, width / wide) * FROST_SCALE
    size = math.ceil(tall * scale), math.ceil(wide * scale)
    return _resized(name, *size) if height * width > pieces.LARGE else _frost_resized(name, *size)


@lru_cache(maxsize=len(FROST_PICTURES))
def _frost_source(name: str) -> Tensor:
    """Return a frost picture of the installed imagecorruptions, uint8 (3, h, w), without importing that."""
    from PIL import Image

    spec = find_spec("imagecorruptions")
    folders = spec.submodule_search_locations if spec else None
    path = Path(folders[0], "frost", name) if folders else Path(name)
    if not path.is_file():
        raise PerturbationError(
            f"The frost picture {name} is missing.", "It comes with the package: pip install imagecorruptions."
        )
    with Image.open(path) as picture:
        return torch.from_numpy(np.array(picture.convert("RGB"))).permute(2, 0, 1).contiguous()


def _resized(name: str, height: int, width: int) -> Tensor:
    resized = torch.empty(3, height, width, dtype=torch.uint8)
    for given, channel in zip(_frost_source(name), resized, strict=True):
        larger = F.interpolate(given[None, None].float(), size=(height, width), mode="bicubic", align_corners=False)
        channel.copy_(larger[0, 0].round_().clamp_(0, 255))
    return resized


_frost_resized = lru_cache(maxsize=2 * len(FROST_PICTURES))(_resized)


def spatter(images: Tensor, severities: Sequence[int], streams: Sequence[Stream]) -> Painter:
    """Splash with water (severity 1 to 3; its drops are made on the CPU) or mud (4 and 5)."""
    size = (images.shape[-2], images.shape[-1])
    splashes = [_splash(size, severity, stream) for severity, stream in zip(severities, streams, strict=True)]
    layers = splashes[0][None] if len(splashes) == 1 else torch.stack(splashes)
    muddy = [severity >= FIRST_MUD for severity in severities]
    colours = torch.tensor([MUD if mud else WATER for mud in muddy], device=images.device).view(-1, 3, 1, 1)
    covered = torch.tensor(muddy, device=images.device).float().view(-1, 1, 1, 1)
    # The reference clips the splash's colour, which is below 1 whatever its opacity.
    return lambda rows, place: rows + layers[..., place, :] * (colours - rows * covered)


def _splash(size: tuple[int, int], severity: int, stream: Stream) -> Tensor:
    """Return the light on drops of water, or how far mud covers, float32 (1, H, W)."""
    mean, deviation, sigma, threshold, strength = SPATTER[severity - 1]
    liquid = smooth(normal_fields([stream], 1, *size).mul_(deviation).add_(mean), (sigma, sigma))[0]
    if severity < FIRST_MUD:
        drops = liquid.masked_fill_(liquid < threshold, 0.0)[0].mul_(255).to(torch.uint8)
        del liquid
        return torch.from_numpy(light_on(drops.cpu().numpy())).to(stream.device).mul_(strength)[None]
    wet = (liquid > threshold).float()
    del liquid
    cover = smooth(wet[None], (strength, strength))[0]
    return cover.masked_fill_(cover < MUD_THRESHOLD, 0.0)
