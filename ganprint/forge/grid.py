"""A grid of generators, architectures by semantic classes by seeds, trained side by side within a budget."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch

from ganprint.errors import ImageError, UsageError
from ganprint.files import os_errors_as
from ganprint.forge.families import FAMILIES, family_of
from ganprint.forge.family import Generator
from ganprint.forge.figures import draw_losses, tiled, write_image
from ganprint.forge.gan_training import DivergedError, GeneratorTraining
from ganprint.forge.generator_store import NAME_PATTERN, GeneratorCard, read_generator_card, save_generator
from ganprint.forge.photos import Photos, read_photos
from ganprint.forge.quality import spectral_distance
from ganprint.forge.sampling import sample_images
from ganprint.plain_text import printable
from ganprint.training.checkpoint import Place, read_place
from ganprint.weights import utc_now
from ganprint.weights.card import CARD_FILE
from ganprint.weights.environment import hardware, versions

CHECKPOINT, LOSSES, SHEET = "checkpoint.safetensors", "losses.png", "samples.png"
SLICE = 100
"""Steps that a generator is trained for before the next has its turn."""
JUDGED = 200
"""Samples that a generator's distance to its photographs is taken from."""
SHOWN = 64
"""Samples on a sheet."""
LICENCE = "Weights: MIT, as ganprint. The photographs belong to their makers and are not contained."


@dataclass(frozen=True)
class Task:
    """One generator to train: an architecture on the photographs of a semantic class, under a seed."""

    source: str
    semantic: str
    seed: int = 0


@dataclass
class Grid:
    """Generators under `out`, each in a folder of its name with its card, checkpoint, losses and sample sheet.

    Those that least time was spent on are trained first, a slice at a time, so that at any moment all can be used
    and cheap architectures do not wait for dear ones.
    """

    photos: Path
    tasks: Sequence[Task]
    out: Path
    steps: int
    resolution: int = 64
    device: str = "cpu"
    precision: str = "fp32"
    command: str = ""

    def __post_init__(self) -> None:
        for task in self.tasks:
            family_of(task.source, self.resolution)
            if not re.fullmatch(NAME_PATTERN, self.folder(task).name):
                raise UsageError(
                    f"A generator of {printable(task.semantic)} cannot be kept under its name.",
                    "Rename the folder of photographs: letters, digits, dots and dashes, 64 at most.",
                )
        self._photos: dict[str, Photos] = {}

    def folder(self, task: Task) -> Path:
        """Return where a generator is kept."""
        return self.out / f"{task.source}-{task.semantic}-{self.resolution}-seed{task.seed}"

    def done(self, task: Task) -> int:
        """Return how many steps a generator has been trained for."""
        return self._place(task).step

    def card(self, task: Task) -> GeneratorCard | None:
        """Return a generator's card, None where it is not begun."""
        folder = self.folder(task)
        return read_generator_card(folder) if (folder / CARD_FILE).is_file() else None

    def train(
        self,
        *,
        report: Callable[[Task, int], None] = lambda task, step: None,
        saved: Callable[[Task, GeneratorCard], None] = lambda task, card: None,
        warn: Callable[[ImageError], None] = lambda failure: None,
        stop: Callable[[], bool] = lambda: False,
    ) -> bool:
        """Train until all have `steps`, or `stop` says so; return whether they have.

        `report` is told every step, `saved` every slice, `warn` of photographs that cannot be read. A generator
        that diverges is left as it was last saved, and raises DivergedError when all others are done. Raises
        TrainingError, before anything is trained, where a checkpoint is of other photographs or another precision.
        """
        diverged: dict[Task, DivergedError] = {}
        for semantic in dict.fromkeys(task.semantic for task in self.tasks):
            self._photos[semantic] = read_photos(self.photos, semantic, self.resolution)
            for failure in self._photos[semantic].failures:
                warn(failure)
        for task in self.tasks:
            if (self.folder(task) / CHECKPOINT).is_file():
                self._training(task).check(self.folder(task) / CHECKPOINT)
        while left := [task for task in self.tasks if task not in diverged and self.done(task) < self.steps]:
            if stop():
                return False
            task = min(left, key=lambda each: self._place(each).seconds)
            training, folder = self._training(task), self.folder(task)
            if (folder / CHECKPOINT).is_file():
                training.load(folder / CHECKPOINT)
            until = min(self.steps, training.place.step + SLICE)
            whole = training.advance(until, report=partial(report, task), stop=stop)
            try:
                with os_errors_as(UsageError, f"{folder} cannot be written to", "Name another folder with --out."):
                    training.save(folder / CHECKPOINT)
                    card = self._save(task, training)
            except DivergedError as error:
                diverged[task] = error
                continue
            saved(task, card)
            if not whole:
                return False
        if diverged:
            names = ", ".join(self.folder(task).name for task in diverged)
            first = next(iter(diverged.values()))
            raise DivergedError(f"{first.message} Diverged: {names}.", first.hint)
        return True

    def _place(self, task: Task) -> Place:
        path = self.folder(task) / CHECKPOINT
        return read_place(path) if path.is_file() else Place()

    def _training(self, task: Task) -> GeneratorTraining:
        return GeneratorTraining(
            family_of(task.source, self.resolution),
            self._photos[task.semantic].images,
            name=self.folder(task).name,
            seed=task.seed,
            device=self.device,
            precision=self.precision,
        )

    def _save(self, task: Task, training: GeneratorTraining) -> GeneratorCard:
        photos, folder, generator = self._photos[task.semantic], self.folder(task), training.trained
        samples = _samples(generator, self.resolution)
        card = GeneratorCard(
            name=folder.name,
            source=task.source,
            semantic=task.semantic,
            resolution=self.resolution,
            seed=task.seed,
            steps=training.place.step,
            seconds=round(training.place.seconds, 1),
            precision=self.precision,
            photos=len(photos.images),
            photos_sha256=photos.sha256,
            distance=round(spectral_distance(photos.images, samples), 4),
            command=self.command,
            date=utc_now(),
            hardware=hardware(self.device),
            versions=versions(),
            licence=LICENCE,
        )
        write_image(tiled(samples[:SHOWN]), folder / SHEET)
        draw_losses(training.place.history, f"{FAMILIES[task.source].title}, {task.semantic}", folder / LOSSES)
        return save_generator(folder, generator, card)


def _samples(generator: Generator, resolution: int) -> torch.Tensor:
    """Return samples, enlarged where the generator has not grown to its side yet."""
    samples = torch.stack(list(sample_images(generator, range(JUDGED))))
    times = resolution // samples.shape[-1]
    return samples.repeat_interleave(times, 2).repeat_interleave(times, 3)
