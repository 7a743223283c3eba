"""What every command prints with: tables, JSON and CSV to stdout, chatter and bars to stderr."""

import csv
import json
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

PLAIN_WIDTH = 160
"""Columns of a table that goes to a file or a pipe."""


def console(*, stderr: bool = False) -> "Console":
    """Return a console that prints names as they are: no markup, no emoji, no highlighting of file names."""
    from rich.console import Console

    out = Console(stderr=stderr, markup=False, emoji=False, highlight=False)
    if not out.is_terminal:
        out.width = PLAIN_WIDTH
    return out


def command_line() -> str:
    """Return the command that runs, as a shell would take it again."""
    from shlex import join

    return join(["ganprint", *sys.argv[1:]])


def progress_bar() -> "Progress":
    """Return a bar on stderr that vanishes when done and is not drawn where stderr is no terminal."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    errors = console(stderr=True)
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=errors,
        transient=True,
        # Or what is printed would go to stderr with the bar.
        redirect_stdout=False,
        disable=not errors.is_terminal,
    )


def echo_json(content: Any, *, indent: int | None = None) -> None:
    """Print JSON, names as they are; bytes in a file name that are no text become JSON's escapes for them."""
    import typer

    text = json.dumps(content, ensure_ascii=False, indent=indent)
    typer.echo(text.encode("utf-8", "backslashreplace").decode("utf-8"))


def echo_csv(row: Iterable[object]) -> None:
    """Print one CSV row; text is made harmless to spreadsheets, numbers stay, None is an empty cell."""
    from ganprint.images.formats import cell

    values = [cell(value) if isinstance(value, str) else value for value in row]
    csv.writer(sys.stdout, lineterminator="\n").writerow(values)
