"""Perturb a large image in pieces with the same result, to limit the memory of float copies."""

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import wraps

import torch
from torch import Tensor

from ganprint.perturbation.severity import Kernel
from ganprint.perturbation.stream import Stream

BY_VALUE = ("gaussian_noise", "shot_noise", "impulse_noise", "speckle_noise")
"""Kinds that change each value by itself, and draw for each in turn."""

BY_ROW = ("brightness", "saturate", "gaussian_blur", "defocus_blur", "motion_blur")
"""Kinds whose result depends on no row farther away than `REACH`."""

BY_CHANNEL = ("contrast", "zoom_blur", "pixelate")
"""Kinds that change each channel by itself."""

IN_PIECES = (*BY_VALUE, *BY_ROW, *BY_CHANNEL)
"""Kinds whose kernel can be given pieces."""

REACH = 64
"""Rows; the longest motion blur reaches 41."""

LARGE = 2**23
"""Pixels of an image that is taken in pieces, and values of a piece at most, or so."""

_COPIES = 4  # that a painter holds of what it is given, or so
_BLOCK = 16  # torch draws normal numbers in blocks of so many

Painter = Callable[[Tensor, slice], Tensor]
"""Changes rows of an image, given as float32 and by their places: what was drawn for the image is in it already."""


@dataclass(frozen=True)
class Piece:
    """What a kernel is given, where its result belongs, and how many of the result's first rows do not."""

    given: Tensor
    target: Tensor
    skipped: int = 0

    def put(self, done: Tensor) -> None:
        """Put what a kernel made of `given` where it belongs."""
        self.target.copy_(done[..., self.skipped : self.skipped + self.target.shape[-2], :])


def pieces_of(images: Tensor, result: Tensor, kind: str) -> Iterator[Piece]:
    """Yield the pieces of one image (1, 3, H, W) and their places in `result`, both contiguous."""
    if kind in BY_VALUE:
        flat, target = images.view(1, 1, 1, -1), result.view(1, 1, 1, -1)
        count = flat.shape[-1]
        starts = [*range(0, max(count - _BLOCK, 1), LARGE), count]
        for start, stop in itertools.pairwise(starts):
            yield Piece(flat[..., start:stop], target[..., start:stop])
    elif kind in BY_ROW:
        yield from rows_of(images, result)
    else:
        for channel in range(3):
            yield Piece(images[:, channel : channel + 1], result[:, channel : channel + 1])


def rows_of(images: Tensor, result: Tensor) -> Iterator[Piece]:
    """Yield images (n, c, H, W) by rows, with REACH more on either side, and their places in `result`."""
    height, width = images.shape[-2:]
    step = max(4 * REACH, LARGE // (3 * width))
    for top in range(0, height, step):
        first, last = max(0, top - REACH), min(height, top + step + REACH)
        yield Piece(images[..., first:last, :], result[..., top : top + step, :], top - first)


def painted(kind: Callable[[Tensor, Sequence[int], Sequence[Stream]], Painter]) -> Kernel:
    """Return the kernel that changes images whole by the painter of a kind."""

    @wraps(kind)
    def kernel(images: Tensor, severities: Sequence[int], streams: Sequence[Stream]) -> Tensor:
        return kind(images, severities, streams)(images, slice(images.shape[-2]))

    return kernel


def paint(images: Tensor, painter: Painter) -> Tensor:
    """Return uint8 images (1, 3, H, W) changed by a painter, some rows at a time."""
    result = torch.empty_like(images)
    for part in parts_of(images.shape[-2], _COPIES * 3 * images.shape[-1]):
        done = painter(images[..., part, :].float(), part)
        result[..., part, :] = done.clamp_(0, 255)
    return result


def parts_of(height: int, width: int) -> Iterator[slice]:
    """Yield slices of rows that have together some LARGE values, all of them where they are no more."""
    step = max(1, LARGE // width)
    return (slice(top, min(top + step, height)) for top in range(0, height, step))


def is_large(images: Tensor) -> bool:
    """Say whether a batch is one image that is taken in pieces."""
    large = len(images) == 1 and images.shape[-2] * images.shape[-1] > LARGE
    return large and images.is_contiguous() and images.device.type == "cpu"
