"""`ganprint compare`: several methods' weights under the same conditions, side by side."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from ganprint.api.choices import chosen_device
from ganprint.api.outputs import check_output, refuse_own_inputs
from ganprint.cli.candidates import chosen_candidates, named_candidate, renamed_sources
from ganprint.cli.conditions import (
    CONDITIONS,
    STUDIED,
    adversarial_asked,
    distinct_conditions,
    others_asked,
    parse_condition,
    robustness_asked,
)
from ganprint.cli.console import command_line, progress_bar
from ganprint.cli.memory import keep_freed_memory
from ganprint.cli.options import (
    BatchSize,
    Csv,
    Device,
    Engine,
    Force,
    Images,
    Json,
    Limit,
    Precision,
    Seed,
    TestData,
    Threads,
    Workers,
    chosen_data,
)
from ganprint.cli.studies import Trainings, train_missing
from ganprint.cli.tables import (
    Against,
    FigureForm,
    Figures,
    Html,
    Intervals,
    Latex,
    Markdown,
    Metric,
    Unit,
    check_against,
    check_figures,
    check_unit,
    chosen_form,
    draw_results,
    print_results,
    write_results_page,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.figure import Figure

    from ganprint.evaluation.entry import Entry
    from ganprint.evaluation.runner import Comparison
    from ganprint.studies.variants import Variant

ATTACKS, TRAININGS = "Of --adversarial", "Of --semantics and --ablation"
"""Headings in the help."""


def compare(
    data: TestData = None,
    image_folder: Images = None,
    weights: Annotated[
        list[str] | None,
        typer.Option(
            "--weights",
            help="name or folder of weights; repeatable; if left out, all trained on a manifest of this name, "
            "or else all that know its sources",
        ),
    ] = None,
    method: Annotated[
        str | None,
        typer.Option(help="methods, with commas between: of the weights; where none fits, their defaults"),
    ] = None,
    conditions: Annotated[
        list[str] | None,
        typer.Option(
            "--condition",
            help="SPLIT:POLICY, POLICY as for evaluate; repeatable; "
            "test_seen:none, test_seen:test-seen and test_unseen:none if left out",
        ),
    ] = None,
    robustness: Annotated[
        bool, typer.Option("--robustness", help="clean and every corruption at every severity, on --split")
    ] = False,
    open_set: Annotated[
        bool,
        typer.Option("--open-set", help="--split and the split open together: AUROC and OSCR of confidence"),
    ] = False,
    resharing: Annotated[
        bool,
        typer.Option(
            "--resharing", help="clean and what sharing does: JPEG, resizing, cropping, chains; on --split"
        ),
    ] = False,
    adversarial: Annotated[
        bool,
        typer.Option(
            "--adversarial",
            help="clean and white-box attacks on --split; methods without gradients through others' weights",
        ),
    ] = False,
    semantics: Annotated[
        bool,
        typer.Option("--semantics", help="train each --method on 1, 2, ... semantics, and test it as ever"),
    ] = False,
    ablation: Annotated[
        bool,
        typer.Option(
            "--ablation", help="train a method with parts changed as in its paper, and test it as ever"
        ),
    ] = False,
    split: Annotated[str, typer.Option(help="the split of all of these experiments")] = "test_seen",
    corruptions: Annotated[
        list[str] | None, typer.Option("--corruption", help="only this one in --robustness; repeatable")
    ] = None,
    severities: Annotated[
        list[int] | None,
        typer.Option("--severity", min=1, max=5, help="only this one in --robustness; repeatable"),
    ] = None,
    attacks: Annotated[
        list[str] | None,
        typer.Option("--attack", help="fgsm or pgd; repeatable; both if left out", rich_help_panel=ATTACKS),
    ] = None,
    epsilons: Annotated[
        list[int] | None,
        typer.Option(
            "--epsilon",
            min=1,
            max=255,
            help="largest change, in levels of 255; repeatable; 2, 4, 8, 16, 24 and 32 if left out",
            rich_help_panel=ATTACKS,
        ),
    ] = None,
    target: Annotated[
        Literal["attribution", "detection"],
        typer.Option(help="the answer that attacks make wrong", rich_help_panel=ATTACKS),
    ] = "attribution",
    steps: Annotated[
        int | None, typer.Option(min=1, help="steps of PGD; 10 if left out", rich_help_panel=ATTACKS)
    ] = None,
    surrogate: Annotated[
        str | None,
        typer.Option(
            help="weights that methods without gradients are attacked through; the first with gradients if left out",
            rich_help_panel=ATTACKS,
        ),
    ] = None,
    counts: Annotated[
        list[int] | None,
        typer.Option(
            "--semantics-count",
            min=1,
            help="train on so many semantics only; repeatable",
            rich_help_panel=TRAININGS,
        ),
    ] = None,
    parts: Annotated[
        list[str] | None,
        typer.Option(
            "--part",
            help="of the ablation: parts, levels, counts, backbones, or a row's name; repeatable",
            rich_help_panel=TRAININGS,
        ),
    ] = None,
    preset: Annotated[
        str | None,
        typer.Option(help="a preset, or what follows the method's name in it", rich_help_panel=TRAININGS),
    ] = None,
    assignments: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            help="key=value of every training, METHOD:key=value of one method's; repeatable",
            rich_help_panel=TRAININGS,
        ),
    ] = None,
    budget: Annotated[
        float | None,
        typer.Option(
            min=0, help="minutes to train; rerun the command to continue", rich_help_panel=TRAININGS
        ),
    ] = None,
    training_precision: Annotated[
        Literal["fp32", "bf16"],
        typer.Option("--training-precision", help="arithmetic of trainings", rich_help_panel=TRAININGS),
    ] = "fp32",
    metric: Metric = "attribution_accuracy",
    unit: Unit = "group",
    against: Against = None,
    out: Annotated[
        Path | None,
        typer.Option(help="folder of results, a CSV and details; what is there is not computed again"),
    ] = None,
    predictions: Annotated[
        bool, typer.Option("--predictions", help="write a CSV of one row per image beside each result")
    ] = False,
    renamed: Annotated[
        list[str] | None,
        typer.Option("--map", help="NAME=SOURCE: take the data's NAME for the weights' SOURCE; repeatable"),
    ] = None,
    engine: Engine = "torch",
    precision: Precision = "fp32",
    seed: Seed = 0,
    limit: Limit = None,
    batch_size: BatchSize = 32,
    workers: Workers = 0,
    device: Device = "auto",
    threads: Threads = None,
    force: Force = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="say what would be computed, and stop")] = False,
    record: Annotated[
        bool, typer.Option("--record", help="write the results into the weights' cards")
    ] = False,
    figures: Figures = None,
    figure_form: FigureForm = "png",
    html: Html = None,
    intervals: Intervals = False,
    markdown: Markdown = False,
    latex: Latex = False,
    as_json: Json = False,
    as_csv: Csv = False,
) -> None:
    """Measure detection and attribution accuracy and NMI of several weights, and print tables with paired differences.

    Images are read and perturbed once for all weights with the same sources. With --out an interrupted comparison
    goes on where it was; --force computes all again and overwrites figures and pages. Several processes share the
    work: torchrun --standalone --nproc-per-node 2 --no-python ganprint compare ...
    """
    from ganprint.errors import UsageError

    form = chosen_form(markdown=markdown, latex=latex, as_json=as_json, as_csv=as_csv)
    check_unit(metric, unit)
    check_output(html, force=force)
    refuse_own_inputs([html], [data])
    check_figures(figures, force=force)
    if limit and record:
        raise UsageError("--record needs whole splits.", "Leave --limit out.")
    if predictions and out is None:
        raise UsageError("--predictions needs a folder of results.", "Name one with --out.")
    trainings = Trainings(
        semantics,
        ablation,
        counts or (),
        parts or (),
        preset,
        assignments or (),
        budget,
        training_precision,
    )
    trainings.check(weights=weights, method=method, out=out)
    names = renamed_sources(renamed)
    asked = [parse_condition(text) for text in conditions or ()]
    asked += robustness_asked(split, corruptions, severities, asked=robustness)
    asked += adversarial_asked(split, attacks, epsilons, target, steps, asked=adversarial)
    asked += others_asked(split, resharing=resharing, open_set=open_set)
    if not asked and trainings.asked:
        asked = [(split, policy) for policy in STUDIED]
    asked = distinct_conditions(asked or [parse_condition(text) for text in CONDITIONS], surrogate)
    device = chosen_device(device, threads)
    # What imports torch comes after what can be refused without it.
    from ganprint.data import Manifest
    from ganprint.evaluation.plan import Settings
    from ganprint.evaluation.runner import Comparison
    from ganprint.reporting.overview import result_tables

    keep_freed_memory()
    images_of = chosen_data(data)
    study = None
    if trainings.asked and out is not None:
        study = trainings.study(
            Manifest.open(images_of, root=image_folder),
            method,
            out,
            (where for where, _ in asked),
            seed=seed,
            device=device,
            workers=workers,
        )
        if dry_run:
            trainings.print_plan(study)
            return
        train_missing(study, budget)
        if not study.candidates():
            raise typer.Exit(1)
    comparison = Comparison(
        images_of,
        study.candidates() if study else chosen_candidates(weights, method, images_of),
        asked,
        Settings(
            seed=seed,
            limit=limit,
            engine=engine,
            precision=precision,
            device=device,
            batch_size=batch_size,
            workers=workers,
            renamed=names,
            command=command_line(),
        ),
        out,
        predictions,
        force,
        named_candidate(surrogate) if surrogate else None,
        image_folder,
    )
    check_against(against, [candidate.name for candidate in comparison.candidates])
    if dry_run:
        _print_plan(comparison)
        return
    entries = _run(comparison)
    if not entries:
        return
    variants = study.variants if study else ()
    shown = [entry.in_unit(unit) for entry in entries]
    tables = result_tables(shown, metric, [split] if robustness else [], variants, against)
    print_results(tables, shown, form, intervals=intervals)
    if record:
        _record(comparison, entries)
    drawn = _figures(comparison, shown, metric, variants) if figures or html else {}
    draw_results(drawn, figures, figure_form, force=force)
    if html is not None:
        write_results_page(html, tables, shown, drawn, force=force)
    if any(entry.failed for entry in entries) or (study and study.missing()):
        raise typer.Exit(1)


def _print_plan(comparison: "Comparison") -> None:
    batches = comparison.missing(comparison.batches)
    jobs = sum(len(batch.jobs) for batch in batches)
    images = sum(len(comparison.images(job)) for batch in batches for job in batch.jobs)
    typer.echo(
        f"{len(comparison.jobs)} results of {len(comparison.candidates)} weights in "
        f"{len(comparison.conditions)} conditions; {len(comparison.jobs) - jobs} are there, {jobs} missing: "
        f"{images:,} answers in {len(batches)} passes over the images"
    )
    for batch in batches:
        names = ", ".join(job.candidate.name for job in batch.jobs)
        typer.echo(f"{batch.split} under {batch.condition.policy}: {names}")


def _run(comparison: "Comparison") -> "list[Entry]":
    from ganprint.errors import ImageError
    from ganprint.evaluation.plan import JobBatch

    failures: dict[str, None] = {}

    def warn(failure: ImageError) -> None:
        if failure.message not in failures:
            typer.echo(f"ganprint: {failure.message}", err=True)
        failures[failure.message] = None

    with progress_bar() as bar:
        batches = comparison.missing(comparison.batches)
        whole = bar.add_task("images", total=sum(len(comparison.images(b.jobs[0])) for b in batches))

        def tell(batch: JobBatch, images: int) -> None:
            bar.update(whole, advance=images, description=f"{batch.split} under {batch.condition.policy}")

        # Of several processes the first speaks for all.
        for message in comparison.doubts() if comparison.is_first else ():
            typer.echo(f"ganprint: {message}", err=True)
        return comparison.run(progress=tell, warn=warn)


def _figures(
    comparison: "Comparison", entries: "Sequence[Entry]", metric: str, variants: "Sequence[Variant]"
) -> "dict[str, Figure]":
    """Return all figures: of the results, and of the images that were answered for clean."""
    from ganprint.reporting.charts import comparison_figures, semantics_figures
    from ganprint.reporting.embeddings import image_figures

    of_results = comparison_figures(entries, metric) | semantics_figures(entries, variants, metric)
    return of_results | image_figures(comparison)


def _record(comparison: "Comparison", entries: "Sequence[Entry]") -> None:
    from ganprint.weights import add_result

    folders = {candidate.name: candidate.path for candidate in comparison.candidates}
    # A card says what its own weights' gradients allow; an attack through others' is the leaderboard's.
    for entry in (each for each in entries if each.surrogate is None):
        result = entry.result().model_copy(update={"command": entry.command})
        add_result(folders[entry.weights], result)
