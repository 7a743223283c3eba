"""Linear filters that several corruptions share: extended edges, Gaussian, line and zoom.

All take float32 tensors (n, c, H, W) of any scale and any size from 1 x 1 up, keep the shape unless they
say otherwise, and pass gradients.
"""

import math
from functools import lru_cache
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from ganprint.perturbation import pieces
from ganprint.perturbation.stream import Stream, uniform_fields

Edge = Literal["nearest", "reflect", "mirror"]
"""What lies beyond the edge, in SciPy's words: a|abc|c, cba|abc|cba, cb|abc|ba."""

MIDDLE = 127.5


def extend(images: Tensor, rows: int, columns: int, edge: Edge) -> Tensor:
    """Return images with `rows` more above and below and `columns` more left and right."""
    height, width = images.shape[-2:]
    for dim, size, margin in ((-2, height, rows), (-1, width, columns)):
        if margin:
            images = images.index_select(dim, _positions(size, margin, edge, images.device))
    return images


@lru_cache(maxsize=64)
@torch.inference_mode(False)  # it is kept, and may be asked for gradients later
def _positions(size: int, margin: int, edge: Edge, device: torch.device) -> Tensor:
    position = torch.arange(-margin, size + margin)
    if edge == "nearest" or size == 1:
        position = position.clamp(0, size - 1)
    else:
        period = 2 * size if edge == "reflect" else 2 * size - 2
        last = period - 1 if edge == "reflect" else period
        position = position.remainder(period)
        position = torch.minimum(position, last - position)
    return position.to(device)


def gaussian_taps(sigma: float, truncate: float) -> list[float]:
    """Return the weights of a Gaussian cut `truncate` standard deviations out, summing to 1, as SciPy's."""
    radius = int(truncate * sigma + 0.5)
    weights = [math.exp(-0.5 * (step / sigma) ** 2) for step in range(-radius, radius + 1)]
    total = sum(weights)
    return [weight / total for weight in weights]


