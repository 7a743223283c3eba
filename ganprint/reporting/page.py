"""Self-contained HTML pages from the templates beside this module, and that of results."""

from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from ganprint.errors import UsageError, needs
from ganprint.evaluation.entry import Entry
from ganprint.evaluation.tables import Table
from ganprint.files import refuse_existing, write_output
from ganprint.plain_text import printable

with needs("report"):
    from jinja2 import Environment, StrictUndefined


def render(template: str, **values: Any) -> str:
    """Return a template's page with these values, all text in them printable and escaped."""
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, finalize=_shown, trim_blocks=True, lstrip_blocks=True
    )
    text = files("ganprint.reporting").joinpath(template).read_text(encoding="utf-8")
    return environment.from_string(text).render(**values)


def _shown(value: object) -> object:
    # Not isinstance: what the template itself has marked up is a str, too, and done.
    return printable(value) if type(value) is str and not value.isprintable() else value


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
    refuse_existing(path, force=force)
    placed = [(table, table.places()) for table in tables]
    text = render("page.html", title=title, tables=placed, entries=entries, figures=figures)
    write_output(path, text.encode(), error=UsageError, hint="Name another file.")
