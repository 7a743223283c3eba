"""Results as tables, figures and a page: the workflows of `leaderboard` and `plot`, and what `compare` shows."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from ganprint.api.outputs import check_folder, check_output
from ganprint.errors import OutputExistsError, UsageError, check_choice
from ganprint.evaluation.entry import SHORT_HASH, Entry
from ganprint.evaluation.leaderboard import read_entries
from ganprint.evaluation.tables import Table
from ganprint.reporting.overview import published_tables, result_tables
from ganprint.reporting.presets import preset_lines
from ganprint.studies.experiments import robustness_splits
from ganprint.studies.variants import Variant
from ganprint.weights import Card, list_weights

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ganprint.evaluation.runner import Comparison

Metric = Literal["detection_accuracy", "attribution_accuracy", "balanced_accuracy", "nmi"]
Unit = Literal["group", "image"]
FigureForm = Literal["png", "svg"]
Alike = dict[tuple[str, int, str, str, str], list[Entry]]


@dataclass(frozen=True)
class Overview:
    """Results and the tables that show them, the cards of their weights, as far as installed, and the figures drawn."""

    entries: list[Entry]
    tables: list[Table]
    cards: list[Card]
    drawn: tuple[Path, ...] = ()

    def presets(self) -> list[str]:
        """Return a line for each of the weights: method, preset, and what that changes of the paper's."""
        return preset_lines(self.cards)

    def write_page(self, path: Path, figures: "Mapping[str, Figure]", *, force: bool = False) -> None:
        """Write one page of tables, figures and where the results come from."""
        from ganprint.reporting.charts import to_svg
        from ganprint.reporting.page import write_page

        shown = [(name, to_svg(figure)) for name, figure in figures.items()]
        names = ", ".join(dict.fromkeys(entry.data for entry in self.entries))
        write_page(path, f"ganprint: results on {names}", self.tables, self.entries, shown, force=force)


def check_display(
    metric: Metric, unit: Unit, figures: Path | None = None, html: Path | None = None, *, force: bool = False
) -> None:
    """Refuse, before long work, what cannot be combined, and files or folders that are there already."""
    check_choice("metric", metric, Metric)
    check_choice("unit", unit, Unit)
    if metric == "balanced_accuracy" and unit == "group":
        fault = "Attribution over groups is balanced: each source has one vote."
        raise UsageError(fault, "Leave --metric out, or give --unit image.")
    check_output(html, force=force)
    check_folder(figures)
    if figures is None or force or not figures.exists():
        return
    if not figures.is_dir() or any(figures.iterdir()):
        fault = f"{figures} already exists and has files in it."
        raise OutputExistsError(fault, "Name another, or give --force to overwrite figures.")


def check_against(against: str | None, names: Iterable[str]) -> None:
    """Refuse weights to take differences from that are not among those of the results."""
    there = list(dict.fromkeys(names))
    if against is not None and against not in there:
        raise UsageError(f"There is no result of {against}.", f"There are of: {', '.join(there)}.")


def leaderboard(
    folder: str | Path = Path("leaderboard"),
    *,
    data: str | None = None,
    published: bool = True,
    metric: Metric = "attribution_accuracy",
    unit: Unit = "group",
    against: str | None = None,
    figures: str | Path | None = None,
    figure_form: FigureForm = "png",
    html: str | Path | None = None,
    force: bool = False,
) -> Overview:
    """Return the results that `compare` stored in a folder, with their tables; nothing is computed.

    Arguments are the options of `ganprint leaderboard`. With `figures` and `html` they are also drawn into that folder
    and written as a page. Raises UsageError where the folder has no such results.
    """
    drawn_into, page = (None if path is None else Path(path) for path in (figures, html))
    check_display(metric, unit, drawn_into, page, force=force)
    entries = _stored(Path(folder), data, unit)
    check_against(against, [entry.weights for entry in entries])
    if drawn_into is not None:
        _refuse_several(entries)
    tables = []
    for what, alike in _alike(entries).items():
        found = result_tables(alike, metric, robustness_splits(alike), against=against)
        tables += [table.titled(_called(*what)) for table in found]
    tables += published_tables() if published else []
    measured = {(entry.weights, (entry.weights_sha256 or "")[:SHORT_HASH]) for entry in entries}
    cards = [each.card for each in list_weights() if each.card]
    cards = [card for card in cards if (card.name, (card.sha256 or "")[:SHORT_HASH]) in measured]
    if page is not None:
        Overview(entries, tables, cards).write_page(page, _figures_of_all(entries, metric), force=force)
    drawn = [] if drawn_into is None else _draw(entries, metric, drawn_into, figure_form, force=force)
    return Overview(entries, tables, cards, tuple(drawn))


