"""The card of an artifact: what the weights are, where they come from, and how accurate they are."""

from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar

import yaml
from pydantic import AwareDatetime, Field, JsonValue, StringConstraints, ValidationError, model_validator

from ganprint.attributor import REAL, View
from ganprint.errors import WeightsError
from ganprint.files import read_file
from ganprint.names import SourceName
from ganprint.plain_yaml import PlainYAMLError, load_plain
from ganprint.weights.records import (
    CalibrationRecord,
    Command,
    DataRecord,
    IsotonicCurve,
    JudgementRecord,
    PluginRecord,
    Record,
    Result,
    SeenRecord,
    Sha256,
    TrainingRecord,
    WeightsName,
)

CARD_FILE = "card.yaml"
MODEL_FILE = "model.safetensors"
REFERENCE_FILE = "known.safetensors"
"""Where the method places images of known sources."""
MAX_CARD_BYTES = 512 << 10
"""A card is a page or two; a larger file is something else."""
MAX_SOURCES = 1000
MAX_TEMPERATURE = 1000.0
"""Temperatures that are fitted lie between 1/20 and 20."""
PlainName = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f-\x9f]{1,64}$")]


class StoredCard(Record):
    """What lies beside a file of tensors, as YAML."""

    def to_yaml(self) -> str:
        """Render the card with fields in the order of its class, absent ones left out."""
        return yaml.dump(
            self.model_dump(mode="json", exclude_none=True),
            Dumper=_PlainDumper,
            sort_keys=False,
            allow_unicode=True,
            width=100,
        )


StoredCardT = TypeVar("StoredCardT", bound=StoredCard)


class Card(StoredCard):
    """Everything known about an artifact; nothing beyond these fields is accepted.

    `save_artifact` fills `sha256`, `parameters` (elements in all floating tensors) and `precision`.
    `default` marks the weights that a method uses when none are named, `first_choice` those that answer where no method
    is named either. `families` says which family of generators a source is of.
    """

    schema_version: Literal[1] = 1
    name: WeightsName
    method: WeightsName
    plugin: PluginRecord
    default: bool = False
    first_choice: bool = False
    sources: Annotated[tuple[SourceName, ...], Field(max_length=MAX_SOURCES)]
    families: dict[SourceName, PlainName] = Field({})
    semantics: tuple[PlainName, ...] = ()
    view: View
    config: dict[str, JsonValue]
    data: DataRecord | None = None
    seen: dict[str, SeenRecord] = Field({})
    seed: int | None = None
    command: Command = ""
    date: AwareDatetime
    hardware: str = ""
    versions: dict[str, str] = Field({})
    training: TrainingRecord | None = None
    calibration: CalibrationRecord | None = None
    judgement: JudgementRecord | None = None
    metrics: list[Result] = Field([])
    licence: str
    notes: str = ""
    precision: Literal["float16", "float32"] | None = None
    parameters: int | None = Field(default=None, ge=0)
    sha256: Sha256 | None = None

    @model_validator(mode="after")
    def _sources_are_distinct(self) -> Self:
        if len(self.sources) < 2 or self.sources[0] != REAL or len(set(self.sources)) != len(self.sources):
            raise ValueError(f"sources are {REAL} first, then at least one more, each once")
        both = {family.casefold() for family in self.families.values()} & {source.casefold() for source in self.sources}
        if both:
            raise ValueError(f"{', '.join(sorted(both))} is both a source and a family")
        return self

    @model_validator(mode="after")
    def _calibration_fits(self) -> Self:
        record = self.calibration
        if record is None:
            return self
        temperatures = record.temperature, record.source_temperature or 1.0
        if not all(1 / MAX_TEMPERATURE <= each <= MAX_TEMPERATURE for each in temperatures):
            raise ValueError(f"a temperature lies within {1 / MAX_TEMPERATURE:g} and {MAX_TEMPERATURE:g}")
        if "calibration_error" not in record.after:
            raise ValueError("a calibration has its calibration_error after it")
        lines = record.isotonic
        if lines is not None and (len(lines) != len(self.sources) or not all(map(_rises, lines))):
            raise ValueError(
                "isotonic is a non-decreasing function for each source, from probabilities to shares above 0"
            )
        return self


def _rises(line: IsotonicCurve) -> bool:
    inside = all(0 <= x <= 1 and 0 < y <= 1 for x, y in line)
    return bool(line) and inside and all(one < other for (one, _), (other, _) in pairwise(line))


class _PlainDumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True


def read_card(folder: Path) -> Card:
    """Read and check FOLDER/card.yaml; raises as `read_card_of`."""
    return read_card_of(folder, Card)


def read_card_of(folder: Path, kind: type[StoredCardT]) -> StoredCardT:
    """Read and check FOLDER/card.yaml, which is of a kind.

    Raises WeightsError where it is missing, unreadable, not YAML, or a field is missing, wrong or unknown.
    """
    path = folder / CARD_FILE
    try:
        return kind.model_validate(load_plain(read_file(path, limit=MAX_CARD_BYTES)))
    except FileNotFoundError:
        raise WeightsError(f"{folder} has no {CARD_FILE}.", "An artifact is a folder with both files.") from None
    except OSError as cause:
        raise WeightsError(f"{path} cannot be read: {cause.strerror}.", "Check its permissions.") from cause
    except ValidationError as cause:
        raise WeightsError(
            f"{path} is not a valid card: {first_fault(cause)}.", "Restore the artifact from its origin."
        ) from cause
    except PlainYAMLError as cause:
        raise WeightsError(f"{path} is not readable YAML: {cause}.", "Restore the artifact from its origin.") from cause


def first_fault(cause: ValidationError) -> str:
    """Return the first thing that is wrong as `field: reason`, on one line and without a full stop."""
    first = cause.errors(include_url=False, include_context=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    reason = " ".join(first["msg"].removeprefix("Value error, ").split())[:300]
    return f"{where}: {reason}" if where else reason


def utc_now() -> datetime:
    """Return the time to put on a card, in whole seconds of UTC."""
    return datetime.now(UTC).replace(microsecond=0)
