"""The card of an artifact: what the weights are, where they come from and how well they do."""

from collections.abc import Hashable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, Self

import yaml
from pydantic import AwareDatetime, Field, JsonValue, ValidationError, model_validator

from ganprint.attributor import REAL, View
from ganprint.errors import WeightsError
from ganprint.weights.records import (
    CalibrationRecord,
    DataRecord,
    JudgementRecord,
    PluginRecord,
    Record,
    Result,
    SeenRecord,
    Sha256,
    SourceName,
    TrainingRecord,
    WeightsName,
)

CARD_FILE = "card.yaml"
MODEL_FILE = "model.safetensors"
REFERENCE_FILE = "known.safetensors"
"""Where the method places images of known sources."""
MAX_CARD_BYTES = 1 << 20
"""A card is a page or two; a larger file is something else."""


class Card(Record):
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
    sources: tuple[SourceName, ...]
    families: dict[SourceName, SourceName] = Field({})
    semantics: tuple[SourceName, ...] = ()
    view: View
    config: dict[str, JsonValue]
    data: DataRecord | None = None
    seen: dict[str, SeenRecord] = Field({})
    seed: int | None = None
    command: str = ""
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
    def _sources_start_with_real(self) -> Self:
        if len(self.sources) < 2 or self.sources[0] != REAL or len(set(self.sources)) != len(self.sources):
            raise ValueError(f"sources are {REAL} first, then at least one more, each once")
        return self

    def to_yaml(self) -> str:
        """Render the card with fields in the order of this class, absent ones left out."""
        return yaml.dump(
            self.model_dump(mode="json", exclude_none=True),
            Dumper=_PlainDumper,
            sort_keys=False,
            allow_unicode=True,
            width=100,
        )


class _PlainDumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True


class _PlainLoader(yaml.SafeLoader):
    """Refuse aliases, which make a small file expand without end, and keys given twice."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("aliases are not allowed in a card")
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        for key in keys:
            if keys.count(key) > 1:
                raise yaml.YAMLError(f"the key {key} is given twice")
        return super().construct_mapping(node, deep)


def read_card(folder: Path) -> Card:
    """Read and check FOLDER/card.yaml.

    Raises WeightsError where it is missing, unreadable, not YAML, or a field is missing, wrong or unknown.
    """
    path = folder / CARD_FILE
    try:
        if path.stat().st_size > MAX_CARD_BYTES:
            raise WeightsError(f"{path} is too large to be a card.", "Restore the artifact from its origin.")
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=_PlainLoader)
        return Card.model_validate(content)
    except FileNotFoundError:
        raise WeightsError(
            f"{folder} has no {CARD_FILE}.", "An artifact is a folder with both files."
        ) from None
    except OSError as cause:
        raise WeightsError(f"{path} cannot be read: {cause.strerror}.", "Check its permissions.") from cause
    except ValidationError as cause:
        raise WeightsError(
            f"{path} is not a valid card: {first_fault(cause)}.", "Restore the artifact from its origin."
        ) from cause
    except (yaml.YAMLError, UnicodeDecodeError, ValueError, RecursionError) as cause:
        reason = " ".join(str(cause).split())
        raise WeightsError(
            f"{path} is not readable YAML: {reason}.", "Restore the artifact from its origin."
        ) from cause


def first_fault(cause: ValidationError) -> str:
    """Return the first thing that is wrong as `field: reason`, on one line and without a full stop."""
    first = cause.errors(include_url=False, include_context=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    reason = " ".join(first["msg"].removeprefix("Value error, ").split())[:300]
    return f"{where}: {reason}" if where else reason


def utc_now() -> datetime:
    """Return the time to put on a card, in whole seconds of UTC."""
    return datetime.now(UTC).replace(microsecond=0)
