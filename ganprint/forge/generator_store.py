"""Generators on disk: a folder with model.safetensors and a card.yaml of their own kind."""

import hashlib
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import AwareDatetime, BaseModel, Field, StringConstraints, ValidationError

from ganprint.errors import WeightsError
from ganprint.files import os_errors_as, read_file, refuse_existing
from ganprint.forge.families import family_of
from ganprint.forge.family import Generator
from ganprint.plain_yaml import PlainYAMLError, load_plain
from ganprint.weights.card import CARD_FILE, MAX_CARD_BYTES, MODEL_FILE, first_fault
from ganprint.weights.records import Command, Sha256
from ganprint.weights.store import shipped_folder
from ganprint.weights.tensor_files import (
    CHECK_ROOM,
    MAX_MODEL_BYTES,
    check_finite,
    count_parameters,
    stored_tensors,
    write_folder,
)

NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$"


FolderName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
"""A source or semantic class: part of file names, and never a way out of a folder."""


class GeneratorCard(BaseModel, frozen=True, extra="forbid", allow_inf_nan=False):
    """Everything known about a generator; `distance` is the spectral one to its photographs.

    `precision` is the arithmetic of its training. `sha256` and `parameters` are filled in when it is saved.
    """

    schema_version: Literal[1] = 1
    name: Annotated[str, StringConstraints(pattern=NAME_PATTERN)]
    source: FolderName
    semantic: FolderName
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
    versions: dict[str, str] = {}
    licence: str
    sha256: Sha256 | None = None
    parameters: int | None = None


def generator_name(source: str, semantic: str, resolution: int, seed: int) -> str:
    """Return the name of a generator's folder."""
    return f"{source}-{semantic}-{resolution}-seed{seed}"


def save_generator(folder: Path, generator: Generator, card: GeneratorCard, *, force: bool = False) -> GeneratorCard:
    """Write a generator as float16 with its card, and return the card as written.

    Raises OutputExistsError where one is there and `force` is not given, WeightsError where it cannot be written.
    """
    from safetensors.torch import save

    refuse_existing(folder / MODEL_FILE, force=force, hint="Add --force to replace it.")
    tensors = stored_tensors(generator.state_dict())
    content = save(tensors, metadata={"format": "pt"})
    filled = {"sha256": hashlib.sha256(content).hexdigest(), "parameters": count_parameters(tensors)}
    card = card.model_copy(update=filled)
    text = yaml.safe_dump(card.model_dump(mode="json", exclude_none=True), sort_keys=False, allow_unicode=True)
    with os_errors_as(WeightsError, f"The generator cannot be written to {folder}", CHECK_ROOM):
        write_folder(folder, {MODEL_FILE: content, CARD_FILE: text.encode()})
    return card


def read_generator_card(folder: Path) -> GeneratorCard:
    """Read a generator's card; raise WeightsError where there is none or it is damaged."""
    path = folder / CARD_FILE
    try:
        return GeneratorCard.model_validate(load_plain(read_file(path, limit=MAX_CARD_BYTES)))
    except OSError as cause:
        raise WeightsError(
            f"There is no generator in {folder}: {cause.strerror}.", "ganprint forge train makes them."
        ) from cause
    except ValidationError as cause:
        raise WeightsError(
            f"{path} is not a generator's card: {first_fault(cause)}.", "Restore it from its origin."
        ) from cause
    except PlainYAMLError as cause:
        raise WeightsError(f"{path} is not YAML: {cause}.", "Restore it from its origin.") from cause


def load_generator(folder: Path, *, device: str = "cpu") -> tuple[Generator, GeneratorCard]:
    """Build a generator with its weights, checked against the SHA-256 in its card.

    Raises WeightsError where it is damaged.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load

    card = read_generator_card(folder)
    path = folder / MODEL_FILE
    hint = f"Restore {folder} from its origin, or train it again with ganprint forge train."
    try:
        content = read_file(path, limit=MAX_MODEL_BYTES)
        if hashlib.sha256(content).hexdigest() != card.sha256:
            raise WeightsError(f"{path} is damaged: its SHA-256 is not the one in its card.", hint)
        generator = family_of(card.source, card.resolution).generator()
        tensors = {
            name: tensor.float() if tensor.is_floating_point() else tensor for name, tensor in load(content).items()
        }
        check_finite(tensors)
        generator.load_state_dict(tensors)
    except (OSError, SafetensorError, RuntimeError, ValueError) as cause:
        raise WeightsError(f"{path} cannot be used: {cause}", hint) from cause
    return generator.eval().to(device), card


def shipped_generators() -> Path:
    """Return the folder of the generators that come with the package."""
    return shipped_folder() / "generators"


def list_generators(folder: Path) -> list[tuple[Path, GeneratorCard]]:
    """Return the generators below a folder, by name; raise WeightsError where a card is damaged."""
    found = [(path.parent, read_generator_card(path.parent)) for path in sorted(folder.glob(f"*/{CARD_FILE}"))]
    return sorted(found, key=lambda each: each[1].name)
