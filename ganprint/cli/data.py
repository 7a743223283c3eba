"""`ganprint data`: check a manifest's images, split it, join several."""

from collections import Counter
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.console import Console
from typer import Argument, Option

from ganprint.cli.console import complain, console, counting, echo_json, print_wrapped
from ganprint.cli.option_groups import Given, grouped
from ganprint.cli.options import DATA, Force, Images, Json, Seed, Workers
from ganprint.cli.tables import print_divided

if TYPE_CHECKING:
    from ganprint.data.check import CheckReport
    from ganprint.data.manifest import Manifest

app = typer.Typer(help="Check a manifest's images, split it, or join several manifests.", no_args_is_help=True)

_Data = Annotated[str, Argument(help=DATA)]

_LISTED = 20
"""How many files of a kind are listed; --json has them all."""


@app.command("check")
@grouped
def check_command(
    given: Given,
    data: _Data,
    images: Images = None,
    limit: Annotated[int | None, Option(min=1, help="open only N images, spread over the sources")] = None,
    seed: Seed = 0,
    workers: Workers = 0,
    as_json: Json = False,
) -> None:
    """Open every image and report missing, broken and duplicate images, leaks between splits, and biases.

    The exit status is 1 if a file is missing or unreadable. Warnings do not change it.

    Example: ganprint data check mine.csv
    """
    from ganprint.api.manifests import check_data

    with counting("opening images") as progress:
        report = check_data(**given.but("as_json"), progress=partial(progress, "opening images"))
    if as_json:
        echo_json(report.model_dump(mode="json"))
    else:
        _render(report, console())
    if not report.usable:
        raise typer.Exit(1)


@app.command("split")
@grouped
def split_command(
    given: Given,
    data: _Data,
    out: Annotated[Path, Option(help="the CSV to write")],
    by: Annotated[
        Literal["image", "group", "semantic"] | None,
        Option(
            help="what stays together; semantic holds some semantic classes out as test_unseen; if left out, group if "
            "the manifest names groups, else image"
        ),
    ] = None,
    train: Annotated[float, Option(help="share of the images for training")] = 0.8,
    val: Annotated[float, Option(help="share for validation")] = 0.1,
    test: Annotated[float, Option(help="share for tests")] = 0.1,
    hold_out: Annotated[
        str, Option(help="with --by semantic: semantic classes, several as a,b, or how many to draw")
    ] = "1",
    images: Images = None,
    seed: Seed = 0,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Write the manifest with a column `split`. Every source is divided; the same seed gives the same split.

    Example: ganprint data split mine.csv --out split.csv
    """
    from ganprint.api.manifests import split_data

    held_out = int(hold_out) if hold_out.isdecimal() else [name.strip() for name in hold_out.split(",")]
    found = split_data(**given.but("hold_out", "as_json"), hold_out=held_out)
    if by is None and found.by == "image":
        complain(
            "the manifest names no groups (trained models, photo sources), so images of one group may be in several "
            "splits; a column 'group' keeps them together."
        )
    for name, sources in found.lacking.items():
        complain(f"{name} has no image of {', '.join(sources)}.")
    if found.lacking and found.by == "group":
        complain("a source needs a group for each split; --by image divides the images of a group, too.")
    _print_written(found.manifest, out, f", divided by {found.by}", as_json)


@app.command("join")
def join_command(
    out: Annotated[Path, Argument(help="the CSV to write")],
    data: Annotated[list[str], Argument(help="manifests, or folders source/semantic/*")],
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Write the rows of several manifests as one. Sources are matched by name; splits do not change.

    Example: ganprint data join all.csv one.csv two.csv
    """
    from ganprint.api.manifests import join_data

    _print_written(join_data(out, data, force=force), out, "", as_json)


def _print_written(manifest: "Manifest", out: Path, how: str, as_json: bool) -> None:
    splits = manifest.splits.tolist()
    if as_json:
        images = dict(sorted(Counter(splits).items()))
        echo_json({"out": str(out), "sha256": manifest.sha256, "images": images})
        return
    counts = Counter(zip(manifest.column("source").tolist(), splits, strict=True))
    _print_counts(f"{len(manifest)} images in {out}{how}", "source", counts)


def _print_counts(title: str, row_name: str, counts: Counter[tuple[str, str]]) -> None:
    """Print counts of (row, column) as a table with totals."""
    columns = sorted({column for _, column in counts})
    names = sorted({row for row, _ in counts})
    numbers = [[counts[row, column] for column in columns] for row in names]
    sums = [sum(column) for column in zip(*numbers, strict=True)]
    rows = [
        (name, [str(number) for number in (*row, sum(row))])
        for name, row in zip([*names, "all"], [*numbers, sums], strict=True)
    ]
    heads = [*(name or "no split" for name in columns), "all"]
    print_divided(title, row_name, heads, rows, totals=True)


def _render(report: "CheckReport", out: Console) -> None:
    splits: Counter[tuple[str, str]] = Counter()
    semantics: Counter[tuple[str, str]] = Counter()
    for count in report.counts:
        splits[count.source, count.split] += count.images
        semantics[count.semantic, count.source] += count.images
    _print_counts("Images by source and split", "source", splits)
    _print_counts("Images by semantic class and source", "semantic class", semantics)
    if report.biases:
        _print_biases(report)
    _list(out, "missing", [problem.message for problem in report.missing])
    _list(out, "unreadable", [problem.message for problem in report.unreadable])
    doubles = [f"{' = '.join(double.paths)} (equal {double.kind})" for double in report.duplicates]
    _list(out, "equal", doubles)
    leaks = [
        f"{leak.group}: " + ", ".join(f"{split} {images}" for split, images in sorted(leak.images.items()))
        for leak in report.group_leaks
    ]
    _list(out, "groups in several splits", leaks)
    for warning in report.warnings:
        print_wrapped(out, f"Warning: {warning}")
    warnings = f"{len(report.warnings)} warning{'s' if len(report.warnings) != 1 else ''}"
    advice = "Repair or remove the files above." if report.missing or report.unreadable else "Usable."
    if report.missing and len(report.missing) == report.checked:
        advice = "Name the folder where relative paths start with --images."
    print_wrapped(
        out,
        f"{report.checked} of {report.images} images checked: {len(report.missing)} missing, "
        f"{len(report.unreadable)} unreadable, {warnings}. {advice}",
    )


def _print_biases(report: "CheckReport") -> None:
    sources = sorted({source for bias in report.biases for source in bias.leading})
    rows = []
    for bias in report.biases:
        cells = [bias.leading.get(source) for source in sources]
        shown = [f"{cell.value} {cell.share:.0%}" if cell else "" for cell in cells]
        rows.append((bias.feature, [f"{bias.association:.2f}", *shown]))
    print_divided("What files give away about their source", "feature", ["Cramer's V", *sources], rows)


def _list(out: Console, what: str, lines: list[str]) -> None:
    for line in lines[:_LISTED]:
        print_wrapped(out, f"{what}: {line}")
    if len(lines) > _LISTED:
        out.print(f"{what}: and {len(lines) - _LISTED} more (--json lists them)")
