"""`ganprint forge`: train small generators on photographs, sample them, and build a benchmark from them."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table
from typer import Argument, Option

from ganprint.cli.console import command_line, complain, note, progress_bar
from ganprint.cli.option_groups import Given, grouped
from ganprint.cli.options import Budget, Device, Force, Precision, Seed, Threads, names_in
from ganprint.cli.tables import print_titled
from ganprint.errors import ImageError

if TYPE_CHECKING:
    from ganprint.forge.generator_store import GeneratorCard
    from ganprint.forge.grid import Grid, Task

app = typer.Typer(
    help="Train small generators of seven GAN architectures, sample them, and build a benchmark from them.",
    no_args_is_help=True,
)

_Generators = Annotated[
    Path | None,
    Option(help="folder that forge train wrote; if left out, the folder generators, or else the shipped ones"),
]
_Out = Annotated[Path, Option("--out", help="folder of generators, one folder each")]


@app.command("train")
@grouped
def train_command(
    given: Given,
    photos: Annotated[Path, Option(help="a folder with a folder of photographs for each semantic class")],
    out: _Out = Path("generators"),
    sources: Annotated[
        str, Option(help="architectures, several as a,b; all: dcgan, sngan, cramergan, mmdgan, progan, ...")
    ] = "all",
    semantics: Annotated[
        str | None, Option(help="semantic classes, several as a,b; all in the folder if left out")
    ] = None,
    seeds: Annotated[
        list[int] | None,
        Option("--seed", min=0, help="train each generator with this seed, several as 0,1; 0 if left out"),
    ] = None,
    resolution: Annotated[int, Option(help="side of the images: 64 or 128")] = 64,
    steps: Annotated[int, Option(min=1, help="steps of each generator; a larger number continues a training")] = 2000,
    budget: Budget = None,
    device: Device = "auto",
    threads: Threads = None,
    precision: Precision = "fp32",
) -> None:
    """Train a generator for each architecture, semantic class and seed, in turns.

    Each folder has the generator (float16) with its card, a sheet of samples, its losses and a checkpoint.
    After an interruption, rerun the command to continue to the same weights.

    Example: ganprint forge train --photos photos/ --budget 60
    """
    from ganprint.api.generators import train_generators

    with progress_bar() as bar:
        whole = bar.add_task("steps", total=None)

        def begun(grid: "Grid") -> None:
            bar.update(whole, total=steps * len(grid.tasks), completed=sum(map(grid.done, grid.tasks)))

        def report(task: "Task", step: int) -> None:
            bar.update(whole, advance=1, description=f"{task.source} {task.semantic}, step {step}")

        def saved(task: "Task", card: "GeneratorCard") -> None:
            bar.console.print(
                f"{card.name}: {card.steps} steps, {card.seconds:.0f} s, spectral distance {_distance(card)}",
                soft_wrap=True,
            )

        chosen = names_in(sources)
        trained = train_generators(
            **given.but("sources", "semantics"),
            sources=None if "all" in chosen else chosen,
            semantics=names_in(semantics),
            command=command_line(),
            begun=begun,
            report=report,
            saved=saved,
            warn=_complain_of,
        )
    _print_grid(trained.grid)
    if not trained.finished:
        why = "interrupted" if trained.interrupted else "the time budget is used up"
        note(f"{why}; rerun the command to continue.")
        raise typer.Exit(130 if trained.interrupted else 0)


@app.command("sample")
@grouped
def sample_command(
    given: Given,
    source: Annotated[str, Option(help="architecture of the generator")],
    semantic: Annotated[str, Option(help="semantic class that it shows")],
    out: Annotated[Path, Argument(help="folder for the images, PNG")],
    count: Annotated[int, Option("-n", "--count", min=1, help="how many images")] = 16,
    seed: Seed = 0,
    generators: _Generators = None,
    training_seed: Annotated[int, Option(min=0, help="seed that the generator was trained with")] = 0,
    resolution: Annotated[int | None, Option(help="resolution of the generator, if there are several")] = None,
    device: Device = "auto",
    threads: Threads = None,
    force: Force = False,
) -> None:
    """Write images of a generator as PNG. Image number i under a seed is always the same.

    Example: ganprint forge sample --source stylegan2 --semantic face -n 100 samples/
    """
    from ganprint.api.generators import sample_generator

    sample_generator(**given)
    typer.echo(str(out))


@app.command("build")
@grouped
def build_command(
    given: Given,
    out: Annotated[Path, Argument(help="folder for the images, PNG, and their manifest.csv")],
    photos: Annotated[Path, Option(help="a folder with a folder of photographs for each semantic class")],
    generators: _Generators = None,
    sources: Annotated[str | None, Option(help="architectures, several as a,b; all if left out")] = None,
    semantics: Annotated[str | None, Option(help="semantic classes, several as a,b; all if left out")] = None,
    unseen: Annotated[str, Option(help="semantic classes for tests only, several as a,b")] = "",
    count: Annotated[int, Option(min=10, help="largest number of images of each source and semantic class")] = 200,
    training_seed: Annotated[int, Option(min=0, help="seed that the generators were trained with")] = 0,
    resolution: Annotated[int | None, Option(help="resolution of the generators, if there are several")] = None,
    suffix: Annotated[str, Option(help="end of the sources' names, as in dcgan-mini")] = "",
    seed: Seed = 0,
    force: Force = False,
) -> None:
    """Build a benchmark from generators and photographs: cleaned, balanced and split, with perturbed test images.

    Every source has the same number of images of every semantic class. The manifest has Attribution88's
    columns and more.

    Example: ganprint forge build benchmark/ --photos photos/
    """
    from ganprint.api.generators import build_from_generators

    with progress_bar() as bar:
        whole = bar.add_task("generators", total=None)
        file = build_from_generators(
            **given.but("sources", "semantics", "unseen"),
            sources=names_in(sources),
            semantics=names_in(semantics),
            unseen=names_in(unseen),
            progress=lambda name, total: bar.update(whole, advance=1, total=total, description=name),
            warn=_complain_of,
        )
    typer.echo(str(file))


@app.command("sheet")
def sheet_command(
    out: Annotated[Path, Argument(help="the PNG to write")],
    generators: _Generators = None,
    count: Annotated[int, Option("-n", "--count", min=1, help="images of each generator")] = 9,
    seed: Seed = 0,
    force: Force = False,
) -> None:
    """Draw samples of every generator in one picture, a column for each architecture, a row for each semantic class.

    Example: ganprint forge sheet sheet.png
    """
    from ganprint.api.generators import draw_generators

    draw_generators(out, generators=generators, count=count, seed=seed, force=force)
    typer.echo(str(out))


@app.command("mini")
def mini_command(
    photos: Annotated[
        Path | None, Option(help="folder of photographs for the real images; seven that come with packages if left out")
    ] = None,
) -> None:
    """Make the embedded benchmark, if it is not there yet, and print the path of its manifest, for --data.

    Example: ganprint forge mini
    """
    from ganprint.forge.mini import mini

    with progress_bar() as bar:
        task = bar.add_task("photographs", total=None)
        file = mini(photos=photos, progress=lambda what: bar.update(task, description=what), warn=_complain_of)
    typer.echo(str(file))


def _complain_of(failure: ImageError) -> None:
    complain(failure.message)


def _print_grid(grid: "Grid") -> None:
    """Print the whole grid: of each generator its steps and its distance to the photographs."""
    sources = list(dict.fromkeys(task.source for task in grid.tasks))
    title = f"steps of {grid.steps}, spectral distance to the photographs (smaller is nearer)"
    table = Table("semantic class", *sources)
    for semantic, seed in dict.fromkeys((task.semantic, task.seed) for task in grid.tasks):
        cells = [_cell(grid, task) for task in grid.tasks if (task.semantic, task.seed) == (semantic, seed)]
        table.add_row(f"{semantic}, seed {seed}", *cells)
    print_titled(title, table)


def _cell(grid: "Grid", task: "Task") -> str:
    card = grid.card(task)
    return "" if card is None else f"{card.steps}, {_distance(card)}"


def _distance(card: "GeneratorCard") -> str:
    return "no distance" if card.distance is None else f"{card.distance:.3f}"
