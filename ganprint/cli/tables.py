"""Tables of results on a terminal."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

    from ganprint.evaluation.tables import Table

STYLES = ("", "bold", "underline")
"""Of a value that is neither, the best, the second best."""


def print_table(out: "Console", table: "Table", *, intervals: bool = False) -> None:
    """Print a table, one below the other for each heading of its columns: a terminal is narrow."""
    from rich.table import Table as Drawn
    from rich.text import Text

    places = table.places()
    for group, numbers in table.groups:
        title = f"{table.title}: {group}" if group and len(table.groups) > 1 else table.title
        drawn = Drawn(table.corner, *(table.columns[number].name for number in numbers), title=title)
        for row, place in zip(table.rows, places, strict=True):
            cells = [Text(row.cells[n].text(intervals=intervals), style=STYLES[place[n]]) for n in numbers]
            drawn.add_row(row.name, *cells)
        out.print(drawn)
