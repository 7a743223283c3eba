"""`ganprint study`: the published experiments that train and then compare."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from ganprint.api.choices import chosen_device
from ganprint.api.outputs import check_output
from ganprint.cli.compare import run_comparison, show_results
from ganprint.cli.console import command_line
from ganprint.cli.options import (
    BatchSize,
    Data,
    Device,
    Images,
    Limit,
    Seed,
    Threads,
    Workers,
)
from ganprint.cli.tables import (
    FigureForm,
    Figures,
    Form,
    Html,
    Markdown,
    Metric,
    Unit,
    check_figures,
    check_unit,
    chosen_form,
)
from ganprint.cli.train import Reporter

if TYPE_CHECKING:
    from ganprint.data import Manifest
    from ganprint.studies.variants import Study, Variant

app = typer.Typer(help="Train variants of methods, and compare them.", no_args_is_help=True)

STUDIED = ("none", "test-seen")
"""Policies, on --split, where no condition is named."""

Out = Annotated[
    Path, typer.Option("--out", help="folder of trainings and results; what is there is not computed again")
]
Preset = Annotated[
    str | None, typer.Option("--preset", help="a preset: paper, small, ...; the paper's if left out")
]
Assignments = Annotated[
    list[str] | None,
    typer.Option("--set", help="key=value of every training, METHOD:key=value of one method's; repeatable"),
]
Budget = Annotated[
    float | None, typer.Option("--budget", min=0, help="minutes to train; rerun the command to continue")
]
Arithmetic = Annotated[
    Literal["auto", "fp32", "bf16"],
    typer.Option(
        "--precision", help="arithmetic of trainings; auto: bf16 where the device has it in hardware"
    ),
]
Conditions = Annotated[
    list[str] | None,
    typer.Option("--condition", help="SPLIT:POLICY; repeatable; none and test-seen on --split if left out"),
]
Split = Annotated[str, typer.Option("--split", help="the split to test on")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="say what would be trained, and stop")]


@dataclass(frozen=True)
class Asked:
    """What both experiments take from the command line."""

    data: str
    images: str | None
    out: Path
    budget: float | None
    precision: Literal["auto", "fp32", "bf16"]
    conditions: Sequence[str]
    split: str
    metric: str
    unit: Literal["group", "image"]
    seed: int
    limit: int | None
    batch_size: int
    workers: int
    device: str
    threads: int | None
    dry_run: bool
    figures: Path | None
    figure_form: Literal["png", "svg"]
    html: Path | None
    markdown: bool


@app.command()
def semantics(
    data: Data,
    out: Out,
    method: Annotated[str, typer.Option(help="methods, several as a,b, or all")] = "all",
    counts: Annotated[
        list[int] | None,
        typer.Option("--count", min=1, help="train on so many semantics only; repeatable; all if left out"),
    ] = None,
    preset: Preset = None,
    assignments: Assignments = None,
    budget: Budget = None,
    precision: Arithmetic = "auto",
    image_folder: Images = None,
    conditions: Conditions = None,
    split: Split = "test_seen",
    metric: Metric = "attribution_accuracy",
    unit: Unit = "group",
    seed: Seed = 0,
    limit: Limit = None,
    batch_size: BatchSize = 32,
    workers: Workers = 0,
    device: Device = "auto",
    threads: Threads = None,
    dry_run: DryRun = False,
    figures: Figures = None,
    figure_form: FigureForm = "png",
    html: Html = None,
    markdown: Markdown = False,
) -> None:
    """Train each method on images of 1, 2, ... semantic classes (what is shown), and test it on all of them.

    Example: ganprint study semantics --data split.csv --out semantics --method repmix,yu --preset small --budget 120
    """

    def variants(manifest: "Manifest") -> "list[Variant]":
        from ganprint.api.candidates import chosen_methods
        from ganprint.studies.variants import check_addressees, semantics_variants

        methods = chosen_methods(method) or []
        check_addressees(assignments or (), methods)
        return semantics_variants(
            methods, manifest, counts or (), preset=preset, assignments=assignments or ()
        )

    _study(
        variants,
        Asked(
            data, image_folder, out, budget, precision, conditions or (), split, metric, unit, seed, limit,
            batch_size, workers, device, threads, dry_run, figures, figure_form, html, markdown,
        ),
    )  # fmt: skip


@app.command()
def ablation(
    data: Data,
    out: Out,
    method: Annotated[
        str | None, typer.Option(help="the method; the first whose paper has an ablation if left out")
    ] = None,
    parts: Annotated[
        list[str] | None,
        typer.Option(
            "--part",
            help="parts, levels, counts, backbones, or the name of a row; repeatable; all if left out",
        ),
    ] = None,
    preset: Preset = None,
    assignments: Assignments = None,
    budget: Budget = None,
    precision: Arithmetic = "auto",
    image_folder: Images = None,
    conditions: Conditions = None,
    split: Split = "test_seen",
    metric: Metric = "attribution_accuracy",
    unit: Unit = "group",
    seed: Seed = 0,
    limit: Limit = None,
    batch_size: BatchSize = 32,
    workers: Workers = 0,
    device: Device = "auto",
    threads: Threads = None,
    dry_run: DryRun = False,
    figures: Figures = None,
    figure_form: FigureForm = "png",
    html: Html = None,
    markdown: Markdown = False,
) -> None:
    """Train a method with parts changed as in its paper, and test each.

    Example: ganprint study ablation --data split.csv --out ablation --preset small
    """

    def variants(manifest: "Manifest") -> "list[Variant]":
        from ganprint.studies.variants import ablated_method, ablation_variants, check_addressees

        ablated = ablated_method(method)
        check_addressees(assignments or (), [ablated])
        return ablation_variants(ablated, parts or (), preset=preset, assignments=assignments or ())

    _study(
        variants,
        Asked(
            data, image_folder, out, budget, precision, conditions or (), split, metric, unit, seed, limit,
            batch_size, workers, device, threads, dry_run, figures, figure_form, html, markdown,
        ),
    )  # fmt: skip


def _study(variants: "Callable[[Manifest], list[Variant]]", asked: Asked) -> None:
    """Train what is missing, measure what is trained, and print the tables."""
    from ganprint.api.chosen_conditions import distinct_conditions, parse_condition
    from ganprint.errors import UsageError
    from ganprint.processes import place

    form: Form = chosen_form(markdown=asked.markdown, latex=False, as_json=False, as_csv=False)
    check_unit(asked.metric, asked.unit)
    check_output(asked.html, force=False)
    check_figures(asked.figures, force=False)
    if place()[1] > 1:
        raise UsageError(
            "The trainings of an experiment run in one process.",
            "Share one among several with torchrun -m ganprint train, and compare its weights.",
        )
    tested = [parse_condition(text) for text in asked.conditions] or [
        (asked.split, policy) for policy in STUDIED
    ]
    tested = distinct_conditions(tested, None)
    device = chosen_device(asked.device, asked.threads)
    from ganprint.data import Manifest
    from ganprint.devices import quick_precision
    from ganprint.evaluation.plan import Settings
    from ganprint.evaluation.runner import Comparison
    from ganprint.studies.variants import Study

    manifest = Manifest.open(asked.data, root=asked.images)
    found = variants(manifest)
    for split in dict.fromkeys(split for split, _ in tested):
        manifest.select(split)
    arithmetic = quick_precision(device) if asked.precision == "auto" else asked.precision
    study = Study(manifest, found, asked.out, asked.seed, device, arithmetic, asked.workers, command_line())
    if asked.dry_run:
        _print_trainings(study)
        return
    train_missing(study, asked.budget)
    if not study.candidates():
        raise typer.Exit(1)
    settings = Settings(
        seed=asked.seed,
        limit=asked.limit,
        device=device,
        batch_size=asked.batch_size,
        workers=asked.workers,
        command=command_line(),
    )
    comparison = Comparison(manifest, study.candidates(), tested, settings, asked.out)
    entries, interrupted = run_comparison(comparison)
    if entries:
        shown = [entry.in_unit(asked.unit) for entry in entries]
        drawn = (asked.figures, asked.figure_form, asked.html, False)
        show_results(comparison, shown, form, metric=asked.metric, variants=found, drawn=drawn)
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
