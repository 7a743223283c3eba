"""Fog: a plasma fractal added to the image (constants of ImageNet-C, Hendrycks and Dietterich 2019)."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from ganprint.perturbation.pieces import Painter
from ganprint.perturbation.severity import per_image
from ganprint.perturbation.stream import Stream, uniform_fields

FOG = ((1.5, 2.0), (2.0, 2.0), (2.5, 1.7), (2.5, 1.5), (3.0, 1.4))
"""Thickness of 1, and by what the wobble is divided from one scale to the next."""
FIRST_WOBBLE = 100.0


def fog(images: Tensor, severities: Sequence[int], streams: Sequence[Stream]) -> Painter:
    """Return what adds fog to rows of images (n, 3, H, W) in 0..255."""
    side = fog_side(*images.shape[-2:])
    # The CPU draws the same numbers at once and as they are needed, which takes less memory; others do not.
    draws = None if images.device.type == "cpu" else uniform_fields(streams, side * side - 1)
    used = 0

    def noise(count: int) -> Tensor:
        nonlocal used
        used += count * count
        drawn = uniform_fields(streams, count * count) if draws is None else draws[:, used - count * count : used]
        return drawn.mul_(2).sub_(1).view(-1, count, count)

    fades = torch.tensor([FOG[severity - 1][1] for severity in severities], device=images.device).view(-1, 1, 1)
    clouds = plasma(side, fades, noise)
    brightest = images.amax(dim=(1, 2, 3), keepdim=True).float()
    return lambda rows, place: add_fog(rows, clouds[:, place], severities, brightest)


def add_fog(images: Tensor, clouds: Tensor, severities: Sequence[int], brightest: Tensor) -> Tensor:
    """Add clouds (n, side, side) in 0..1 to images and scale each sum to its image's maximum (n, 1, 1, 1)."""
    height, width = images.shape[-2:]
    thickness = per_image([255 * thickness for thickness, _ in FOG], severities, images)
    gain = brightest / (brightest + thickness)
    return images * gain + clouds[:, None, :height, :width] * (thickness * gain)


def fog_side(height: int, width: int) -> int:
    """Return the side of the plasma: the power of two, at least 2, that covers the image."""
    return max(2, 1 << (max(height, width) - 1).bit_length())


def plasma(side: int, fades: Tensor, noise: Callable[[int], Tensor]) -> Tensor:
    """Return periodic plasma fractals (n, side, side) scaled to 0..1, by the diamond-square algorithm.

    `fades` (n, 1, 1) divides the wobble at each finer scale; `noise(k)` gives numbers uniform in
    [-1, 1), (n, k, k), in the order squares, upper diamonds, left diamonds from coarse to fine.
    """
    maps = torch.zeros(fades.shape[0], side, side, dtype=fades.dtype, device=fades.device)
    wobble = torch.full_like(fades, FIRST_WOBBLE)
    step = side
    while step >= 2:
        half, count = step // 2, side // step
        amplitude = wobble * wobble
        corners = maps[:, ::step, ::step]
        pairs = corners + corners.roll(-1, 1)
        centres = (pairs + pairs.roll(-1, 2)) / 4 + amplitude * noise(count)
        maps[:, half::step, half::step] = centres
        upper = (centres + centres.roll(1, 1) + (corners + corners.roll(-1, 2))) / 4
        left = (centres + centres.roll(1, 2) + (corners + corners.roll(-1, 1))) / 4
        maps[:, ::step, half::step] = upper + amplitude * noise(count)
        maps[:, half::step, ::step] = left + amplitude * noise(count)
        wobble = wobble / fades
        step = half
    low, high = maps.amin(dim=(1, 2), keepdim=True), maps.amax(dim=(1, 2), keepdim=True)
    return maps.sub_(low).div_(high - low)
