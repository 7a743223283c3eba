"""`ganprint leaderboard` and `plot`: stored results of `compare --out` as tables and as figures."""

from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from ganprint.cli.console import note
from ganprint.cli.old_names import note_old_name
from ganprint.cli.option_groups import Display, FigureForm, Given, Metric, Unit, grouped
from ganprint.cli.options import Force
from ganprint.cli.tables import print_results

Results = Annotated[Path, Option("--results", help="folder of results that `compare --out` wrote")]
Data = Annotated[str | None, Option(help="only results on this data set, a CSV in the folder")]


@grouped
def leaderboard(
    *,
    given: Given,
    former: Annotated[Path | None, Argument(hidden=True)] = None,
    folder: Results = Path("leaderboard"),
    data: Data = None,
    published: Annotated[bool, Option(help="add the tables of the methods' papers, measured by their authors")] = True,
    display: Display,
    force: Force = False,
) -> None:
    """Print tables of the results that `compare --out` stored; nothing is computed.

    Example: ganprint leaderboard --results results --html page.html
    """
    from ganprint.api.overviews import leaderboard as overview

    display.check(force=force)
    if former is not None:
        note_old_name("leaderboard FOLDER", "leaderboard --results FOLDER")
    others = given.but("former", "folder", "intervals", "markdown", "latex", "as_json", "as_csv")
    found = overview(former or folder, **others)
    for file in found.drawn:
        note(f"drawn: {file}")
    print_results(found, display)


def plot(
    out: Annotated[Path, Argument(help="folder to draw into", show_default=False)],
    *,
    folder: Results = Path("leaderboard"),
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
    from ganprint.api.overviews import plot as draw

    for file in draw(out, folder=folder, data=data, metric=metric, unit=unit, figure_form=figure_form, force=force):
        note(f"drawn: {file}")
