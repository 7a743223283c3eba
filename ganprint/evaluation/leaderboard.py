"""Results as files: one JSON for each weights, data and condition, which a table is made of."""

import json
from pathlib import Path
from typing import Literal, NamedTuple

from pydantic import AwareDatetime, ConfigDict, ValidationError

from ganprint.errors import ManifestError, UsageError
from ganprint.evaluation.results import Evaluation


class Entry(Evaluation):
    """A measured result: an evaluation, the data's name, and the command, date and machine that gave it."""

    model_config = ConfigDict(frozen=True)

    schema_version: Literal[1] = 1
    data: str
    command: str
    date: AwareDatetime
    hardware: str
    versions: dict[str, str]

    @property
    def file_name(self) -> str:
        """The name of the result's file: weights and condition, so that a later run replaces it."""
        parts = [self.weights, self.split, self.policy.replace(":", "-"), f"seed{self.seed}"]
        if self.at:
            parts.append(f"at{self.at}")
        if self.engine != "torch":
            parts.append(self.engine)
        if self.precision != "fp32":
            parts.append(self.precision)
        return "__".join(parts) + ".json"


class Key(NamedTuple):
    """What a result depends on; two results with the same key are the same."""

    weights_sha256: str | None
    data_sha256: str
    split: str
    policy: str
    seed: int
    at: int | None
    engine: str
    precision: str
    ganprint: str
    torch: str


def entry_key(entry: Entry) -> Key:
    """Return what a result depends on."""
    return Key(
        entry.weights_sha256,
        entry.data_sha256,
        entry.split,
        entry.policy,
        entry.seed,
        entry.at,
        entry.engine,
        entry.precision,
        entry.versions.get("ganprint", ""),
        entry.versions.get("torch", ""),
    )


def predictions_file(folder: Path, entry: Entry) -> Path:
    """Return the CSV of one row per image that belongs to a result kept under a folder."""
    return (folder / entry.data / entry.file_name).with_suffix(".csv")


def save_entry(folder: Path, entry: Entry) -> Path:
    """Write a result under FOLDER/DATA and return its file; an old one is replaced whole."""
    file = folder / entry.data / entry.file_name
    text = json.dumps(entry.model_dump(mode="json"), indent=1, ensure_ascii=False) + "\n"
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        partial = file.with_suffix(".partial")
        partial.write_text(text, encoding="utf-8")
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
