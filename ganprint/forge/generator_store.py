"""Generators on disk: a folder with model.safetensors and a card.yaml of their own kind."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field, StringConstraints

from ganprint.errors import UsageError, WeightsError
from ganprint.files import os_errors_as
from ganprint.forge.families import family_of
from ganprint.forge.family import Generator
from ganprint.weights.card import CARD_FILE, MODEL_FILE, StoredCard, read_card_of
from ganprint.weights.records import Command, Sha256, WeightsName
from ganprint.weights.store import shipped_folder
from ganprint.weights.tensor_files import CHECK_ROOM, packed, read_model, stored_tensors, write_folder

NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$"


class GeneratorCard(StoredCard):
    """Everything known about a generator; `distance` is the spectral one to its photographs.

    Source and semantic class are parts of file names, and never a way out of a folder. `precision` is the arithmetic of
    its training. `sha256` and `parameters` are filled in when it is saved.
    """

    schema_version: Literal[1] = 1
    name: Annotated[str, StringConstraints(pattern=NAME_PATTERN)]
    source: WeightsName
    semantic: WeightsName
    resolution: int
    seed: int
    steps: int = Field(ge=0)
    seconds: float = Field(ge=0)
    precision: Literal["fp32", "bf16"] = "fp32"
    photos: int = Field(ge=0)
    photos_sha256: Sha256
    distance: float | None = None
    command: Command = ""
    date: AwareDatetime
    hardware: str = ""
    versions: dict[str, str] = Field({})
    licence: str
    sha256: Sha256 | None = None
    parameters: int | None = None


def save_generator(folder: Path, generator: Generator, card: GeneratorCard) -> GeneratorCard:
    """Write a generator as float16 with its card, in place of any before, and return the card as written.

    Raises WeightsError where it cannot be written.
    """
    content, facts = packed(stored_tensors(generator.state_dict()))
    card = card.model_copy(update=facts)
    with os_errors_as(WeightsError, f"The generator cannot be written to {folder}", CHECK_ROOM):
        write_folder(folder, {MODEL_FILE: content, CARD_FILE: card.to_yaml().encode()})
    return card


def read_generator_card(folder: Path) -> GeneratorCard:
    """Read a generator's card; raise WeightsError where there is none or it is damaged."""
    if not (folder / CARD_FILE).is_file():
        raise WeightsError(f"There is no generator in {folder}.", "ganprint forge train makes them.")
    return read_card_of(folder, GeneratorCard)


def load_generator(folder: Path, *, device: str = "cpu") -> tuple[Generator, GeneratorCard]:
    """Build a generator with its weights, checked against the SHA-256 in its card.

    Raises WeightsError where it is damaged.
    """
    card = read_generator_card(folder)
    hint = f"Restore {folder} from its origin, or train it again with ganprint forge train."
    tensors = read_model(folder / MODEL_FILE, card.sha256 or "", hint)
    generator = family_of(card.source, card.resolution).generator()
    try:
        generator.load_state_dict(tensors)
    except RuntimeError as cause:
        raise WeightsError(f"The tensors of {folder} do not fit {card.source}: {cause}", hint) from cause
    return generator.eval().to(device), card


def check_grown(card: GeneratorCard, side: int) -> None:
    """Raise UsageError where a generator's images have a smaller side than its card says, for want of steps."""
    if side != card.resolution:
        raise UsageError(
            f"{card.name} has only reached {side} px after {card.steps} steps.",
            "Train it further: ganprint forge train --steps ...",
        )


def shipped_generators() -> Path:
    """Return the folder of the generators that come with the package."""
    return shipped_folder() / "generators"


def list_generators(folder: Path) -> list[tuple[Path, GeneratorCard]]:
    """Return the generators below a folder, by name; raise WeightsError where a card is damaged."""
    found = [(path.parent, read_generator_card(path.parent)) for path in sorted(folder.glob(f"*/{CARD_FILE}"))]
    return sorted(found, key=lambda each: each[1].name)
