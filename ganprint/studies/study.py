"""The trainings of a study, each in a folder of its own, whatever comes between."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import yaml

from ganprint import plugins
from ganprint.attributor import Progress, Run
from ganprint.data import Manifest
from ganprint.errors import UsageError
from ganprint.evaluation.plan import Candidate
from ganprint.files import atomic_write, os_errors_as
from ganprint.studies.variants import Variant
from ganprint.training.session import train_weights
from ganprint.weights import Card, read_card
from ganprint.weights.card import CARD_FILE

IDENTITY = "study.yaml"
"""The file in a training's folder that says what it is a training of."""


@dataclass
class Study:
    """Variants of a method, or of several, each trained once under `out/trained`, whatever comes between.

    Raises UsageError where a folder there holds another training under the same name.
    """

    manifest: Manifest
    variants: Sequence[Variant]
    out: Path
    seed: int = 0
    device: str = "cpu"
    precision: str = "fp32"
    workers: int = 0
    command: str = ""
    _cards: dict[str, Card] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        for variant in self.variants:
            folder = self.folder(variant)
            file, trained = folder / IDENTITY, (folder / CARD_FILE).is_file()
            if not trained and not _is_begun(folder):
                continue
            if not file.is_file() or file.read_text(encoding="utf-8") != self._identity(variant):
                raise UsageError(
                    f"{folder} holds a training with another configuration, data, seed or precision.",
                    "Name another folder with --out, or remove that one.",
                )
            if trained:
                self._cards[variant.name] = read_card(folder)

    def folder(self, variant: Variant) -> Path:
        """Return where a variant's weights and checkpoints are."""
        return self.out / "trained" / variant.name

    def missing(self) -> list[Variant]:
        """Return the variants that are not trained, or not to the end."""
        return [variant for variant in self.variants if variant.name not in self._cards]

    def candidates(self) -> list[Candidate]:
        """Return the weights of the variants that are trained."""
        return [
            Candidate(self.folder(variant), self._cards[variant.name])
            for variant in self.variants
            if variant.name in self._cards
        ]

    def train(
        self,
        variant: Variant,
        *,
        report: Callable[[Progress], None],
        say: Callable[[str], None],
        stop: Callable[[], bool],
    ) -> None:
        """Train a variant, from its checkpoint where there is one; KeyboardInterrupt where it was stopped."""
        folder = self.folder(variant)
        with os_errors_as(UsageError, f"{folder} cannot be written to", "Name another folder with --out."):
            atomic_write(folder / IDENTITY, self._identity(variant).encode())
        resume = _is_begun(folder)
        run = Run(
            folder,
            seed=self.seed,
            device=self.device,
            precision=self.precision,
            workers=self.workers,
            resume=resume,
            report=report,
            say=say,
            stop=stop,
        )
        train_weights(
            plugins.load(variant.method),
            variant.config,
            self.images(variant),
            run,
            name=variant.name,
            command=self.command,
            # What a kill left before the first whole checkpoint cannot be resumed.
            force=not resume,
        )
        self._cards[variant.name] = read_card(folder)

    def images(self, variant: Variant) -> Manifest:
        """Return the manifest with only those of a variant's semantic classes in train and val."""
        if variant.semantics is None:
            return self.manifest
        codes, names = self.manifest.codes("semantic")
        chosen = np.isin(codes, [names.index(name) for name in variant.semantics])
        taught = np.isin(self.manifest.splits, ("train", "val"))
        return self.manifest.take(np.flatnonzero(chosen | ~taught))

    def _identity(self, variant: Variant) -> str:
        """Return all that a training depends on, to be distinguished from another of the same name."""
        images = self.images(variant)
        facts = {
            "config": variant.config.model_dump(mode="json"),
            "seed": self.seed,
            "precision": self.precision,
            "train": images.select("train").sha256,
            "val": images.select("val").sha256,
        }
        return yaml.safe_dump(facts, sort_keys=False)


def _is_begun(folder: Path) -> bool:
    """Return whether a training has a whole checkpoint to resume from."""
    return any((folder / "checkpoints").glob("*.safetensors"))
