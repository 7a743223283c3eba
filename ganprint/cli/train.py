"""`ganprint train`: train a method on a manifest and write its weights with their card."""

import sys
import time
from pathlib import Path
from shlex import join
from typing import TYPE_CHECKING, Annotated

import typer
from typer import Option

from ganprint.cli.console import LINE_SECONDS, about, complain, console, progress_bar
from ganprint.cli.option_groups import Given, grouped
from ganprint.cli.options import (
    Device,
    Force,
    Images,
    Method,
    Seed,
    TestData,
    Threads,
    TrainingPrecision,
    telling_of_benchmark,
)
from ganprint.errors import UsageError
from ganprint.processes import is_main_process, place

if TYPE_CHECKING:
    from ganprint.attributor import Progress


@grouped
def train(
    given: Given,
    method: Method,
    data: TestData = None,
    out: Annotated[
        Path | None,
        Option(help="folder for the weights, their card, checkpoints and curves; runs/METHOD-DATE if left out"),
    ] = None,
    preset: Annotated[
        str | None,
        Option(
            help="a configuration that comes with the method: paper, small, ...; one that suits the device if left out"
        ),
    ] = None,
    config: Annotated[Path | None, Option(help="a YAML file of configuration keys")] = None,
    assignments: Annotated[
        list[str] | None, Option("--set", help="key=value; `ganprint methods NAME` lists the keys; repeatable")
    ] = None,
    start: Annotated[
        str | None,
        Option(
            help="weights of the same method to finetune (name or folder), with their configuration; sources may be "
            "added"
        ),
    ] = None,
    name: Annotated[str | None, Option(help="name on the card; the folder's if left out")] = None,
    images: Images = None,
    seed: Seed = 0,
    device: Device = "auto",
    threads: Threads = None,
    precision: TrainingPrecision = "auto",
    workers: Annotated[
        int, Option(min=0, help="extra processes that read images while the network trains; 0: none")
    ] = 1,
    resume: Annotated[bool, Option("--resume", help="resume from the checkpoint in --out")] = False,
    force: Force = False,
) -> None:
    """Train a method on the splits train and val of a manifest.

    An interrupted training leaves a checkpoint and prints the command that resumes to the same numbers.

    Several GPUs: torchrun --standalone --nproc-per-node 2 -m ganprint train ...

    Example: ganprint train --method repmix
    """
    from ganprint.api.trainings import run_folder
    from ganprint.api.trainings import train as train_method

    if out is None and place()[1] > 1:
        raise UsageError("Several processes need one folder.", "Name it with --out.")
    folder = out or (None if resume else run_folder(method))
    reporter = Reporter()
    try:
        with reporter:
            written = train_method(
                **given.but("assignments", "out"),
                out=folder,
                set=assignments or (),
                # As it was first started: that gives the same weights without the folder's checkpoint.
                command=_command(),
                report=reporter,
                say=reporter.say,
                making=telling_of_benchmark(reporter.tell),
            )
    except KeyboardInterrupt:
        if is_main_process() and folder is not None:
            kept = any((folder / "checkpoints").glob("*.safetensors"))
            named = () if out else ("--out", str(folder))
            then = f"resume with: {_command(*named, '--resume')}" if kept else "nothing was saved yet."
            complain(f"interrupted; {then}")
        raise typer.Exit(130) from None
    if is_main_process():
        reporter.say(f"try the weights: ganprint attribute IMAGE --weights {written}")
        typer.echo(str(written))


def _command(*added: str) -> str:
    return join(["ganprint", *(word for word in sys.argv[1:] if word not in ("--resume", "--force")), *added])


FIRST_STEPS, FIRST_SECONDS = 10, 5.0
"""What an estimate is measured on, whichever comes first."""
VALIDATION_NAMES = {"accuracy": "attribution", "balanced_accuracy": "balanced", "detection_accuracy": "detection"}


class Reporter:
    """A bar of the epoch on stderr, and a line for each finished epoch or trial; of several trainings, which it is."""

    def __init__(self) -> None:
        self.errors = console(stderr=True)
        self.name = ""
        self.bar = progress_bar()
        self.task = self.bar.add_task("training", total=None)
        self.told = time.monotonic()
        self.began: dict[str, float] = {}
        self.estimated: set[str] = set()

    def __enter__(self) -> "Reporter":
        self.bar.__enter__()
        return self

    def __exit__(self, *exception: object) -> None:
        self.bar.stop()

    def begin(self, name: str) -> None:
        """Put a training's name before what is said of it."""
        self.name = f"{name}: "

    def say(self, sentence: str) -> None:
        """Print a sentence that is no progress, on a line of its own."""
        self.errors.print(f"ganprint: {self.name}{sentence}", soft_wrap=True)

    def tell(self, step: str, done: int, total: int | None) -> None:
        """Show a step before the training: how far it is, and of how much, where that is known."""
        self.bar.update(self.task, description=step, completed=done, total=total)

    def __call__(self, progress: "Progress") -> None:
        """Show where the training stands."""
        minutes, seconds = divmod(round(progress.seconds_left), 60)
        where = f"{self.name}{progress.stage} {progress.epoch}/{progress.epochs}"
        running = {"loss": progress.loss, "accuracy": progress.accuracy}
        parts = [f"{name} {value:.3f}" for name, value in running.items() if value is not None]
        if progress.images_per_second:
            parts.append(f"{progress.images_per_second:.{0 if progress.images_per_second >= 10 else 1}f} images/s")
        line = "  ".join([where, *parts, f"{minutes}:{seconds:02} left"])
        self.bar.update(self.task, completed=progress.step, total=progress.steps, description=line)
        now = time.monotonic()
        self._estimate(progress, now)
        if not self.errors.is_terminal and now - self.told > LINE_SECONDS:
            self.errors.print(f"{line} ({progress.step} of {progress.steps})", soft_wrap=True)
            self.told = now
        if progress.validation is not None:
            said = f"train loss {progress.loss:.3f}; " if progress.loss is not None else ""
            found = ", ".join(
                f"{VALIDATION_NAMES.get(name, name)} {value:.3f}" for name, value in progress.validation.items()
            )
            self.errors.print(f"{where}: {said}validation {found}", soft_wrap=True)

    def _estimate(self, progress: "Progress", now: float) -> None:
        """Say once of a training, or of a pass of one, how long it will take, measured on the first steps."""
        key = f"{self.name}{progress.stage}"
        measured = now - self.began.setdefault(key, now)
        if key in self.estimated or progress.validation is not None or not progress.seconds_left:
            return
        if progress.step >= FIRST_STEPS or measured >= FIRST_SECONDS:
            self.estimated.add(key)
            what = _counted(progress.epochs, "epoch") if progress.stage == "epoch" else f"the pass {progress.stage}"
            steps = _counted(progress.step, "step")
            self.say(f"{what}: {about(progress.seconds_left)} left, by the first {steps}.")


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"
