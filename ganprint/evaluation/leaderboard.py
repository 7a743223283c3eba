"""Results as files: one JSON for each weights, data and condition, which a table is made of."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, NamedTuple

from pydantic import AwareDatetime, ConfigDict, ValidationError

from ganprint.errors import ManifestError, UsageError
from ganprint.evaluation.conditions import Condition
from ganprint.evaluation.results import Evaluation


class Entry(Evaluation):
    """A measured result: an evaluation, the data's name, and the command, date and machine that gave it.

    `surrogate` are the weights whose gradients an attack used, where these weights' own method has none.
    """

    model_config = ConfigDict(frozen=True)

    schema_version: Literal[1] = 1
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


class Key(NamedTuple):
    """What a result depends on, and the name it goes by; two results with the same key are the same."""

    weights: str
    weights_sha256: str | None
    setup_sha256: str | None
    data_sha256: str
    split: str
    policy: str
    seed: int
    at: int | None
    engine: str
    precision: str
    surrogate_sha256: str | None
    surrogate_setup_sha256: str | None
    ganprint: str
    torch: str


def result_name(
    weights: str, split: str, condition: Condition | Evaluation, surrogate: str | None = None
) -> str:
    """Return the name of the file for what some weights answer on a split in a condition."""
    parts = [weights, split, str(condition.policy).replace(":", "-"), f"seed{condition.seed}"]
    if condition.at:
        parts.append(f"at{condition.at}")
    if condition.engine != "torch":
        parts.append(condition.engine)
    if condition.precision != "fp32":
        parts.append(condition.precision)
    if surrogate:
        parts.append(f"through-{surrogate}")
    return "__".join(parts) + ".json"


def result_key(
    weights: str,
    digests: tuple[str | None, str | None, str],
    split: str,
    condition: Condition | Evaluation,
    versions: Mapping[str, str],
    surrogate: tuple[str | None, str | None] = (None, None),
) -> Key:
    """Return the key of what some weights answer on a split in a condition, with some versions of packages.

    `digests` are of the weights' tensors, of their setup, and of the data; `surrogate` are those of tensors and setup
    of the weights that an attack went through instead.
    """
    return Key(
        weights,
        *digests,
        split,
        str(condition.policy),
        condition.seed,
        condition.at,
        condition.engine,
        condition.precision,
        *surrogate,
        versions.get("ganprint", ""),
        versions.get("torch", ""),
    )


def entry_key(entry: Entry) -> Key:
    """Return what a result depends on."""
    digests = (entry.weights_sha256, entry.setup_sha256, entry.data_sha256)
    surrogate = (entry.surrogate_sha256, entry.surrogate_setup_sha256)
    return result_key(entry.weights, digests, entry.split, entry, entry.versions, surrogate)


def predictions_file(folder: Path, entry: Entry) -> Path:
    """Return the CSV of one row per image that belongs to a result kept under a folder."""
    return (folder / entry.data / entry.file_name).with_suffix(".csv")


def save_entry(folder: Path, entry: Entry) -> Path:
    """Write a result under FOLDER/DATA and return its file; an old one is replaced whole."""
    file = folder / entry.data / entry.file_name
    # A field a line: short, and changes can be told apart.
    fields = entry.model_dump(mode="json").items()
    lines = [f"{json.dumps(name)}: {json.dumps(value, ensure_ascii=False)}" for name, value in fields]
    text = "{\n" + ",\n".join(lines) + "\n}\n"
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        partial = file.with_suffix(".partial")
        # Bytes of a file name that are no text become JSON's escapes for them.
        partial.write_text(text, encoding="utf-8", errors="backslashreplace")
        partial.replace(file)
    except OSError as cause:
        raise UsageError(f"{file} cannot be written: {cause.strerror}.", "Name another folder.") from cause
    return file


def read_entries(folder: Path) -> list[Entry]:
    """Return the results under a folder, in order of their names; raise ManifestError naming a damaged file."""
    entries = []
    for file in sorted(folder.rglob("*.json")):
        try:
            entries.append(Entry.model_validate_json(file.read_bytes()))
        except (OSError, ValidationError) as cause:
            raise ManifestError(
                f"{file} is not a result that compare wrote.", "Move it away, or compare into another folder."
            ) from cause
    return entries
