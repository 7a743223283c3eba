"""`ganprint compare`: several methods' weights under the same conditions, side by side."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ganprint.cli.console import command_line, progress_bar
from ganprint.cli.memory import keep_freed_memory
from ganprint.cli.options import (
    BatchSize,
    Csv,
    Device,
    Engine,
    Force,
    Json,
    Limit,
    Precision,
    Seed,
    Workers,
    check_device,
    check_output,
)
from ganprint.cli.tables import (
    FigureForm,
    Figures,
    Html,
    Intervals,
    Latex,
    Markdown,
    Metric,
    check_figures,
    chosen_form,
    draw_results,
    print_results,
    write_results_page,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ganprint.evaluation.leaderboard import Entry
    from ganprint.evaluation.runner import Comparison, Contender

CONDITIONS = ("test_seen:none", "test_seen:test-seen", "test_unseen:none")


def compare(
    data: Annotated[
        Path | None,
        typer.Option("--data", help="a manifest with path,label,dlabel or a folder source/semantic/*"),
    ] = None,
    weights: Annotated[
        list[str] | None,
        typer.Option(
            "--weights",
            help="name or folder of weights; repeatable; if left out, all trained on a manifest of this name",
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
    split: Annotated[
        str, typer.Option(help="the split of --robustness, --resharing and --open-set")
    ] = "test_seen",
    corruptions: Annotated[
        list[str] | None, typer.Option("--corruption", help="only this one in --robustness; repeatable")
    ] = None,
    severities: Annotated[
        list[int] | None,
        typer.Option("--severity", min=1, max=5, help="only this one in --robustness; repeatable"),
    ] = None,
    metric: Metric = "attribution_accuracy",
    out: Annotated[
        Path | None,
        typer.Option(help="folder of results, one JSON each; what is there is not computed again"),
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
    device: Device = "cpu",
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
    """Measure detection, attribution and balanced accuracy and NMI of several weights, and print tables.

    Images are read and perturbed once for all weights with the same sources. With --out an interrupted comparison
    goes on where it was; --force computes all anew and overwrites figures and pages. Several processes share the
    work: torchrun --standalone --nproc-per-node 2 --no-python ganprint compare ...
    """
    from ganprint.errors import UsageError

    form = chosen_form(markdown=markdown, latex=latex, as_json=as_json, as_csv=as_csv)
    check_output(html, force=force)
    check_figures(figures, force=force)
    if data is None:
        raise UsageError(
            "No data are named.",
            "Give --data a manifest, a CSV with path,label,dlabel and split, or a folder source/semantic/*.",
        )
    if limit and (record or out):
        raise UsageError("--record and --out are for whole splits.", "Leave --limit out.")
    if predictions and out is None:
        raise UsageError("--predictions are written beside the results.", "Give --out a folder.")
    names = _renamed(renamed)
    asked = _conditions(
        conditions,
        split,
        corruptions,
        severities,
        robustness=robustness,
        resharing=resharing,
        open_set=open_set,
    )
    check_device(device)
    # What imports torch comes after what can be refused without it.
    from ganprint.evaluation.experiments import result_tables
    from ganprint.evaluation.runner import Comparison, Settings

    keep_freed_memory()
    comparison = Comparison(
        data,
        _contenders(weights, method, data),
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
    )
    if dry_run:
        _print_plan(comparison)
        return
    entries = _run(comparison)
    if not entries:
        return
    tables = result_tables(entries, metric, [split] if robustness else [])
    print_results(tables, entries, form, intervals=intervals)
    if record:
        _record(comparison, entries)
    draw_results(entries, metric, figures, figure_form, force=force)
    if html is not None:
        write_results_page(html, tables, entries, metric, force=force)
    if any(entry.failed for entry in entries):
        raise typer.Exit(1)


def _conditions(
    named: list[str] | None,
    split: str,
    corruptions: list[str] | None,
    severities: list[int] | None,
    *,
    robustness: bool,
    resharing: bool,
    open_set: bool,
) -> list[tuple[str, str]]:
    from ganprint.errors import UsageError

    if (corruptions or severities) and not robustness:
        raise UsageError(
            "--corruption and --severity choose among those of --robustness.",
            "Add --robustness, or name one with --condition test_seen:jpeg_compression:3.",
        )
    asked = [_condition(text) for text in named or ()]
    from ganprint.evaluation.experiments import resharing_conditions, robustness_conditions
    from ganprint.perturb import CORRUPTIONS, SEVERITIES

    if robustness:
        asked += robustness_conditions(split, corruptions or CORRUPTIONS, sorted(severities or SEVERITIES))
    if resharing:
        asked += resharing_conditions(split)
    if open_set:
        asked.append((f"{split}+open", "none"))
    return list(dict.fromkeys(asked or [_condition(text) for text in CONDITIONS]))


def _condition(text: str) -> tuple[str, str]:
    from ganprint.errors import UsageError

    split, colon, policy = text.partition(":")
    if not split or not colon or not policy:
        raise UsageError(
            f"{text!r} is no condition.",
            "Write SPLIT:POLICY, as in --condition test_seen:jpeg_compression:3.",
        )
    return split, policy


def _renamed(pairs: list[str] | None) -> tuple[tuple[str, str], ...]:
    from ganprint.errors import UsageError

    found = []
    for pair in pairs or ():
        name, equals, source = pair.partition("=")
        if not (name and equals and source):
            raise UsageError(f"{pair!r} maps nothing.", "Write NAME=SOURCE, as in --map ada=stylegan2.")
        found.append((name, source))
    return tuple(found)


def _contenders(names: list[str] | None, method: str | None, data: Path) -> "list[Contender]":
    from ganprint.errors import UsageError, WeightsError
    from ganprint.evaluation.runner import Contender
    from ganprint.weights import default_for, find, list_weights, read_card

    methods = _methods(method)
    if names:
        folders = [find(name) for name in dict.fromkeys(names)]
        chosen = [Contender(folder, read_card(folder)) for folder in folders]
        chosen = [each for each in chosen if methods is None or each.card.method in methods]
        if not chosen:
            raise UsageError(f"None of these weights is of the method {method}.", "Leave --method out.")
        return chosen
    every = [Contender(entry.path, entry.card) for entry in list_weights() if entry.card and not entry.error]
    fitting = [each for each in every if each.card.data and each.card.data.name == data.name]
    if methods is not None:
        fitting = [each for each in fitting if each.card.method in methods]
        without = [name for name in methods if name not in {each.card.method for each in fitting}]
        defaults = [default_for(name) for name in without]
        fitting += [Contender(entry.path, entry.card) for entry in defaults if entry.card]
    if not fitting:
        raise WeightsError(
            f"No installed weights were trained on {data.name}.",
            f"Name some with --weights: {', '.join(each.name for each in every) or 'there are none'}.",
        )
    return sorted(fitting, key=lambda each: (each.card.method, each.name))


def _methods(text: str | None) -> list[str] | None:
    """Return the methods that were named, each checked to exist; None where none was."""
    from ganprint import plugins

    if text is None:
        return None
    if text == "all":
        return [plugin.name for plugin in plugins.discover() if plugin.error is None]
    names = [name.strip() for name in text.split(",")]
    for name in names:
        plugins.load(name)
    return names


def _print_plan(comparison: "Comparison") -> None:
    blocks = comparison.missing(comparison.blocks)
    cells = sum(len(block.cells) for block in blocks)
    images = sum(len(comparison.images(cell)) for block in blocks for cell in block.cells)
    typer.echo(
        f"{len(comparison.cells)} results of {len(comparison.contenders)} weights in "
        f"{len(comparison.conditions)} conditions; {len(comparison.cells) - cells} are there, {cells} missing: "
        f"{images:,} answers in {len(blocks)} passes over the images"
    )
    for block in blocks:
        names = ", ".join(cell.contender.name for cell in block.cells)
        typer.echo(f"{block.split} under {block.condition.policy}: {names}")


def _run(comparison: "Comparison") -> "list[Entry]":
    from ganprint.errors import ImageError
    from ganprint.evaluation.runner import Block

    failures: dict[str, None] = {}

    def warn(failure: ImageError) -> None:
        if failure.message not in failures:
            typer.echo(f"ganprint: {failure.message}", err=True)
        failures[failure.message] = None

    with progress_bar() as bar:
        blocks = comparison.missing(comparison.blocks)
        whole = bar.add_task("images", total=sum(len(comparison.images(b.cells[0])) for b in blocks))

        def tell(block: Block, images: int) -> None:
            bar.update(whole, advance=images, description=f"{block.split} under {block.condition.policy}")

        # Of several processes the first speaks for all.
        for message in comparison.doubts() if comparison.is_first else ():
            typer.echo(f"ganprint: {message}", err=True)
        return comparison.run(progress=tell, warn=warn)


def _record(comparison: "Comparison", entries: "Sequence[Entry]") -> None:
    from ganprint.weights import add_result

    folders = {contender.name: contender.path for contender in comparison.contenders}
    for entry in entries:
        result = entry.result().model_copy(update={"command": entry.command})
        add_result(folders[entry.weights], result)
