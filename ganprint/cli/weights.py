"""`ganprint weights`: list, show and verify artifacts, and import official checkpoints."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.box import SIMPLE_HEAD
from rich.table import Table
from typer import Argument, Option

from ganprint.cli.console import command_line, complain, console, echo_json
from ganprint.cli.option_groups import Given, grouped
from ganprint.cli.options import Force, Json, names_in
from ganprint.cli.tables import metric_words, print_divided, print_titled

if TYPE_CHECKING:
    from ganprint.weights import Card, Entry, Interval, Result

app = typer.Typer(help="List, show and verify trained weights, or import an official checkpoint.", no_args_is_help=True)


@app.command("list")
def list_command(
    paths: Annotated[bool, Option("--paths", help="also show where the weights are")] = False, as_json: Json = False
) -> None:
    """List the weights that can be used by name, with their method, sources and accuracy, and damaged ones.

    Example: ganprint weights list --paths
    """
    from ganprint import list_weights
    from ganprint.weights import search_path

    entries = list_weights()
    if as_json:
        echo_json([_entry_record(entry) for entry in entries], indent=2)
    elif entries:
        console().print(_list_table(entries, paths=paths))
        for entry in entries:
            if entry.error:
                complain(f"{entry.name} is damaged: {entry.error}")
    else:
        places = ", ".join(map(str, search_path()))
        typer.echo(f"There are no weights in {places}. ganprint train makes some.", err=True)


@app.command("show")
def show_command(name: Annotated[str, Argument(help="name or folder of the weights")], as_json: Json = False) -> None:
    """Show the card of weights: what they are, how they were trained, and how accurate they are.

    Example: ganprint weights show repmix.wild128
    """
    from ganprint.api.choices import chosen_card, chosen_weights

    folder = chosen_weights(name, None)
    card = chosen_card(folder, None)
    if as_json:
        echo_json({"path": str(folder), **card.model_dump(mode="json")}, indent=2)
        return
    out = console()
    out.print(_card_table(card, folder))
    if card.metrics:
        print_titled("Results, with 95 % intervals", _metrics_table(card.metrics))
    if any(result.per_source for result in card.metrics):
        _print_recalls(card)


@app.command("verify")
def verify_command(
    name: Annotated[str | None, Argument(help="name or folder of the weights; all if left out")] = None,
    as_json: Json = False,
) -> None:
    """Check the hash and the tensors, and whether the method accepts them. Exit status 1 if any are damaged.

    Example: ganprint weights verify repmix.wild128
    """
    from ganprint.api.installed import verify_weights

    records = [asdict(found) for found in verify_weights(name)]
    if as_json:
        echo_json(records, indent=2)
    else:
        for record in records:
            warning = f" ({record['warning']})" if record["warning"] else ""
            typer.echo(f"{record['name']}: {record['error'] or 'sound'}{warning}")
    if any(record["error"] for record in records):
        raise typer.Exit(1)


@app.command("import")
@grouped
def import_command(
    given: Given,
    file: Annotated[Path, Argument(help="a checkpoint of a method's official code, .ckpt")],
    name: Annotated[str, Option(help="name of the new weights")],
    sources: Annotated[str, Option(help="names of its classes, in their order: real,a,b,...", metavar="REAL,A,B,...")],
    semantics: Annotated[str, Option(help="semantic classes of its training images, several as a,b")] = "",
    method: Annotated[str | None, Option(help="method of the checkpoint, where several have an importer")] = None,
    out: Annotated[Path | None, Option(help="folder to write; NAME among the user's weights if left out")] = None,
    force: Force = False,
) -> None:
    """Convert an official checkpoint into weights, without running anything in it.

    Example: ganprint weights import model.ckpt --name official --sources real,progan,stylegan
    """
    from ganprint.api.importing import import_checkpoint

    artifact = import_checkpoint(
        file,
        sources=names_in(sources),
        semantics=names_in(semantics),
        **given.but("file", "sources", "semantics"),
        command=command_line(),
    )
    typer.echo(artifact.card.notes, err=True)
    typer.echo(artifact.path)


def _entry_record(entry: "Entry") -> dict[str, Any]:
    card = entry.card.model_dump(mode="json") if entry.card else {}
    fields = ("method", "default", "sources", "view", "parameters", "precision", "sha256", "date")
    shown = _shown_result(entry.card)
    return {
        "name": entry.name,
        **{field: card.get(field) for field in fields},
        "attribution_accuracy": shown.values["attribution_accuracy"].model_dump() if shown else None,
        "split": shown.split if shown else None,
        "policy": shown.policy if shown else None,
        "size": entry.size,
        "path": str(entry.path),
        "error": entry.error,
    }


def _shown_result(card: "Card | None") -> "Result | None":
    """Return the evaluation that a list has room for: clean images of seen groups, or else the first."""
    results = [result for result in (card.metrics if card else []) if "attribution_accuracy" in result.values]
    wanted = [each for each in results if each.split in ("test_seen", "test") and each.policy == "none"]
    return next(iter([*wanted, *results]), None)


def _list_table(entries: "list[Entry]", *, paths: bool) -> Table:
    """Show what fits into 80 columns; paths take the place of figures."""
    legend = "* default of its method; ** default if no method is named."
    if not paths:
        legend += " Accuracy is of attribution; `ganprint weights show NAME` has the details."
    table = Table(caption=legend, caption_justify="left", box=SIMPLE_HEAD, padding=0, show_edge=False)
    table.add_column("name", no_wrap=True)
    if paths:
        table.add_column("path", overflow="fold")
    else:
        table.add_column("method", no_wrap=True)
        table.add_column("sources", justify="right")
        table.add_column("crops", no_wrap=True)
        table.add_column("MB", justify="right")
        table.add_column("accuracy", justify="right")
    for entry in entries:
        card, shown = entry.card, _shown_result(entry.card)
        marks = "" if card is None else "**" if card.first_choice else "*" if card.default else ""
        name = f"{entry.name}{marks}"
        size = f"{entry.size / 1e6:.1f}"
        if paths:
            table.add_row(name, str(entry.path))
        elif card is None or entry.error:
            table.add_row(name, "damaged", "", "", size, "")
        else:
            accuracy = f"{shown.values['attribution_accuracy'].value:.3f}" if shown else ""
            crops = f"{card.view.kind} {card.view.size}"
            table.add_row(name, card.method, str(len(card.sources)), crops, size, accuracy)
    return table


def _card_table(card: "Card", folder: Path) -> Table:
    view = f"{card.view.kind}, {card.view.size} px"
    if card.view.square > card.view.size:
        view += f" of {card.view.square}"
    if card.view.kind == "native" or card.view.square > card.view.size:
        view += f", {card.view.crops} crops"
    data, training = card.data, card.training
    rows = {
        "name": card.name + (" (default of its method)" if card.default else ""),
        "method": f"{card.method}, of {card.plugin.distribution} {card.plugin.version}",
        "sources": ", ".join(card.sources),
        "semantics": ", ".join(card.semantics),
        "preprocessing": view,
        "config": ", ".join(f"{key}={value}" for key, value in card.config.items() if key != "view"),
        "data": f"{data.name}, {data.train} to train on, {data.val} to choose on" if data else "",
        "data sha256": data.sha256 if data else "",
        "training": _training_line(training) if training else "",
        "seed": "" if card.seed is None else str(card.seed),
        "command": card.command,
        "date": card.date.isoformat(),
        "hardware": card.hardware,
        "versions": ", ".join(f"{key} {value}" for key, value in card.versions.items()),
        "parameters": f"{card.parameters:,} in {card.precision}" if card.parameters is not None else "",
        "sha256": card.sha256 or "",
        "licence": card.licence,
        "notes": card.notes,
        "where": str(folder),
    }
    table = Table(show_header=False, box=None, padding=(0, 1, 0, 0))
    table.add_column()
    table.add_column(overflow="fold")
    for key, value in rows.items():
        if value:
            table.add_row(key, value)
    return table


def _training_line(training: Any) -> str:
    parts = {
        "epochs": training.epochs,
        "best epoch": training.best_epoch,
        "seconds": None if training.seconds is None else round(training.seconds),
    }
    return ", ".join(f"{key} {value}" for key, value in parts.items() if value is not None)


def _metrics_table(results: "list[Result]") -> Table:
    names = list(dict.fromkeys(name for result in results for name in result.values))
    table = Table("split", "policy", "n")
    for name in names:
        table.add_column(metric_words(name), justify="right")
    for result in results:
        cells = [_interval(result.values.get(name)) for name in names]
        table.add_row(result.split, result.policy, str(result.n), *cells)
    return table


def _interval(interval: "Interval | None") -> str:
    if interval is None:
        return ""
    bounds = "" if interval.low is None else f" [{interval.low:.3f}, {interval.high:.3f}]"
    return f"{interval.value:.3f}{bounds}"


def _print_recalls(card: "Card") -> None:
    columns = [f"{result.split}, {result.policy}" for result in card.metrics]
    rows = []
    for source in card.sources:
        recalls = [result.per_source.get(source) for result in card.metrics]
        rows.append((source, ["" if recall is None else f"{recall:.3f}" for recall in recalls]))
    print_divided("Recall of each source", "source", columns, rows)
