"""Where rich writes: results to stdout, chatter and bars to stderr, plain where it is no terminal."""

from typing import TYPE_CHECKING

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
        disable=not errors.is_terminal,
    )
