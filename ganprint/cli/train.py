"""`ganprint train`: train a method on a manifest and write its weights with their card."""

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from ganprint.cli.console import console, progress_bar
from ganprint.cli.options import (
    Data,
    Device,
    Force,
    Images,
    Method,
    Seed,
    Threads,
    Workers,
    chosen_device,
)

if TYPE_CHECKING:
    from ganprint.attributor import Progress
    from ganprint.data import Manifest


def train(
    method: Method,
    data: Data,
    out: Annotated[Path, typer.Option(help="folder for the weights, their card, checkpoints and history")],
    preset: Annotated[str | None, typer.Option(help="a configuration that comes with the method")] = None,
    config: Annotated[Path | None, typer.Option(help="a YAML file of configuration keys")] = None,
    assignments: Annotated[
        list[str] | None,
        typer.Option("--set", help="key=value; `ganprint methods NAME` lists the keys; repeatable"),
    ] = None,
    start: Annotated[
        str | None,
        typer.Option(help="weights of the same method to finetune, by name or folder; sources may be added"),
    ] = None,
    name: Annotated[str | None, typer.Option(help="name on the card; the folder's if left out")] = None,
    image_folder: Images = None,
    seed: Seed = 0,
    device: Device = "auto",
    threads: Threads = None,
    precision: Annotated[
        Literal["auto", "fp32", "bf16"],
        typer.Option(help="arithmetic of the network; auto: bf16 where the device has it in hardware"),
    ] = "auto",
    workers: Workers = 1,
    resume: Annotated[bool, typer.Option("--resume", help="go on from the folder's last checkpoint")] = False,
    force: Force = False,
) -> None:
    """Train a method on the splits train and val of a manifest.

    Interrupted, it leaves a checkpoint; the same command with --resume goes on to the same numbers. For
    several GPUs or machines: accelerate launch -m ganprint train --device cuda ...; for several processes on a CPU:
    torchrun --nproc_per_node 2 -m ganprint train ...
    """
    from shlex import join

    from ganprint import plugins
    from ganprint.data import Manifest
    from ganprint.devices import quick_precision
    from ganprint.models import read_config
    from ganprint.training import Run
    from ganprint.training.checkpoint import is_main_process
    from ganprint.training.session import train_weights

    device = chosen_device(device, threads)
    attributor_class = plugins.load(method)
    chosen = read_config(attributor_class.spec, preset=preset, file=config, assignments=assignments or ())
    manifest = Manifest.open(data, root=image_folder)
    say_absent(manifest)
    reporter = Reporter()
    arithmetic = quick_precision(device) if precision == "auto" else precision
    reporter.say(f"training on {device} in {arithmetic}.")
    run = Run(
        out,
        seed=seed,
        device=device,
        precision=arithmetic,
        workers=workers,
        resume=resume,
        report=reporter,
        say=reporter.say,
    )
    # As it was first started: that gives the same weights without the folder's checkpoint.
    command = join(["ganprint", *(word for word in sys.argv[1:] if word not in ("--resume", "--force"))])
    card_name = name or out.resolve().name
    try:
        with reporter:
            train_weights(
                attributor_class,
                chosen,
                manifest,
                run,
                name=card_name,
                command=command,
                start=start,
                force=force,
            )
    except KeyboardInterrupt:
        if is_main_process():
            kept = any((out / "checkpoints").glob("*.safetensors"))
            then = f"go on with the same command and --resume ({out})" if kept else "nothing was saved yet"
            typer.echo(f"ganprint: interrupted; {then}.", err=True)
        raise typer.Exit(130) from None
    if is_main_process():
        typer.echo(str(out))


def say_absent(manifest: "Manifest") -> None:
    """Say on stderr of which sources the split val has no image."""
    from ganprint.images.formats import printable

    without = manifest.absent("val") if "val" in manifest.split_names else ()
    if without:
        typer.echo(
            f"ganprint: val has no image of {', '.join(map(printable, without))}: nothing is chosen or stopped by how "
            "well they are told.",
            err=True,
        )


LINE_SECONDS = 30.0
"""Between two lines of progress where there is no terminal to show a bar."""
VALIDATION_NAMES = {
    "accuracy": "attribution",
    "balanced_accuracy": "balanced",
    "detection_accuracy": "detection",
}


class Reporter:
    """A bar of the epoch on stderr, and a line for each finished epoch or trial; of several trainings, which it is."""

    def __init__(self) -> None:
        self.errors = console(stderr=True)
        self.name = ""
        self.bar = progress_bar()
        self.task = self.bar.add_task("training", total=None)
        self.told = time.monotonic()

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

    def __call__(self, progress: "Progress") -> None:
        """Show where the training stands."""
        minutes, seconds = divmod(round(progress.seconds_left), 60)
        where = f"{self.name}{progress.stage} {progress.epoch}/{progress.epochs}"
        running = {"loss": progress.loss, "accuracy": progress.accuracy}
        parts = [f"{name} {value:.3f}" for name, value in running.items() if value is not None]
        speed = f"{progress.images_per_second:.0f} images/s"
        line = "  ".join([where, *parts, speed, f"{minutes}:{seconds:02} left"])
        self.bar.update(self.task, completed=progress.step, total=progress.steps, description=line)
        now = time.monotonic()
        if not self.errors.is_terminal and now - self.told > LINE_SECONDS:
            self.errors.print(f"{line} ({progress.step} of {progress.steps})", soft_wrap=True)
            self.told = now
        if progress.validation is not None:
            said = f"train loss {progress.loss:.3f}; " if progress.loss is not None else ""
            found = ", ".join(
                f"{VALIDATION_NAMES.get(name, name)} {value:.3f}"
                for name, value in progress.validation.items()
            )
            self.errors.print(f"{where}: {said}validation {found}", soft_wrap=True)
