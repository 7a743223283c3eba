"""`ganprint study`: the published experiments that train and then compare."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import typer
from typer import Option

from ganprint.cli.compare import run_comparison, show_results
from ganprint.cli.console import command_line, complain
from ganprint.cli.option_groups import Display, Given, Machine, grouped
from ganprint.cli.options import TEST_SPLIT, Budget, Data, DryRun, Images, Limit, Seed, TrainingPrecision
from ganprint.cli.train import Reporter

if TYPE_CHECKING:
    from ganprint.studies.study import Study

app = typer.Typer(help="Train variants of methods, and compare them.", no_args_is_help=True)


@dataclass(frozen=True, kw_only=True)
class Training:
    """What is trained, and where it goes."""

    panel: ClassVar[str] = "Training"
    data: Data
    out: Annotated[Path, Option(help="folder of trainings and results; what is there is not computed again")]
    preset: Annotated[str | None, Option(help="a preset: paper, small, ...; the paper's if left out")] = None
    assignments: Annotated[
        list[str] | None,
        Option("--set", help="key=value of every training, METHOD:key=value of one method's; repeatable"),
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
        Option("--condition", help="SPLIT:POLICY, several as a,b; none and test-seen on --split if left out"),
    ] = None
    split: Annotated[str | None, Option(help=f"the split to test on; {TEST_SPLIT}")] = None
    limit: Limit = None


@app.command()
@grouped
def semantics(
    *,
    given: Given,
    method: Annotated[str, Option(help="methods, several as a,b, or all")] = "all",
    counts: Annotated[
        list[int] | None,
        Option("--count", min=1, help="train on only N semantic classes, several as 1,2; all numbers if left out"),
    ] = None,
    training: Training,
    testing: Testing,
    machine: Machine,
    display: Display,
) -> None:
    """Train each method on images of 1, 2, ... semantic classes (what is shown), and test it on all of them.

    Example: ganprint study semantics --data split.csv --out semantics --method repmix,yu --preset small --budget 120
    """
    _study("semantics", given, training, display)


@app.command()
@grouped
def ablation(
    *,
    given: Given,
    method: Annotated[str | None, Option(help="the method; the first whose paper has an ablation if left out")] = None,
    parts: Annotated[
        list[str] | None,
        Option(
            "--part", help="parts, levels, counts, backbones, or the name of a row, several as a,b; all if left out"
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
    _study("ablation", given, training, display)


def _study(kind: Literal["semantics", "ablation"], given: Given, training: Training, display: Display) -> None:
    """Train what is missing, measure what is trained, and print the tables."""
    from ganprint.api.trained_studies import prepare_study

    display.check(force=False)
    options = given.but("assignments", "budget", "dry_run", *vars(display))
    prepared = prepare_study(kind, **options, set=training.assignments or (), command=command_line())
    study = prepared.study
    if training.dry_run:
        _print_trainings(study)
        return
    reporter = Reporter()
    try:
        with reporter:
            left = prepared.train(training.budget, begin=reporter.begin, report=reporter, say=reporter.say)
    except KeyboardInterrupt:
        complain("interrupted; rerun the command to continue.")
        raise typer.Exit(130) from None
    if left:
        complain(f"the time budget is used up; unfinished: {', '.join(left)}. Rerun the command to continue.")
    if not study.candidates():
        raise typer.Exit(1)
    comparison = prepared.comparison()
    entries, interrupted = run_comparison(comparison)
    if entries:
        show_results(comparison, entries, display, variants=study.variants)
    if interrupted or left or any(entry.failed for entry in entries):
        raise typer.Exit(130 if interrupted else 1)


def _print_trainings(study: "Study") -> None:
    missing = study.missing()
    typer.echo(
        f"{len(study.variants)} trainings; {len(study.variants) - len(missing)} are there, {len(missing)} missing"
    )
    for variant in missing:
        on = f": {', '.join(variant.semantics)}" if variant.semantics is not None else ""
        typer.echo(f"{variant.name}{on}")
