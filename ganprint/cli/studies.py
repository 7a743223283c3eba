"""The experiments of `compare` that train: their variants, and training within a time budget."""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from ganprint.cli.candidates import chosen_methods
from ganprint.cli.console import command_line
from ganprint.cli.train import Reporter

if TYPE_CHECKING:
    from ganprint.data import Manifest
    from ganprint.studies.variants import Study, Variant


@dataclass(frozen=True)
class Trainings:
    """What the command line says of trainings; `budget` is in minutes."""

    semantics: bool
    ablation: bool
    counts: Sequence[int]
    parts: Sequence[str]
    preset: str | None
    assignments: Sequence[str]
    budget: float | None
    precision: str

    @property
    def asked(self) -> bool:
        """Whether anything is to be trained."""
        return self.semantics or self.ablation

    def check(self, *, weights: list[str] | None, method: str | None, out: Path | None) -> None:
        """Raise UsageError where the options do not go together."""
        from ganprint.errors import UsageError
        from ganprint.processes import place

        general = (self.preset, self.assignments, self.budget is not None, self.precision != "fp32")
        if any(general) and not self.asked:
            raise UsageError(
                "--preset, --set, --budget and --training-precision need a training.",
                "Add --semantics or --ablation.",
            )
        if self.counts and not self.semantics:
            raise UsageError("--semantics-count needs --semantics.", "Add --semantics.")
        if self.parts and not self.ablation:
            raise UsageError("--part needs --ablation.", "Add --ablation.")
        if not self.asked:
            return
        if weights:
            raise UsageError("--semantics and --ablation train weights of their own.", "Leave --weights out.")
        if out is None:
            raise UsageError("Trainings need a folder.", "Name one with --out.")
        if place()[1] > 1:
            raise UsageError(
                "The trainings of an experiment run in one process.",
                "Share one among several with torchrun -m ganprint train, and compare its weights.",
            )

    def study(
        self,
        manifest: "Manifest",
        method: str | None,
        out: Path,
        splits: Iterable[str],
        *,
        seed: int,
        device: str,
        workers: int,
    ) -> "Study":
        """Return all that is to be trained, and what of it is there; refuse splits that the data lack."""
        from ganprint.studies.variants import (
            Study,
            ablated_method,
            ablation_variants,
            check_addressees,
            semantics_variants,
        )

        methods = (chosen_methods(method or "all") or []) if self.semantics else []
        # With --semantics, --method says what that trains.
        ablated = ablated_method(None if self.semantics else method) if self.ablation else ""
        check_addressees(self.assignments, [*methods, *([ablated] if ablated else [])])
        found: list[Variant] = []
        if self.ablation:
            found += ablation_variants(ablated, self.parts, preset=self.preset, assignments=self.assignments)
        if self.semantics:
            found += semantics_variants(
                methods, manifest, self.counts, preset=self.preset, assignments=self.assignments
            )
        for split in dict.fromkeys(splits):
            manifest.select(split)
        return Study(manifest, found, out, seed, device, self.precision, workers, command_line())

    def print_plan(self, study: "Study") -> None:
        """Say what is to be trained, and on what."""
        missing = study.missing()
        typer.echo(
            f"{len(study.variants)} trainings; {len(study.variants) - len(missing)} are there, {len(missing)} missing"
        )
        for variant in missing:
            on = f": {', '.join(variant.semantics)}" if variant.semantics is not None else ""
            typer.echo(f"{variant.name}{on}")


def train_missing(study: "Study", budget: float | None) -> None:
    """Train what is missing, as far as `budget` minutes allow; say what is left. Exit 130 where interrupted."""
    ends = None if budget is None else time.monotonic() + 60 * budget

    def is_over() -> bool:
        return ends is not None and time.monotonic() >= ends

    missing = study.missing()
    reporter = Reporter()
    with reporter:
        for number, variant in enumerate(missing):
            if is_over():
                break
            reporter.begin(f"{variant.name} ({number + 1} of {len(missing)})")
            try:
                study.train(variant, report=reporter, stop=is_over)
            except KeyboardInterrupt:
                if not is_over():
                    typer.echo("ganprint: interrupted; rerun the command to continue.", err=True)
                    raise typer.Exit(130) from None
    left = [variant.name for variant in study.missing()]
    if left:
        typer.echo(
            f"ganprint: the time budget is used up; unfinished: {', '.join(left)}. Rerun the command to continue.",
            err=True,
        )
