"""One random stream per image, so that an image comes out the same alone and in any batch."""

from collections.abc import Sequence
from functools import cached_property

import numpy as np
import torch
from torch import Tensor


class Stream:
    """The randomness of one image, fixed by its perturbation's seed.

    Fields come from a torch generator on the images' device, so CPU and CUDA draw different ones;
    single numbers come from a NumPy generator and are the same on every device.
    """

    def __init__(self, seed: int, device: torch.device) -> None:
        self.seed = seed
        self.device = device

    @cached_property
    def fields(self) -> torch.Generator:
        """The generator of fields, on the images' device."""
        return torch.Generator(self.device).manual_seed(self.seed)

    def after(self, draws: int) -> "Stream":
        """Return a stream whose fields begin after so many uniform draws of this one, which stays where it is."""
        later = Stream(self.seed, self.device)
        later.fields.set_state(self.fields.get_state())
        room = torch.empty(min(draws, 1 << 20), device=self.device)
        for begun in range(0, draws, 1 << 20):
            room[: draws - begun].uniform_(generator=later.fields)
        return later

    @cached_property
    def _numbers(self) -> np.random.Generator:
        return np.random.Generator(np.random.Philox(self.seed))

    def uniform(self, low: float, high: float) -> float:
        """Return one number uniform in [low, high)."""
        return float(self._numbers.uniform(low, high))

    def below(self, bound: int) -> int:
        """Return one integer uniform in [0, bound)."""
        return int(self._numbers.integers(bound))


def normal_fields(streams: Sequence[Stream], *shape: int) -> Tensor:
    """Return standard normal numbers (n, *shape) float32, one image's from each stream."""
    fields = torch.empty((len(streams), *shape), device=streams[0].device)
    for field, stream in zip(fields, streams, strict=True):
        field.normal_(generator=stream.fields)
    return fields


def uniform_fields(streams: Sequence[Stream], *shape: int) -> Tensor:
    """Return numbers uniform in [0, 1), (n, *shape) float32, one image's from each stream."""
    fields = torch.empty((len(streams), *shape), device=streams[0].device)
    for field, stream in zip(fields, streams, strict=True):
        field.uniform_(generator=stream.fields)
    return fields
