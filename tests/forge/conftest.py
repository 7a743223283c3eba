"""Generators that were never trained, which make colourful images all the same."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from ganprint.forge.families import family_of
from ganprint.forge.generator_store import GeneratorCard, generator_name, save_generator
from ganprint.weights import utc_now

Untrained = Callable[..., None]


@pytest.fixture(scope="session")
def untrained() -> Untrained:
    """Return a function that saves one into a folder."""

    def save(out: Path, source: str, semantic: str, seed: int = 0, steps: int = 1000) -> None:
        torch.manual_seed(len(source) + seed)
        card = GeneratorCard(
            name=generator_name(source, semantic, 64, seed),
            source=source,
            semantic=semantic,
            resolution=64,
            seed=seed,
            steps=steps,
            seconds=0,
            photos=0,
            photos_sha256="0" * 64,
            date=utc_now(),
            licence="MIT",
        )
        save_generator(out / card.name, family_of(source, 64).generator(), card)

    return save
