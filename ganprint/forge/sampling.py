"""Images from a generator: each a pure function of its weights, a seed and a number."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from ganprint.forge.family import LATENT, Generator
from ganprint.forge.layers import precise

AT_ONCE = 16


def sample_images(generator: Generator, numbers: Sequence[int], *, seed: int = 0) -> Iterator[Tensor]:
    """Yield an image uint8 (3, R, R) for each number, the same whatever the others are.

    Latents and noise come from NumPy's Philox stream of the seed and the number, on every device. Images are made
    AT_ONCE at a time, the last ones with fillers: products of matrices round by their size. A generator in float64
    makes the same bytes on every processor; in float32 single levels may differ by one.
    """
    parameter = next(generator.parameters())
    generator.eval()
    for start in range(0, len(numbers), AT_ONCE):
        here = numbers[start : start + AT_ONCE]
        filled = [*here, *[here[-1]] * (AT_ONCE - len(here))]
        drawn = [_drawn(generator, seed, number) for number in filled]
        latents, *noise = (torch.stack(each).to(parameter) for each in zip(*drawn, strict=True))
        with torch.inference_mode():
            images = generator(latents, noise)[: len(here)]
        yield from precise(images).add(1).mul(127.5).round().clamp(0, 255).to("cpu", torch.uint8)


def _drawn(generator: Generator, seed: int, number: int) -> list[Tensor]:
    """Return an image's latent (LATENT,) and its fields of noise (1, S, S)."""
    key = np.random.SeedSequence((seed, number)).generate_state(2, np.uint64)
    random = np.random.Generator(np.random.Philox(key=key))
    shapes = [(LATENT,), *((1, side, side) for side in generator.noise_sides)]
    return [torch.from_numpy(random.standard_normal(shape, dtype=np.float32)) for shape in shapes]
