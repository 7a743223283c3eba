"""Train, sample and draw small generators, and build a benchmark from them: the workflows of `ganprint forge`."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from ganprint.api.choices import chosen_device
from ganprint.api.outputs import check_figure, check_folder
from ganprint.errors import ImageError, UsageError
from ganprint.files import os_errors_as, refuse_existing

if TYPE_CHECKING:
    from ganprint.forge.generator_store import GeneratorCard
    from ganprint.forge.grid import Grid, Task

Warn = Callable[[ImageError], None]
"""Is told of each photograph that cannot be read."""


@dataclass(frozen=True)
class TrainedGrid:
    """Generators as far as they are trained: whether all are, and if not whether a signal ended it or the budget."""

    grid: "Grid"
    finished: bool
    interrupted: bool


def train_generators(
    photos: str | Path,
    out: str | Path = "generators",
    *,
    sources: Sequence[str] | None = None,
    semantics: Sequence[str] = (),
    seeds: Sequence[int] = (0,),
    resolution: int = 64,
    steps: int = 2000,
    budget: float | None = None,
    device: str = "auto",
    threads: int | None = None,
    precision: Literal["fp32", "bf16"] = "fp32",
    command: str = "ganprint.api.generators.train_generators",
    begun: "Callable[[Grid], None]" = lambda grid: None,
    report: "Callable[[Task, int], None]" = lambda task, step: None,
    saved: "Callable[[Task, GeneratorCard], None]" = lambda task, card: None,
    warn: Warn = lambda failure: None,
) -> TrainedGrid:
    """Train a generator for each architecture, semantic class and seed, the least trained first.

    Arguments are the options of `ganprint forge train`: all architectures without `sources`, all classes that are
    folders of `photos` without `semantics`. Called again after an interruption, or when `budget` minutes are used up,
    it continues to the same weights. `begun` gets the grid before anything is trained, `report` every step, `saved`
    what was saved. Raises UsageError for what there is not.
    """
    from ganprint.forge.families import FAMILIES
    from ganprint.forge.grid import Grid, Task
    from ganprint.forge.photos import chosen_semantics
    from ganprint.training.interruption import Interruption

    check_folder(Path(out))
    device = chosen_device(device, threads)
    names = list(FAMILIES) if sources is None else list(dict.fromkeys(sources))
    if not names:
        raise UsageError("No architecture was named.", f"Architectures: {', '.join(FAMILIES)}.")
    shown = chosen_semantics(Path(photos), semantics)
    tasks = [Task(source, semantic, seed) for seed in dict.fromkeys(seeds) for semantic in shown for source in names]
    grid = Grid(Path(photos), tasks, Path(out), steps, resolution, device, precision, command)
    ends = None if budget is None else time.monotonic() + 60 * budget
    begun(grid)
    with Interruption(lambda: ends is not None and time.monotonic() >= ends) as stop:
        finished = grid.train(report=report, saved=saved, warn=warn, stop=lambda: stop.asked)
        return TrainedGrid(grid, finished, stop.was_signalled)


def sample_generator(
    source: str,
    semantic: str,
    out: str | Path,
    *,
    count: int = 16,
    seed: int = 0,
    generators: str | Path | None = None,
    training_seed: int = 0,
    resolution: int | None = None,
    device: str = "auto",
    threads: int | None = None,
    force: bool = False,
) -> list[Path]:
    """Write images of a generator as PNG and return the files. Image number i under a seed is always the same.

    Arguments are the options of `ganprint forge sample`. Raises UsageError where not exactly one generator fits or it
    is trained too little, OutputExistsError where a file is there and `force` is not given.
    """
    from ganprint.forge.figures import write_image
    from ganprint.forge.generator_store import check_grown, load_generator
    from ganprint.forge.sampling import sample_images

    check_folder(Path(out))
    device = chosen_device(device, threads)
    folder, every = _found(generators)
    wanted = (source, semantic, training_seed)
    fitting = [
        path
        for path, card in every
        if (card.source, card.semantic, card.seed) == wanted and resolution in (None, card.resolution)
    ]
    if len(fitting) != 1:
        what = "no generator" if not fitting else "several generators"
        fault = f"{folder} has {what} of {source} for {semantic} with the training seed {training_seed}."
        raise UsageError(fault, _names_hint(every))
    generator, card = load_generator(fitting[0], device=device)
    (first,) = sample_images(generator, [0], seed=seed)
    check_grown(card, first.shape[-1])
    files = [Path(out) / f"{card.name}-{seed}-{number:05}.png" for number in range(count)]
    refuse_existing(*files, force=force)
    with os_errors_as(UsageError, f"{out} cannot be written to", "Name another folder."):
        for file, image in zip(files, sample_images(generator, range(count), seed=seed), strict=True):
            write_image(image, file)
    return files


def build_from_generators(
    out: str | Path,
    photos: str | Path,
    *,
    generators: str | Path | None = None,
    sources: Sequence[str] = (),
    semantics: Sequence[str] = (),
    unseen: Sequence[str] = (),
    count: int = 200,
    training_seed: int = 0,
    resolution: int | None = None,
    suffix: str = "",
    seed: int = 0,
    force: bool = False,
    progress: Callable[[str, int], None] = lambda name, total: None,
    warn: Warn = lambda failure: None,
) -> Path:
    """Build a benchmark from generators and photographs, cleaned, balanced and split, and return its manifest.

    Arguments are the options of `ganprint forge build`; all sources and semantic classes that the generators have
    take part if none are named. `progress` gets the name of each generator, and how many there are. Raises UsageError
    where the generators do not make a grid, OutputExistsError where a manifest is there and `force` is not given.
    """
    check_folder(Path(out))
    if not Path(photos).is_dir():
        fault = f"There is no folder {photos}."
        raise UsageError(fault, "Name one with a folder of photographs for each semantic class.")
    from ganprint.forge.build import Plan, build_benchmark

    folder, every = _found(generators)
    there = {card.source for _, card in every}, {card.semantic for _, card in every}
    asked = (sources, there[0]), (semantics, there[1])
    strange = [name for names, known in asked for name in names if name not in known]
    if strange:
        raise UsageError(f"{folder} has no generators of {', '.join(strange)}.", _names_hint(every))
    fitting = [
        (path, card)
        for path, card in every
        if card.seed == training_seed
        and resolution in (None, card.resolution)
        and card.source in (sources or there[0])
        and card.semantic in (semantics or there[1])
    ]
    plan = Plan(Path(photos), fitting, count, unseen, seed, suffix)
    return build_benchmark(plan, Path(out), progress=lambda name: progress(name, len(fitting)), warn=warn, force=force)


def draw_generators(
    out: str | Path, *, generators: str | Path | None = None, count: int = 9, seed: int = 0, force: bool = False
) -> None:
    """Draw samples of every generator in one PNG, a column for each architecture, a row for each semantic class.

    Arguments are the options of `ganprint forge sheet`. Raises UsageError where there are no generators.
    """
    import torch

    from ganprint.forge.figures import draw_grid
    from ganprint.forge.generator_store import load_generator
    from ganprint.forge.sampling import sample_images

    check_figure(Path(out), force=force)
    folder, every = _found(generators)
    if not every:
        raise UsageError(f"There are no generators in {folder}.", "ganprint forge train makes them.")
    cells = {}
    for path, card in every:
        generator, _ = load_generator(path)
        shown = f"{card.semantic} {card.resolution}, seed {card.seed}"
        cells[shown, card.source] = torch.stack(list(sample_images(generator, range(count), seed=seed)))
    with os_errors_as(UsageError, f"{out} cannot be written", "Name another file."):
        draw_grid(cells, Path(out))


def _found(generators: str | Path | None) -> "tuple[Path, list[tuple[Path, GeneratorCard]]]":
    """Return a folder and its generators: the one named, or the one trained into, or that of the shipped ones."""
    from ganprint.forge.generator_store import list_generators, shipped_generators

    own = Path("generators")
    folder = Path(generators) if generators is not None else own if own.is_dir() else shipped_generators()
    return folder, list_generators(folder)


def _names_hint(every: "Sequence[tuple[Path, GeneratorCard]]") -> str:
    return f"It has: {', '.join(card.name for _, card in every) or 'none'}."