def plot(
    out: str | Path,
    *,
    folder: str | Path = Path("leaderboard"),
    data: str | None = None,
    metric: Metric = "attribution_accuracy",
    unit: Unit = "group",
    figure_form: FigureForm = "png",
    force: bool = False,
) -> list[Path]:
    """Draw the results that `compare` stored and return the files; nothing is computed.

    Arguments are the options of `ganprint plot`, `folder` being that of the results. Raises UsageError where they are
    not of one data set, seed, engine and precision, or allow no figure.
    """
    check_display(metric, unit, Path(out), force=force)
    entries = _stored(Path(folder), data, unit)
    _refuse_several(entries)
    drawn = _draw(entries, metric, Path(out), figure_form, force=force)
    if not drawn:
        raise UsageError(
            f"The results of {folder} have nothing to draw.",
            "Figures are drawn of corruptions, of attacks, and of results with details, which compare stores.",
        )
    return drawn


def comparison_overview(
    comparison: "Comparison",
    entries: Sequence[Entry],
    metric: Metric,
    unit: Unit,
    against: str | None,
    robustness: Sequence[str],
    variants: Sequence[Variant],
) -> Overview:
    """Return the results of a comparison with their tables, those of corruptions on the splits `robustness`.

    Of weights that are `variants` of a study the tables are the study's.
    """
    shown = [entry.in_unit(unit) for entry in entries]
    there = against if against in {entry.weights for entry in shown} else None
    tables = result_tables(shown, metric, robustness, variants, there)
    return Overview(shown, tables, [candidate.card for candidate in comparison.candidates])


def draw_comparison(
    comparison: "Comparison",
    overview: Overview,
    *,
    metric: Metric = "attribution_accuracy",
    variants: Sequence[Variant] = (),
    figures: Path | None = None,
    figure_form: FigureForm = "png",
    html: Path | None = None,
    force: bool = False,
) -> list[Path]:
    """Draw a comparison into the folder `figures` and write the page `html`, what is named of them; return the figures.

    Drawn are the results, and the images that were answered for clean, which are read again.
    """
    if figures is None and html is None:
        return []
    from ganprint.reporting.charts import comparison_figures, save_figures, semantics_figures
    from ganprint.reporting.embeddings import image_figures

    entries = overview.entries
    drawn = comparison_figures(entries, metric) | semantics_figures(entries, variants, metric)
    drawn |= image_figures(comparison)
    files = [] if figures is None else save_figures(drawn, figures, form=figure_form, force=force)
    if html is not None:
        overview.write_page(html, drawn, force=force)
    return files


def _stored(folder: Path, data: str | None, unit: Unit) -> list[Entry]:
    """Return the stored results of a folder, on one data set if it is named."""
    if not folder.is_dir():
        raise UsageError(f"There is no folder {folder}.", "Name a folder that `ganprint compare --out` wrote.")
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


def _draw(entries: Sequence[Entry], metric: Metric, folder: Path, form: FigureForm, *, force: bool) -> list[Path]:
    check_choice("figure_form", form, FigureForm)
    from ganprint.reporting.charts import comparison_figures, save_figures

    return save_figures(comparison_figures(entries, metric), folder, form=form, force=force)


def _refuse_several(entries: Sequence[Entry]) -> None:
    """Refuse to draw results that tables do not mix."""
    if len(_alike(entries)) > 1:
        names = ", ".join(sorted({entry.data for entry in entries}))
        fault = "Figures show one data set, seed, engine and precision."
        raise UsageError(fault, f"Name one with --data: {names}; or move the others to another folder.")


def _figures_of_all(entries: Sequence[Entry], metric: Metric) -> "dict[str, Figure]":
    """Return the figures of the results that are alike, what they are of before their names."""
    from ganprint.reporting.charts import comparison_figures

    return {
        f"{_called(*what)}: {name}": figure
        for what, alike in _alike(entries).items()
        for name, figure in comparison_figures(alike, metric).items()
    }


def _called(data: str, seed: int, engine: str, precision: str, unit: str) -> str:
    """Return what results that are alike are called in titles, which say their unit themselves."""
    return ", ".join([data, f"seed {seed}", *(part for part in (engine, precision) if part not in ("torch", "fp32"))])


def _alike(entries: Sequence[Entry]) -> Alike:
    """Return the results by what tables must not mix: data, seed, engine, precision and unit."""
    found: Alike = {}
    for entry in entries:
        key = (entry.data, entry.seed, entry.engine, entry.precision, entry.unit)
        found.setdefault(key, []).append(entry)
    return found
