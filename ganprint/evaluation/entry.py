"""A result: an evaluation and its origin, the name of its file, and the key of its inputs."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from pydantic import AwareDatetime

from ganprint.evaluation.results import Evaluation, calibration_sha256
from ganprint.plain_text import file_part
from ganprint.remote import is_url, last_part
from ganprint.weights import Card

if TYPE_CHECKING:
    from ganprint.evaluation.conditions import Condition

NUMERICS = 1
"""Raised by hand with a change that gives other answers or metrics: results of another number are computed again."""
SHORT_HASH = 16
"""Digits of hashes in keys and CSVs."""
HASHES = ("weights_sha256", "setup_sha256", "data_sha256", "surrogate_sha256", "surrogate_setup_sha256")


class Entry(Evaluation, frozen=True):
    """A measured result: an evaluation, the data's name, and the command, date and machine that gave it.

    `surrogate` are the weights whose gradients an attack used, where these weights' own method has none.
    """

    schema_version: Literal[2] = 2
    numerics: int = NUMERICS
    data: str
    surrogate: str | None = None
    surrogate_sha256: str | None = None
    surrogate_setup_sha256: str | None = None
    command: str
    date: AwareDatetime
    hardware: str
    versions: dict[str, str]

    @property
    def file_name(self) -> str:
        """The name of the result's file: weights and condition, so that a later run replaces it."""
        return result_name(self.weights, self.split, self, self.surrogate)


def recalibrated(entry: Entry, card: Card) -> Entry:
    """Return a result without what it says of probabilities, where the weights were calibrated otherwise since."""
    if entry.calibration_sha256 == calibration_sha256(card):
        return entry
    return entry.model_copy(
        update={"calibration_error": None, "brier_score": None, "calibrated": False, "calibration_sha256": None}
    )


class Key(NamedTuple):
    """What a result depends on, and the name it goes by; two results with the same key are the same.

    Of hashes it has the first SHORT_HASH digits.
    """

    weights: str
    weights_sha256: str | None
    setup_sha256: str | None
    data_sha256: str | None
    split: str
    policy: str
    seed: int
    at: int | None
    engine: str
    precision: str
    surrogate_sha256: str | None
    surrogate_setup_sha256: str | None
    numerics: int

    @classmethod
    def of(cls, **facts: Any) -> "Key":
        """Return the key of its fields, hashes in full."""
        short = {name: digest[:SHORT_HASH] for name, digest in facts.items() if name in HASHES and digest}
        return cls(**facts | short)


def data_name(manifest: str, limit: int | None) -> str:
    """Return the name that results of a manifest's images are kept under: fewer images are other data."""
    name = Path(last_part(manifest if is_url(manifest) else Path(manifest).resolve())).stem
    return name if limit is None else f"{name}-limit{limit}"


def result_name(weights: str, split: str, condition: "Condition | Evaluation", surrogate: str | None = None) -> str:
    """Return the name of the file for what some weights answer on a split in a condition."""
    parts = [weights, split, str(condition.policy).replace(":", "-"), f"seed{condition.seed}"]
    parts += [f"at{condition.at}"] if condition.at else []
    parts += [part for part in (condition.engine, condition.precision) if part not in ("torch", "fp32")]
    parts += [f"through-{surrogate}"] if surrogate else []
    return file_part("__".join(parts)) + ".json"


def entry_key(entry: Entry) -> Key:
    """Return what a result depends on."""
    return Key.of(**{name: getattr(entry, name) for name in Key._fields})