def smooth(images: Tensor, sigma: tuple[float, float], edge: Edge = "nearest", truncate: float = 4.0) -> Tensor:
    """Return images blurred by a Gaussian of `sigma` (down, across) pixels.

    Shifted copies are added up: on the CPU quicker than a convolution up to some fifty taps. A large image is taken by
    rows, so that no copies of all of it are held.
    """
    height = images.shape[-2]
    vertical, horizontal = (gaussian_taps(each, truncate) for each in sigma)
    reach = len(vertical) // 2
    if images.numel() <= pieces.LARGE or images.requires_grad or images.device.type != "cpu":
        return _smoothed(extend(images, reach, 0, edge), vertical, horizontal, edge)
    places, blurred = _positions(height, reach, edge, images.device), torch.empty_like(images)
    for part in pieces.parts_of(height, images.numel() // height):
        padded = images.index_select(-2, places[part.start : part.stop + 2 * reach])
        blurred[..., part, :] = _smoothed(padded, vertical, horizontal, edge)
    return blurred


class SmoothedField:
    """Numbers uniform in [-1, 1), (1, 1, H, W), drawn and blurred some rows at a time, from the top down.

    They are what `smooth` returns of `2 * uniform_fields([stream], 1, H, W) - 1` with the edge "reflect".
    """

    def __init__(self, stream: Stream, size: tuple[int, int], sigma: tuple[float, float], truncate: float) -> None:
        self._stream = stream
        self._vertical, self._horizontal = (gaussian_taps(each, truncate) for each in sigma)
        self._reach = len(self._vertical) // 2
        self._places = _positions(size[0], self._reach, "reflect", stream.device)
        self._drawn = torch.empty(1, 1, 0, size[1], device=stream.device)
        self._first = 0

    def rows(self, place: slice) -> Tensor:
        """Return the rows of a place (1, 1, h, W), which no earlier one may follow."""
        places = self._places[place.start : place.stop + 2 * self._reach]
        first, after = int(places.min()), int(places.max()) + 1
        kept = self._drawn[..., first - self._first :, :]
        missing = after - first - kept.shape[-2]
        if missing > 0:
            more = uniform_fields([self._stream], 1, missing, kept.shape[-1]).mul_(2).sub_(1)
            kept = torch.cat([kept, more], -2)
        self._drawn, self._first = kept, first
        return _smoothed(kept.index_select(-2, places - first), self._vertical, self._horizontal, "reflect")


def _smoothed(padded: Tensor, vertical: list[float], horizontal: list[float], edge: Edge) -> Tensor:
    """Return images blurred by weights down and across; they come with as many more rows as that takes."""
    height, width = padded.shape[-2] - len(vertical) + 1, padded.shape[-1]
    columns = padded[..., :height, :] * vertical[0]
    for top, weight in enumerate(vertical[1:], start=1):
        columns.add_(padded[..., top : top + height, :], alpha=weight)
    padded = extend(columns, 0, len(horizontal) // 2, edge)
    blurred = padded[..., :width] * horizontal[0]
    for left, weight in enumerate(horizontal[1:], start=1):
        blurred.add_(padded[..., left : left + width], alpha=weight)
    return blurred


def smear(image: Tensor, radius: int, sigma: float, angle: float) -> Tensor:
    """Return one image (c, H, W) averaged along a line from each pixel on, as ImageNet-C's motion blur.

    The line has 2 radius + 1 whole-pixel steps at `angle` degrees from the row's direction, weighted by
    half a Gaussian of `sigma` steps; past the edge its last pixel counts. As in imagecorruptions, steps as
    long as the image are dropped with their weight, which darkens images smaller than the line.
    """
    height, width = image.shape[-2:]
    steps = 2 * radius + 1
    weights = [math.exp(-0.5 * (step / sigma) ** 2) for step in range(steps)]
    total = sum(weights)
    sine, cosine = math.sin(math.radians(angle)), math.cos(math.radians(angle))
    offsets = []
    for step in range(steps):
        down, right = math.ceil(step * sine - 0.5), math.ceil(step * cosine - 0.5)
        if abs(down) >= height or abs(right) >= width:
            break
        offsets.append((down, right))
    rows = max(abs(down) for down, _ in offsets)
    columns = max(abs(right) for _, right in offsets)
    padded = extend(image, rows, columns, "nearest")
    blurred = image * (weights[0] / total)
    for (down, right), weight in zip(offsets[1:], weights[1:], strict=False):
        part = padded[:, rows + down : rows + down + height, columns + right : columns + right + width]
        blurred.add_(part, alpha=weight / total)
    return blurred


def average_over_disk(images: Tensor, radius: int) -> Tensor:
    """Return images averaged over the pixels within `radius` of each, mirrored at the edge.

    A disk is a stack of horizontal runs, and a run is a difference of two running sums: two additions a
    row of the disk, whatever its width.
    """
    height, width = images.shape[-2:]
    padded = extend(images, radius, radius, "mirror")
    # Running sums stay small, and exact to far below a level, about the middle of the range.
    sums = F.pad((padded - MIDDLE).cumsum(-1), (1, 0))
    runs = [math.isqrt(radius**2 - down**2) for down in range(-radius, radius + 1)]
    total = torch.zeros_like(images)
    for top, run in enumerate(runs):
        rows = sums[..., top : top + height, :]
        total.add_(rows[..., radius + run + 1 : radius + run + 1 + width])
        total.sub_(rows[..., radius - run : radius - run + width])
    return total.div_(sum(2 * run + 1 for run in runs)).add_(MIDDLE)


def zoomed_size(size: int, factor: float) -> tuple[int, int]:
    """Return the length of the middle part of a side that `factor` enlarges, and its length enlarged."""
    part = math.ceil(size / factor)
    return part, round(part * factor)


def enlarge(images: Tensor, size: tuple[int, int]) -> Tensor:
    """Return images enlarged linearly to `size`, corners on corners, as scipy.ndimage.zoom of order 1."""
    return F.interpolate(images, size=size, mode="bilinear", align_corners=True)
