"""A self-contained HTML page of results: tables, figures, and the origin of every number."""

from collections.abc import Sequence
from pathlib import Path

from ganprint.errors import OutputExistsError, UsageError
from ganprint.evaluation.entry import Entry
from ganprint.evaluation.tables import Table
from ganprint.files import write_output
from ganprint.reporting.html import render


def write_page(
    path: Path,
    title: str,
    tables: Sequence[Table],
    entries: Sequence[Entry],
    figures: Sequence[tuple[str, str]] = (),
    *,
    force: bool = False,
) -> None:
    """Write tables, figures (name, SVG text) and the provenance of each result as one page with nothing outside it.

    Raises OutputExistsError where the file is there and `force` is not given, UsageError where it cannot be
    written.
    """
    if path.exists() and not force:
        raise OutputExistsError(f"{path} already exists.", "Add --force to overwrite it.")
    placed = [(table, table.places()) for table in tables]
    text = render("page.html", title=title, tables=placed, entries=entries, figures=figures)
    write_output(path, text.encode(), error=UsageError, hint="Name another file.")
