"""The plan of a comparison: candidates, jobs and settings."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from ganprint import plugins
from ganprint.devices import Precision
from ganprint.evaluation.answers import Computing
from ganprint.evaluation.conditions import Condition
from ganprint.perturbation import Engine
from ganprint.weights import Card


@dataclass(frozen=True)
class Candidate:
    """Weights that take part in a comparison."""

    path: Path
    card: Card

    @property
    def name(self) -> str:
        """The card's name, which results are kept under."""
        return self.card.name

    @cached_property
    def has_gradients(self) -> bool:
        """Whether attacks can follow its method's own gradients."""
        return plugins.load(self.card.method).differentiable


@dataclass(frozen=True)
class Job:
    """One result to have: some weights on a split in a condition; an attack is on the `victim`'s gradients."""

    candidate: Candidate
    split: str
    condition: Condition
    victim: Candidate | None = None

    @property
    def surrogate(self) -> Candidate | None:
        """The victim where it is not the candidate itself."""
        return None if self.victim == self.candidate else self.victim

    def __str__(self) -> str:
        return f"{self.split} under {self.condition.policy}"


JobBatch = tuple[Job, ...]
"""Jobs on the same images in the same condition and with one victim: images are read and perturbed once for all."""


@dataclass(frozen=True, kw_only=True)
class Settings(Computing):
    """How a comparison is computed; all but the command decide its results, those of Computing in the last digits only.

    An interrupted condition resumes with the same batch size only.
    """

    seed: int = 0
    limit: int | None = None
    engine: Engine = "torch"
    precision: Precision = "fp32"
    renamed: tuple[tuple[str, str], ...] = ()
    command: str = ""
