"""Mixed severities in one batch: a constant for each image, or a kernel for each severity."""

from collections.abc import Callable, Sequence
from functools import wraps
from itertools import groupby

import torch
from torch import Tensor

from ganprint.perturbation.stream import Stream

Kernel = Callable[[Tensor, Sequence[int], Sequence[Stream]], Tensor]
"""Images float32 (n, 3, H, W) in 0..255, severities, streams; gives images that may leave that range."""


def per_image(table: Sequence[float], severities: Sequence[int], images: Tensor) -> Tensor:
    """Return the constant of each image's severity as a tensor (n, 1, 1, 1) beside `images`."""
    values = [table[severity - 1] for severity in severities]
    return torch.tensor(values, dtype=images.dtype, device=images.device).view(-1, 1, 1, 1)


def by_severity(function: Callable[[Tensor, int], Tensor]) -> Kernel:
    """Return a kernel that gives each run of images of one severity to `function(images, severity)`."""

    @wraps(function)
    def kernel(images: Tensor, severities: Sequence[int], streams: Sequence[Stream]) -> Tensor:
        runs = [(severity, len(list(run))) for severity, run in groupby(severities)]
        parts = torch.split(images, [length for _, length in runs])
        done = [function(part, severity) for part, (severity, _) in zip(parts, runs, strict=True)]
        return done[0] if len(done) == 1 else torch.cat(done)

    return kernel
