"""`ganprint forge`: train small generators on photographs, sample them, and build a benchmark from them."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ganprint.api.choices import chosen_device
from ganprint.api.outputs import check_output
from ganprint.cli.console import command_line, complain, console, note, progress_bar
from ganprint.cli.options import Budget, Device, Force, Precision, Seed, Threads
from ganprint.errors import OutputExistsError, UsageError

if TYPE_CHECKING:
    from ganprint.forge.generator_store import GeneratorCard
    from ganprint.forge.grid import Grid, Task

app = typer.Typer(
    help="Train small generators of seven GAN architectures, sample them, and build a benchmark from them.",
    no_args_is_help=True,
)

_Generators = Annotated[
    Path | None,
    typer.Option(
        help="folder that forge train wrote; if left out, the folder generators, or else the shipped ones"
    ),
]
_Out = Annotated[Path, typer.Option("--out", help="folder of generators, one folder each")]


@app.command("train")
def train_command(
    photos: Annotated[
        Path, typer.Option(help="a folder with a folder of photographs for each semantic class")
    ],
    out: _Out = Path("generators"),
    sources: Annotated[
        str,
        typer.Option(help="architectures, several as a,b; all: dcgan, sngan, cramergan, mmdgan, progan, ..."),
    ] = "all",
    semantics: Annotated[
        str | None, typer.Option(help="semantic classes, several as a,b; all in the folder if left out")
    ] = None,
    seeds: Annotated[
        list[int] | None,
        typer.Option(
            "--seed", min=0, help="train each generator with this seed, several as 0,1; 0 if left out"
        ),
    ] = None,
    resolution: Annotated[int, typer.Option(help="side of the images: 64 or 128")] = 64,
    steps: Annotated[
        int, typer.Option(min=1, help="steps of each generator; a larger number continues a training")
    ] = 2000,
    budget: Budget = None,
    device: Device = "auto",
    threads: Threads = None,
    precision: Precision = "fp32",
) -> None:
    """Train a generator for each architecture, semantic class and seed, the least trained first.

    Each folder has the generator (float16) with its card, a sheet of samples, its losses and a checkpoint.
    After an interruption, rerun the command to continue to the same weights.

    Example: ganprint forge train --photos photos/ --budget 60
    """
    from ganprint.forge.families import FAMILIES
    from ganprint.forge.grid import Grid, Task
    from ganprint.forge.photos import chosen_semantics
    from ganprint.training.interruption import Interruption

    device = chosen_device(device, threads)
    names = list(FAMILIES) if sources == "all" else _names(sources)
    if not names:
        raise UsageError("No architecture was named.", f"Architectures: {', '.join(FAMILIES)}.")
    shown = chosen_semantics(photos, _names(semantics))
    tasks = [
        Task(source, semantic, seed)
        for seed in dict.fromkeys(seeds or [0])
        for semantic in shown
        for source in dict.fromkeys(names)
    ]
    grid = Grid(photos, tasks, out, steps, resolution, device, precision, command_line())
    ends = None if budget is None else time.monotonic() + 60 * budget
    with progress_bar() as bar, Interruption(lambda: ends is not None and time.monotonic() >= ends) as stop:
        whole = bar.add_task("steps", total=steps * len(tasks), completed=sum(map(grid.done, tasks)))

        def report(task: Task, step: int) -> None:
            bar.update(whole, advance=1, description=f"{task.source} {task.semantic}, step {step}")

        def saved(task: Task, card: "GeneratorCard") -> None:
            bar.console.print(
                f"{card.name}: {card.steps} steps, {card.seconds:.0f} s, spectral distance {_distance(card)}",
                soft_wrap=True,
            )

        finished = grid.train(
            report=report,
            saved=saved,
            warn=lambda failure: complain(failure.message),
            stop=lambda: stop.asked,
        )
        interrupted = stop.was_signalled
    _print_grid(grid)
    if not finished:
        why = "interrupted" if interrupted else "the time budget is used up"
        note(f"{why}; rerun the command to continue.")
        raise typer.Exit(130 if interrupted else 0)


@app.command("sample")
def sample_command(
    source: Annotated[str, typer.Option(help="architecture of the generator")],
    semantic: Annotated[str, typer.Option(help="semantic class that it shows")],
    out: Annotated[Path, typer.Argument(help="folder for the images, PNG")],
    count: Annotated[int, typer.Option("-n", "--count", min=1, help="how many images")] = 16,
    seed: Seed = 0,
    generators: _Generators = None,
    training_seed: Annotated[int, typer.Option(min=0, help="seed that the generator was trained with")] = 0,
    resolution: Annotated[
        int | None, typer.Option(help="resolution of the generator, if there are several")
    ] = None,
    device: Device = "auto",
    threads: Threads = None,
    force: Force = False,
) -> None:
    """Write images of a generator as PNG. Image number i under a seed is always the same.

    Example: ganprint forge sample --source stylegan2 --semantic face -n 100 samples/
    """
    from ganprint.forge.figures import write_image
    from ganprint.forge.generator_store import list_generators, load_generator
    from ganprint.forge.sampling import sample_images

    device = chosen_device(device, threads)
    generators = _folder(generators)
    every = list_generators(generators)
    wanted = (source, semantic, training_seed)
    fitting = [
        path
        for path, card in every
        if (card.source, card.semantic, card.seed) == wanted and resolution in (None, card.resolution)
    ]
    if len(fitting) != 1:
        what = "no generator" if not fitting else "several generators"
        raise UsageError(
            f"{generators} has {what} of {source} for {semantic} with the training seed {training_seed}.",
            f"It has: {', '.join(card.name for _, card in every) or 'none'}.",
        )
    generator, card = load_generator(fitting[0], device=device)
    (first,) = sample_images(generator, [0], seed=seed)
    if first.shape[-1] != card.resolution:
        raise UsageError(
            f"{card.name} has only reached {first.shape[-1]} px after {card.steps} steps.",
            "Train it further: ganprint forge train --steps ...",
        )
    files = [out / f"{card.name}-{seed}-{number:05}.png" for number in range(count)]
    there = [file for file in files if file.exists()]
    if there and not force:
        raise OutputExistsError(f"{there[0]} already exists.", "Add --force to overwrite it.")
    try:
        for file, image in zip(files, sample_images(generator, range(count), seed=seed), strict=True):
            write_image(image, file)
    except OSError as cause:
        raise UsageError(f"{out} cannot be written to: {cause.strerror}.", "Name another folder.") from cause
    typer.echo(str(out))


@app.command("build")
def build_command(
    out: Annotated[Path, typer.Argument(help="folder for the images, PNG, and their manifest.csv")],
    photos: Annotated[
        Path, typer.Option(help="a folder with a folder of photographs for each semantic class")
    ],
    generators: _Generators = None,
    sources: Annotated[
        str | None, typer.Option(help="architectures, several as a,b; all if left out")
    ] = None,
    semantics: Annotated[
        str | None, typer.Option(help="semantic classes, several as a,b; all if left out")
    ] = None,
    unseen: Annotated[str, typer.Option(help="semantic classes for tests only, several as a,b")] = "",
    count: Annotated[
        int, typer.Option(min=10, help="largest number of images of each source and semantic class")
    ] = 200,
    training_seed: Annotated[int, typer.Option(min=0, help="seed that the generators were trained with")] = 0,
    resolution: Annotated[
        int | None, typer.Option(help="resolution of the generators, if there are several")
    ] = None,
    suffix: Annotated[str, typer.Option(help="end of the sources' names, as in dcgan-mini")] = "",
    seed: Seed = 0,
    force: Force = False,
) -> None:
    """Build a benchmark from generators and photographs: cleaned, balanced and split, with perturbed test images.

    Every source has the same number of images of every semantic class. The manifest has Attribution88's
    columns and more.

    Example: ganprint forge build benchmark/ --photos photos/
    """
    from ganprint.forge.build import Plan, build_benchmark
    from ganprint.forge.generator_store import list_generators

    generators = _folder(generators)
    asked = [_names(text) for text in (sources, semantics)]
    every = list_generators(generators)
    there = [{card.source for _, card in every}, {card.semantic for _, card in every}]
    strange = [name for names, known in zip(asked, there, strict=True) for name in names if name not in known]
    if strange:
        raise UsageError(
            f"{generators} has no generators of {', '.join(strange)}.",
            f"It has: {', '.join(card.name for _, card in every) or 'none'}.",
        )
    fitting = [
        (path, card)
        for path, card in every
        if card.seed == training_seed
        and resolution in (None, card.resolution)
        and all(
            not names or name in names
            for names, name in zip(asked, (card.source, card.semantic), strict=True)
        )
    ]
    plan = Plan(photos, fitting, count, _names(unseen), seed, suffix)
    plan.check()
    with progress_bar() as bar:
        whole = bar.add_task("generators", total=len(fitting))
        file = build_benchmark(
            plan,
            out,
            progress=lambda name: bar.update(whole, advance=1, description=name),
            warn=lambda failure: complain(failure.message),
            force=force,
        )
    typer.echo(str(file))


@app.command("sheet")
def sheet_command(
    out: Annotated[Path, typer.Argument(help="the PNG to write")],
    generators: _Generators = None,
    count: Annotated[int, typer.Option("-n", "--count", min=1, help="images of each generator")] = 9,
    seed: Seed = 0,
    force: Force = False,
) -> None:
    """Draw samples of every generator in one picture, a column for each architecture, a row for each semantic class.

    Example: ganprint forge sheet sheet.png
    """
    import torch

    from ganprint.forge.figures import draw_grid
    from ganprint.forge.generator_store import list_generators, load_generator
    from ganprint.forge.sampling import sample_images

    check_output(out, force=force)
    generators = _folder(generators)
    every = list_generators(generators)
    if not every:
        raise UsageError(f"There are no generators in {generators}.", "ganprint forge train makes them.")
    cells = {}
    for path, card in every:
        generator, _ = load_generator(path)
        shown = f"{card.semantic} {card.resolution}, seed {card.seed}"
        cells[shown, card.source] = torch.stack(list(sample_images(generator, range(count), seed=seed)))
    try:
        draw_grid(cells, out)
    except OSError as cause:
        raise UsageError(f"{out} cannot be written: {cause.strerror}.", "Name another file.") from cause


@app.command("mini")
def mini_command(
    photos: Annotated[
        Path | None,
        typer.Option(
            help="folder of photographs for the real images; seven that come with packages if left out"
        ),
    ] = None,
) -> None:
    """Make the embedded benchmark, if it is not there yet, and print the path of its manifest, for --data.

    Example: ganprint forge mini
    """
    from ganprint.forge.mini import mini

    with progress_bar() as bar:
        task = bar.add_task("photographs", total=None)
        file = mini(
            photos=photos,
            progress=lambda what: bar.update(task, description=what),
            warn=lambda failure: complain(failure.message),
        )
    typer.echo(str(file))


def _folder(generators: Path | None) -> Path:
    """Return the folder that was named, or the one that forge train writes to, or that of the shipped ones."""
    from ganprint.forge.generator_store import shipped_generators

    if generators is not None:
        return generators
    return Path("generators") if Path("generators").is_dir() else shipped_generators()


def _names(text: str | None) -> list[str]:
    return [name.strip() for name in (text or "").split(",") if name.strip()]


def _print_grid(grid: "Grid") -> None:
    """Print the whole grid: of each generator its steps and its distance to the photographs."""
    from rich.table import Table

    sources = list(dict.fromkeys(task.source for task in grid.tasks))
    title = f"steps of {grid.steps}, spectral distance to the photographs (smaller is nearer)"
    table = Table("semantic", *sources, title=title)
    for semantic, seed in dict.fromkeys((task.semantic, task.seed) for task in grid.tasks):
        cells = [_cell(grid, task) for task in grid.tasks if (task.semantic, task.seed) == (semantic, seed)]
        table.add_row(f"{semantic}, seed {seed}", *cells)
    console().print(table)


def _cell(grid: "Grid", task: "Task") -> str:
    card = grid.card(task)
    return "" if card is None else f"{card.steps}, {_distance(card)}"


def _distance(card: "GeneratorCard") -> str:
    return "no distance" if card.distance is None else f"{card.distance:.3f}"
