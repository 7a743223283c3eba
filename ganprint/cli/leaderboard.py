"""`ganprint leaderboard` and `plot`: stored results of `compare --out` as tables and as figures."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ganprint.cli.option_groups import Display, FigureForm, Metric, Unit, grouped
from ganprint.cli.options import Force
from ganprint.cli.tables import check_against, draw_results, print_presets, print_results, write_results_page
from ganprint.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.figure import Figure

    from ganprint.evaluation.entry import Entry


Folder = Annotated[Path, typer.Argument(help="folder of results that `compare --out` wrote")]
Data = Annotated[str | None, typer.Option(help="only results on this data set, a CSV in the folder")]


@grouped
def leaderboard(
    *,
    folder: Folder = Path("leaderboard"),
    data: Data = None,
    published: Annotated[
        bool, typer.Option(help="add the tables of the methods' papers, measured by their authors")
    ] = True,
    display: Display,
    force: Force = False,
) -> None:
    """Print tables of the results that `compare --out` stored; nothing is computed.

    Example: ganprint leaderboard results --html page.html
    """
    from ganprint.evaluation.entry import SHORT_HASH
    from ganprint.reporting.charts import comparison_figures
    from ganprint.reporting.overview import result_tables
    from ganprint.studies.experiments import robustness_splits
    from ganprint.studies.published import published_tables
    from ganprint.weights import list_weights

    display.check(force=force)
    metric = display.metric
    entries = _read(folder, data, display.unit)
    check_against(display.against, [entry.weights for entry in entries])
    if display.figures is not None:
        _refuse_several(entries)
    tables = []
    for (name, seed, engine, precision, _), alike in _alike(entries).items():
        parts = [
            name,
            f"seed {seed}",
            *[part for part in (engine, precision) if part not in ("torch", "fp32")],
        ]
        tables += [
            table.titled(", ".join(parts))
            for table in result_tables(alike, metric, robustness_splits(alike), against=display.against)
        ]
    if published:
        tables += published_tables()
    if display.html is not None:
        write_results_page(display.html, tables, entries, _figures_of_all(entries, metric), force=force)
    if display.figures is not None:
        draw_results(comparison_figures(entries, metric), display, force=force)
    print_results(tables, entries, display)
    measured = {(entry.weights, (entry.weights_sha256 or "")[:SHORT_HASH]) for entry in entries}
    installed = [each.card for each in list_weights() if each.card]
    print_presets(
        [card for card in installed if (card.name, (card.sha256 or "")[:SHORT_HASH]) in measured],
        display.form,
    )


def plot(
    out: Annotated[Path, typer.Argument(help="folder to draw into", show_default=False)],
    *,
    folder: Annotated[
        Path, typer.Option("--results", help="folder of results that `compare --out` wrote")
    ] = Path("leaderboard"),
    data: Data = None,
    metric: Metric = "attribution_accuracy",
    unit: Unit = "group",
    figure_form: FigureForm = "png",
    force: Force = False,
) -> None:
    """Draw the results that `compare --out` stored; nothing is computed.

    Robustness bars, severity curves, errors under attack and confusion matrices, as far as the results allow.

    Example: ganprint plot figures --results results --data mine
    """
    from ganprint.reporting.charts import comparison_figures

    display = Display(metric=metric, unit=unit, figures=out, figure_form=figure_form)
    display.check(force=force)
    entries = _read(folder, data, unit)
    _refuse_several(entries)
    drawn = comparison_figures(entries, metric)
    if not drawn:
        raise UsageError(
            f"The results of {folder} have nothing to draw.",
            "Figures are drawn of corruptions, of attacks, and of results with details, which compare stores.",
        )
    draw_results(drawn, display, force=force)


def _read(folder: Path, data: str | None, unit: Unit) -> "list[Entry]":
    """Return the stored results of a folder, on one data set if it is named."""
    from ganprint.evaluation.leaderboard import read_entries

    if not folder.is_dir():
        raise UsageError(
            f"There is no folder {folder}.", "Name a folder that `ganprint compare --out` wrote."
        )
    entries = [entry.in_unit(unit) for entry in read_entries(folder)]
    names = sorted({entry.data for entry in entries})
    found = [entry for entry in entries if data in (None, entry.data)]
    if not found:
        what = f" on {data}" if data else ""
        raise UsageError(
            f"{folder} has no results{what}.",
            f"It has results on {', '.join(names)}." if names else "ganprint compare --out writes them.",
        )
    return found


def _refuse_several(entries: "Sequence[Entry]") -> None:
    """Refuse to draw results that tables do not mix."""
    if len(_alike(entries)) > 1:
        names = ", ".join(sorted({entry.data for entry in entries}))
        raise UsageError(
            "Figures show one data set, seed, engine and precision.",
            f"Name one with --data: {names}; or move the others to another folder.",
        )


def _figures_of_all(entries: "Sequence[Entry]", metric: str) -> "dict[str, Figure]":
    """Return the figures of each data set, its name before theirs."""
    from ganprint.reporting.charts import comparison_figures

    drawn: dict[str, Figure] = {}
    for data in dict.fromkeys(entry.data for entry in entries):
        here = comparison_figures([entry for entry in entries if entry.data == data], metric)
        drawn |= {f"{data}: {name}": figure for name, figure in here.items()}
    return drawn


def _alike(entries: "Sequence[Entry]") -> "dict[tuple[str, int, str, str, str], list[Entry]]":
    """Return the results by what tables must not mix: data, seed, engine, precision and unit."""
    found: dict[tuple[str, int, str, str, str], list[Entry]] = {}
    for entry in entries:
        key = (entry.data, entry.seed, entry.engine, entry.precision, entry.unit)
        found.setdefault(key, []).append(entry)
    return found
