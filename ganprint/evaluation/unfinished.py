"""Answers of an unfinished job, stored in a file so that a killed run can resume."""

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from ganprint.errors import UsageError
from ganprint.files import atomic_write, open_file, os_errors_as


@dataclass
class Unfinished:
    """What several methods have answered for the first batches of a manifest.

    `rows` are those of images that could be read, `failed` of the others; `probabilities` has for each method
    one (K,) a row, `seconds` the time of each, and `shared` that of reading and perturbing for all.
    """

    methods: int
    batches: int = 0
    rows: list[int] = field(default_factory=list)
    failed: list[int] = field(default_factory=list)
    shared: float = 0.0
    probabilities: list[list[np.ndarray]] = field(init=False)
    seconds: list[float] = field(init=False)

    def __post_init__(self) -> None:
        self.probabilities = [[] for _ in range(self.methods)]
        self.seconds = [0.0] * self.methods


@dataclass(frozen=True)
class Notebook:
    """The file in which answers so far are kept, and the names of the methods in it; written every `every` seconds."""

    path: Path
    names: Sequence[str]
    every: float = 20.0

    def read(self) -> Unfinished:
        """Return what the file holds for all of the names, nothing where it does not."""
        found = Unfinished(len(self.names))
        try:
            open_file(self.path).close()
            with safe_open(self.path, framework="numpy") as file:
                facts = json.loads(file.metadata()["facts"])
                if not set(self.names) <= facts["seconds"].keys():
                    return found
                found.rows, found.failed = (file.get_tensor(name).tolist() for name in ("rows", "failed"))
                found.probabilities = [list(file.get_tensor(f"answers {name}")) for name in self.names]
        except (OSError, SafetensorError, KeyError, TypeError, ValueError):
            return Unfinished(len(self.names))
        found.batches, found.shared = facts["batches"], facts["shared"]
        found.seconds = [facts["seconds"][name] for name in self.names]
        return found

    def write(self, found: Unfinished) -> None:
        """Write what there is; the file is replaced whole. Raises UsageError where it cannot be written."""
        facts = {
            "batches": found.batches,
            "shared": found.shared,
            "seconds": dict(zip(self.names, found.seconds, strict=True)),
        }
        tensors = {
            f"answers {name}": np.array(each) for name, each in zip(self.names, found.probabilities, strict=True)
        }
        tensors |= {"rows": np.array(found.rows, np.int64), "failed": np.array(found.failed, np.int64)}
        in_words = os_errors_as(UsageError, f"{self.path} cannot be written", "Name another folder.")
        # Another process may just have removed the folder, as it was empty: this batch is lost to a kill, no more.
        with in_words, suppress(FileNotFoundError):
            atomic_write(self.path, save(tensors, {"facts": json.dumps(facts)}))

    def remove(self) -> None:
        """Remove the file, and its folder if nothing else is in it."""
        with suppress(OSError):
            self.path.unlink(missing_ok=True)
            self.path.parent.rmdir()
