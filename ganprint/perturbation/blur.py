"""Blur: defocus, glass, motion, zoom and gaussian.

Images are float32 (n, 3, H, W) in 0..255; constants are ImageNet-C's (Hendrycks and Dietterich 2019).
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from ganprint.perturbation import pieces
from ganprint.perturbation.filters import average_over_disk, enlarge, smear, smooth, zoomed_size
from ganprint.perturbation.severity import by_severity
from ganprint.perturbation.stream import Stream, uniform_fields

DEFOCUS = (
    (3, 0.1, 0, 1.0),
    (4, 0.5, 1, 1.0),
    (6, 0.5, 1, 1.0),
    (8, 0.5, 1, 1.01298),
    (10, 0.5, 2, 1.01079),
)
"""Radius of the disk; the Gaussian that softens it and its reach (0: too narrow to matter), pixels; the gain.

The two largest disks touch the border of the reference's kernel, where softening mirrors: its sum exceeds 1.
"""
GAUSSIAN = (1.0, 2.0, 3.0, 4.0, 6.0)
"""Standard deviation, pixels."""
GLASS = ((0.7, 1, 2), (0.9, 2, 1), (1.0, 2, 3), (1.1, 3, 2), (1.5, 4, 2))
"""Gaussian in pixels, farthest displacement in pixels, rounds."""
MOTION = ((10, 3), (15, 5), (15, 8), (15, 12), (20, 15))
"""Radius and Gaussian of the line, steps."""
MOTION_ANGLE = 45.0
"""Lines lie within this angle of the horizontal, degrees."""
ZOOM = ((1.11, 0.01), (1.16, 0.01), (1.21, 0.02), (1.26, 0.02), (1.31, 0.03))
"""Enlargements averaged over: the end and the step of np.arange from 1, whose rounding decides how many."""


@by_severity
def gaussian_blur(images: Tensor, severity: int) -> Tensor:
    """Blur by a Gaussian."""
    sigma = GAUSSIAN[severity - 1]
    return smooth(images, (sigma, sigma))


@by_severity
def defocus_blur(images: Tensor, severity: int) -> Tensor:
    """Average over a softened disk.

    The image is softened instead of the disk, which is the same but for the outermost pixels of the two
    largest disks, where only the sum of the reference's weights is kept.
    """
    radius, sigma, reach, gain = DEFOCUS[severity - 1]
    if reach:
        images = smooth(images, (sigma, sigma), edge="mirror", truncate=reach / sigma)
    return average_over_disk(images, radius).mul_(gain)


def motion_blur(images: Tensor, severities: Sequence[int], streams: Sequence[Stream]) -> Tensor:
    """Average along a line at a random angle."""
    blurred = [
        smear(image, *MOTION[severity - 1], stream.uniform(-MOTION_ANGLE, MOTION_ANGLE))
        for image, severity, stream in zip(images, severities, streams, strict=True)
    ]
    return torch.stack(blurred)


@by_severity
def zoom_blur(images: Tensor, severity: int) -> Tensor:
    """Average the image, counted twice, with its enlargements about the middle."""
    height, width = images.shape[-2:]
    end, step = ZOOM[severity - 1]
    factors = np.arange(1, end, step)
    total = images * 2
    for factor in factors[1:]:
        rows, tall = zoomed_size(height, factor)
        columns, wide = zoomed_size(width, factor)
        top, left = (height - rows) // 2, (width - columns) // 2
        middle = images[..., top : top + rows, left : left + columns]
        total.add_(enlarge(middle, (tall, wide))[..., :height, :width])
    return total.div_(len(factors) + 1)


def glass_blur(images: Tensor, severities: Sequence[int], streams: Sequence[Stream]) -> Tensor:
    """Blur, displace each pixel within a small neighbourhood, blur again."""
    height, width = images.shape[-2:]
    soft = _soften_for_glass(images, severities, streams)
    # The reference keeps the blurred image as 8-bit; the gradient passes the truncation by.
    soft = soft + (soft.detach().add(1e-4).floor_() - soft.detach())
    displaced = []
    for image, severity, stream in zip(soft, severities, streams, strict=True):
        _, reach, rounds = GLASS[severity - 1]
        for _ in range(rounds):
            draws = uniform_fields([stream], 2, max(0, height - 2 * reach), max(0, width - 2 * reach))[0]
            image = displace(image, (draws * (2 * reach)).long() - reach, reach)
        displaced.append(image)
    return _soften_for_glass(torch.stack(displaced), severities, streams)


@by_severity
def _soften_for_glass(images: Tensor, severity: int) -> Tensor:
    sigma = GLASS[severity - 1][0]
    return smooth(images, (sigma, sigma))


def glass_blur_by_rows(images: Tensor, severity: int, stream: Stream) -> Tensor:
    """Return one large image uint8 (1, 3, H, W) as `glass_blur` does, truncated, without float copies of all of it."""
    _, reach, rounds = GLASS[severity - 1]
    soft, result = torch.empty_like(images), torch.empty_like(images)
    for piece in pieces.rows_of(images, soft):
        piece.put(_soften_for_glass(piece.given.float(), [severity], [stream]).add_(1e-4))
    for _ in range(rounds):
        _displace_by_rows(soft[0], reach, stream)
    for piece in pieces.rows_of(soft, result):
        piece.put(_soften_for_glass(piece.given.float(), [severity], [stream]))
    return result


def _displace_by_rows(image: Tensor, reach: int, stream: Stream) -> None:
    """Displace an image (c, H, W) in place by offsets drawn as `glass_blur` draws them.

    From the bottom up: when rows have their turn, those below are as they will be, those above as they were.
    """
    height, width = image.shape[-2:]
    rows, columns = _inner(height, reach), _inner(width, reach)
    offsets = torch.empty(2, max(0, height - 2 * reach), max(0, width - 2 * reach), dtype=torch.int8)
    for part in pieces.parts_of(offsets.numel(), 1):
        draws = uniform_fields([stream], part.stop - part.start)[0]
        offsets.view(-1)[part] = (draws * (2 * reach)).long() - reach
    for part in reversed([*pieces.parts_of(height, 4 * width)]):
        first, last = max(0, part.start - reach), min(height, part.stop + reach)
        top, bottom = max(part.start, rows.start), min(part.stop, rows.stop)
        shifts = torch.zeros(last - first, width, dtype=torch.int64)
        if top < bottom:
            right, down = offsets[:, top - rows.start : bottom - rows.start].long()
            shifts[top - first : bottom - first, columns] = down * width + right
        taken = _taken(image[:, first:last], shifts)
        image[:, part] = taken[:, part.start - first : part.stop - first]


def displace(image: Tensor, offsets: Tensor, reach: int) -> Tensor:
    """Return an image (c, H, W) whose pixels took a neighbour's value one after the other, last pixel first.

    `offsets` (2, H - 2 reach, W - 2 reach) int64, right and down, is for pixels reach+1..H-reach and
    reach+1..W-reach. A pixel takes the value that the neighbour has by then, so values can travel; the
    travel is followed by pointer jumping, in log2(longest) steps, instead of pixel by pixel.
    (ImageNet-C means a swap, but its tuple assignment of array views copies one way.)
    """
    height, width = image.shape[-2:]
    shifts = torch.zeros(height, width, dtype=torch.int64, device=image.device)
    shifts[_inner(height, reach), _inner(width, reach)] = offsets[1] * width + offsets[0]
    return _taken(image, shifts)


def _inner(size: int, reach: int) -> slice:
    return slice(reach + 1, size - reach + 1)


def _taken(image: Tensor, shifts: Tensor) -> Tensor:
    """Return an image (c, H, W) whose pixels took values so far on in reading order (H, W), the last pixel first."""
    channels, height, width = image.shape
    place = torch.arange(height * width, device=image.device)
    source = place + shifts.flatten()
    # A neighbour earlier in reading order has not been reached yet: its value is the original one.
    following = torch.where(source > place, source, place)
    while not torch.equal(further := following.index_select(0, following), following):
        following = further
    taken = source.index_select(0, following)
    return image.reshape(channels, -1).index_select(1, taken).view_as(image)
