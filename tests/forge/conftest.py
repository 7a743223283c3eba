"""Generators that were never trained, which make colourful images all the same."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from ganprint.forge.families import family_of
from ganprint.forge.generator_store import GeneratorCard, save_generator
from ganprint.weights import utc_now

Untrained = Callable[..., None]


def write_photos(folder: Path, **counts: int) -> Path:
    """Write colourful photographs of semantics, so many of each, the first of them broken."""
    random = np.random.default_rng(0)
    for semantic, count in counts.items():
        (folder / semantic).mkdir(parents=True)
        for number in range(count):
            small = Image.fromarray(random.integers(0, 256, (6, 6, 3), np.uint8))
            small.resize((90, 80), Image.Resampling.BICUBIC).save(folder / semantic / f"{number}.png")
    (folder / next(iter(counts)) / "0.png").write_bytes(b"no image")
    return folder


@pytest.fixture(scope="session")
def untrained() -> Untrained:
    """Return a function that saves one into a folder."""

    def save(out: Path, source: str, semantic: str, seed: int = 0, steps: int = 1000) -> None:
        torch.manual_seed(len(source) + seed)
        card = GeneratorCard(
            name=f"{source}-{semantic}-64-seed{seed}", source=source, semantic=semantic, resolution=64,
            seed=seed, steps=steps, seconds=0, photos=0, photos_sha256="0" * 64, date=utc_now(), licence="MIT",
        )  # fmt: skip
        save_generator(out / card.name, family_of(source, 64).generator(), card)

    return save
