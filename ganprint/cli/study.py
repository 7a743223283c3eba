"""`ganprint study`: the published experiments that train and then compare."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar

import typer

from ganprint.api.choices import chosen_device
from ganprint.cli.compare import run_comparison, show_results
from ganprint.cli.console import command_line
from ganprint.cli.option_groups import Display, Machine, grouped
from ganprint.cli.options import TEST_SPLIT, Budget, Data, DryRun, Images, Limit, Seed, TrainingPrecision
from ganprint.cli.train import Reporter
from ganprint.errors import UsageError

if TYPE_CHECKING:
    from ganprint.data import Manifest
    from ganprint.studies.variants import Study, Variant

app = typer.Typer(help="Train variants of methods, and compare them.", no_args_is_help=True)

STUDIED = ("none", "test-seen")
"""Policies, on --split, where no condition is named."""


@dataclass(frozen=True, kw_only=True)
class Training:
    """What is trained, and where it goes."""

    panel: ClassVar[str] = "Training"
    data: Data
    out: Annotated[
        Path,
        typer.Option("--out", help="folder of trainings and results; what is there is not computed again"),
    ]
    preset: Annotated[
        str | None, typer.Option("--preset", help="a preset: paper, small, ...; the paper's if left out")
    ] = None
    assignments: Annotated[
        list[str] | None,
        typer.Option(
            "--set", help="key=value of every training, METHOD:key=value of one method's; repeatable"
        ),
    ] = None
    budget: Budget = None
    precision: TrainingPrecision = "auto"
    images: Images = None
    seed: Seed = 0
    dry_run: DryRun = False


@dataclass(frozen=True, kw_only=True)
class Testing:
    """What trained weights are tested on."""

    panel: ClassVar[str] = "Testing"
    conditions: Annotated[
        list[str] | None,
        typer.Option(
            "--condition", help="SPLIT:POLICY, several as a,b; none and test-seen on --split if left out"
        ),
    ] = None
    split: Annotated[str | None, typer.Option("--split", help=f"the split to test on; {TEST_SPLIT}")] = None
    limit: Limit = None


@app.command()
@grouped
def semantics(
    *,
    method: Annotated[str, typer.Option(help="methods, several as a,b, or all")] = "all",
    counts: Annotated[
        list[int] | None,
        typer.Option(
            "--count", min=1, help="train on so many semantic classes only, several as 1,2; all if left out"
        ),
    ] = None,
    training: Training,
    testing: Testing,
    machine: Machine,
    display: Display,
) -> None:
    """Train each method on images of 1, 2, ... semantic classes (what is shown), and test it on all of them.

    Example: ganprint study semantics --data split.csv --out semantics --method repmix,yu --preset small --budget 120
    """

    def variants(manifest: "Manifest") -> "list[Variant]":
        from ganprint.api.candidates import chosen_methods
        from ganprint.studies.variants import check_addressees, semantics_variants

        methods = chosen_methods(method) or []
        check_addressees(training.assignments or (), methods)
        return semantics_variants(
            methods, manifest, counts or (), preset=training.preset, assignments=training.assignments or ()
        )

    _study(variants, training, testing, machine, display)


@app.command()
@grouped
def ablation(
    *,
    method: Annotated[
        str | None, typer.Option(help="the method; the first whose paper has an ablation if left out")
    ] = None,
    parts: Annotated[
        list[str] | None,
        typer.Option(
            "--part",
            help="parts, levels, counts, backbones, or the name of a row, several as a,b; all if left out",
        ),
    ] = None,
    training: Training,
    testing: Testing,
    machine: Machine,
    display: Display,
) -> None:
    """Train a method with parts changed as in its paper, and test each.

    Example: ganprint study ablation --data split.csv --out ablation --preset small
    """

    def variants(manifest: "Manifest") -> "list[Variant]":
        from ganprint.studies.variants import ablated_method, ablation_variants, check_addressees

        ablated = ablated_method(method)
        check_addressees(training.assignments or (), [ablated])
        return ablation_variants(
            ablated, parts or (), preset=training.preset, assignments=training.assignments or ()
        )

    _study(variants, training, testing, machine, display)


def _study(
    variants: "Callable[[Manifest], list[Variant]]",
    training: Training,
    testing: Testing,
    machine: Machine,
    display: Display,
) -> None:
    """Train what is missing, measure what is trained, and print the tables."""
    from ganprint.api.chosen_conditions import distinct_conditions, parse_condition
    from ganprint.processes import place

    display.check(force=False)
    if place()[1] > 1:
        raise UsageError(
            "The trainings of an experiment run in one process.",
            "Share one among several with torchrun -m ganprint train, and compare its weights.",
        )
    named = distinct_conditions([parse_condition(text) for text in testing.conditions or ()], None)
    device = chosen_device(machine.device, machine.threads)
    from ganprint.data import Manifest
    from ganprint.devices import quick_precision
    from ganprint.evaluation.plan import Settings
    from ganprint.evaluation.runner import Comparison
    from ganprint.studies.variants import Study

    manifest = Manifest.open(training.data, root=training.images)
    tested = named or [(testing.split or manifest.test_split, policy) for policy in STUDIED]
    found = variants(manifest)
    for split in dict.fromkeys(split for split, _ in tested):
        manifest.select(split)
    precision = quick_precision(device) if training.precision == "auto" else training.precision
    seed, out, command = training.seed, training.out, command_line()
    study = Study(manifest, found, out, seed, device, precision, machine.workers, command)
    if training.dry_run:
        _print_trainings(study)
        return
    train_missing(study, training.budget)
    if not study.candidates():
        raise typer.Exit(1)
    settings = Settings(
        seed=seed,
        limit=testing.limit,
        device=device,
        batch_size=machine.batch_size,
        workers=machine.workers,
        command=command,
    )
    comparison = Comparison(manifest, study.candidates(), tested, settings, out)
    entries, interrupted = run_comparison(comparison)
    if entries:
        show_results(comparison, entries, display, variants=found)
    if interrupted or study.missing() or any(entry.failed for entry in entries):
        raise typer.Exit(130 if interrupted else 1)


def _print_trainings(study: "Study") -> None:
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
            f"ganprint: the time budget is used up; unfinished: {', '.join(left)}. "
            "Rerun the command to continue.",
            err=True,
        )
