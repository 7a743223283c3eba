"""Printing results as tables, text formats, figures and pages, for the commands that show them."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import typer
from rich.table import Column
from rich.table import Table as Drawn
from rich.text import Text

from ganprint.cli.console import console, echo_csv, echo_json, print_wrapped
from ganprint.cli.option_groups import Display
from ganprint.plain_text import to_markdown_text

if TYPE_CHECKING:
    from ganprint.api.overviews import Overview
    from ganprint.evaluation.entry import Entry
    from ganprint.evaluation.tables import Table

MARKED = (
    "Each group (trained model or photo source) has one vote in its source, each source one. Best and second best are "
    "marked where a paired resampling of groups, or 95 % intervals that are apart, separate them from others."
)
MARKED_OF_IMAGES = (
    "Fractions of images. Best and second best are marked where their 95 % intervals are apart from others'; intervals "
    "are too narrow where images of one group are alike."
)
STYLES = ("", "bold", "underline")
"""Of a value that is neither, the best, the second best."""
SPELT = {"nmi": "NMI", "auroc": "AUROC", "oscr": "OSCR", "brier_score": "Brier score"}
"""Metrics whose names have capitals."""
EDGES = 3
"""Characters that a column's line and margins take."""


def print_results(found: "Overview", display: Display) -> None:
    """Print tables in a form, and the weights' presets below; JSON and CSV are of the results themselves."""
    from ganprint.reporting.table_text import to_latex, to_markdown

    form, intervals, entries = display.form, display.intervals, found.entries
    in_words = form in ("terminal", "markdown")
    if in_words:
        marked = MARKED if entries and entries[0].unit == "group" else MARKED_OF_IMAGES
        print_wrapped(console(), f"{marked}\n")
    if form == "json":
        echo_json([entry.model_dump(mode="json") for entry in entries])
    elif form == "csv":
        _print_csv(entries)
    for table in found.tables if in_words or form == "latex" else ():
        if form == "markdown":
            typer.echo(f"{to_markdown_text(table.title)}\n\n{to_markdown(table, intervals=intervals)}")
        elif form == "latex":
            typer.echo(to_latex(table, intervals=intervals))
        else:
            _print_results_table(table, intervals=intervals)
    if found.cards and in_words:
        typer.echo("\nWeights, method and preset:\n")
        for line in found.presets():
            print_wrapped(console(), f"- {to_markdown_text(line) if form == 'markdown' else line}")


def metric_words(name: str) -> str:
    """Return a metric's name as tables have it."""
    return SPELT.get(name, name.replace("_", " "))


def unit_sentence(unit: str, groups: int | None) -> str:
    """Return what metrics are means over, to be said beside them."""
    if unit == "image":
        return "Fractions of images; intervals are too narrow where images of one group are alike."
    few = "" if groups is None or groups >= 8 else "; fewer than 8 have no interval"
    return f"Means over {groups} groups within each source, then over sources; intervals resample groups{few}."


def print_titled(title: str, table: Drawn, below: str = "") -> None:
    """Print a table between two lines, which as its own title and caption would be wrapped to its width."""
    out = console()
    print_wrapped(out, title)
    out.print(table)
    if below:
        print_wrapped(out, below)


def print_divided(
    title: str,
    corner: str,
    columns: Sequence[str],
    rows: Sequence[tuple[str, Sequence[Text | str]]],
    *,
    totals: bool = False,
) -> None:
    """Print a table of named rows, its columns in parts one below the other where it is wider than the terminal.

    With `totals` it is of numbers, and the last row of their sums.
    """
    room = console().width - 1 - max(map(len, (corner, *(name for name, _ in rows)))) - EDGES
    widths = [max(len(name), *(len(cells[n]) for _, cells in rows)) + EDGES for n, name in enumerate(columns)]
    for part in _parts(widths, room):
        drawn = Drawn(corner, *(Column(columns[n], justify="right" if totals else "left") for n in part))
        for number, (name, cells) in enumerate(rows, 1):
            drawn.add_row(name, *(cells[n] for n in part), end_section=totals and number == len(rows) - 1)
        print_titled(title, drawn)


def _parts(widths: Sequence[int], room: int) -> Iterator[Sequence[int]]:
    """Divide columns of these widths into runs that fit, each of at least one column."""
    part: list[int] = []
    for number, width in enumerate(widths):
        if part and sum(widths[n] for n in part) + width > room:
            yield part
            part = []
        part.append(number)
    if part:
        yield part


def _print_results_table(table: "Table", *, intervals: bool) -> None:
    """Print a table, one below the other for each heading of its columns, without rows that have nothing below it."""
    places = table.places()
    for group, numbers in table.groups:
        rows = [
            (row.name, [Text(row.cells[n].text(intervals=intervals), style=STYLES[place[n]]) for n in numbers])
            for row, place in zip(table.rows, places, strict=True)
            if any(row.cells[n].value is not None for n in numbers)
        ]
        title = f"{table.title}: {group}" if group else table.title
        if rows:
            print_divided(title, table.corner, [table.columns[n].name for n in numbers], rows)


def _print_csv(entries: "Sequence[Entry]") -> None:
    head = ["method", "weights", "split", "policy", "seed", "n", "metric", "value", "low", "high"]
    echo_csv([*head, "data", "at", "engine", "precision", "unit", "groups"])
    for entry in entries:
        tail = [entry.data, entry.at, entry.engine, entry.precision, entry.unit, entry.groups]
        row = [entry.method, entry.weights, entry.split, entry.policy, entry.seed, entry.n]
        for name, interval in entry.metrics.items():
            echo_csv([*row, name, interval.value, interval.low, interval.high, *tail])
