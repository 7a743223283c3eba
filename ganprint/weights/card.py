"""The card of an artifact: what the weights are, where they come from and how well they do."""

from collections.abc import Hashable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    StringConstraints,
    ValidationError,
    model_validator,
)

from ganprint.attributor import REAL, View
from ganprint.errors import WeightsError

CARD_FILE = "card.yaml"
MODEL_FILE = "model.safetensors"
MAX_CARD_BYTES = 1 << 20
"""A card is a page or two; a larger file is something else."""

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
SourceName = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f-\x9f]{1,64}$")]
WeightsName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class PluginRecord(_Record):
    """The distribution that a method's plug-in comes from."""

    distribution: str
    version: str


class DataRecord(_Record):
    """What the weights were trained on: a manifest by name and hash, and how many images of it."""

    name: str
    sha256: Sha256
    train: int = Field(ge=0)
    val: int = Field(ge=0)


class TrainingRecord(_Record):
    """How training went; `losses` has one value an epoch under each name, `details` what a method adds."""

    epochs: int | None = Field(default=None, ge=0)
    seconds: float | None = Field(default=None, ge=0)
    precision: str | None = None
    best_epoch: int | None = None
    losses: dict[str, list[float]] = {}
    details: dict[str, JsonValue] = {}


class Interval(_Record):
    """A metric in [-1, 1] with its 95 % interval, where one was computed."""

    value: float
    low: float | None = None
    high: float | None = None


class Result(_Record):
    """One evaluation: metrics by the names of `evaluate --json`, recall per source and group, and its command."""

    split: str
    policy: str
    n: int = Field(ge=0)
    seed: int | None = None
    data_sha256: Sha256 | None = None
    at: int | None = None
    engine: str | None = None
    precision: str | None = None
    values: dict[str, Interval]
    per_source: dict[str, float] = {}
    per_source_intervals: dict[str, tuple[float, float]] = {}
    per_group: dict[str, float] = {}
    command: str = ""


class CalibrationRecord(_Record):
    """A temperature that was fitted to answers, and what it does to them.

    `before` and `after` have `calibration_error`, `brier_score` and `log_loss`; after is of images that the temperature
    was not fitted on, in turn. `images` are different ones, each under every policy.
    """

    temperature: float = Field(gt=0)
    data: str
    data_sha256: Sha256
    split: str
    policies: tuple[str, ...]
    seed: int
    images: int = Field(ge=1)
    before: dict[str, float]
    after: dict[str, float]
    command: str = ""
    date: AwareDatetime


class Card(_Record):
    """Everything known about an artifact; nothing beyond these fields is accepted.

    `save_artifact` fills `sha256`, `parameters` (elements in all floating tensors) and `precision`.
    `default` marks the weights that a method uses when none are named.
    """

    schema_version: Literal[1] = 1
    name: WeightsName
    method: WeightsName
    plugin: PluginRecord
    default: bool = False
    sources: tuple[SourceName, ...]
    semantics: tuple[SourceName, ...] = ()
    view: View
    config: dict[str, JsonValue]
    data: DataRecord | None = None
    seed: int | None = None
    command: str = ""
    date: AwareDatetime
    hardware: str = ""
    versions: dict[str, str] = {}
    training: TrainingRecord | None = None
    calibration: CalibrationRecord | None = None
    metrics: list[Result] = []
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
