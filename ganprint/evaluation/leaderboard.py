"""Results as files: one JSON for each weights, data and condition, which a table is made of."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from pydantic import AwareDatetime, ConfigDict, ValidationError

from ganprint.errors import ManifestError, UsageError
from ganprint.evaluation.runner import METRICS, Condition, Evaluation


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
        return "__".join(parts) + ".json"

    def answers(self, weights_sha256: str | None, data_sha256: str, split: str, condition: Condition) -> bool:
        """Tell whether this is the result of the same weights on the same images under the same condition."""
        mine = (
            self.weights_sha256,
            self.data_sha256,
            self.split,
            self.policy,
            self.seed,
            self.at,
            self.engine,
        )
        asked = (weights_sha256, data_sha256, split, str(condition.policy))
        return mine == (*asked, condition.seed, condition.at, condition.engine) and self.failed == 0


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


def best_values(entries: Iterable[Entry]) -> dict[tuple[str, str, str], float]:
    """Return the highest value of each metric by split, policy and name."""
    best: dict[tuple[str, str, str], float] = {}
    for entry in entries:
        for name in METRICS:
            interval = getattr(entry, name)
            if interval is not None:
                key = (entry.split, entry.policy, name)
                best[key] = max(best.get(key, -1.0), interval.value)
    return best
