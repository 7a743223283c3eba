"""Train a method: the workflow of `ganprint train`."""

from collections.abc import Callable, Sequence
from datetime import date
from functools import partial
from itertools import chain, count
from pathlib import Path
from typing import Literal

from ganprint import plugins
from ganprint.api.choices import chosen_card, chosen_data, chosen_device
from ganprint.api.outputs import check_folder
from ganprint.attributor import AttributorConfig, Progress, Run
from ganprint.data import Manifest
from ganprint.devices import Precision, quick_precision
from ganprint.errors import MissingExtraError, UsageError, check_choice
from ganprint.models.choice import choose_config
from ganprint.plain_text import printable
from ganprint.processes import is_main_process
from ganprint.weights.artifact import check_run_folder

RUNS = Path("runs")
"""Where weights go whose folder is not named."""


def run_folder(method: str, today: date | None = None) -> Path:
    """Return the first of runs/METHOD-DATE, runs/METHOD-DATE-2, ... that is not there."""
    name = f"{method}-{today or date.today()}"
    return next(
        folder for folder in chain([RUNS / name], (RUNS / f"{name}-{n}" for n in count(2))) if not folder.exists()
    )


def train(
    method: str,
    data: str | Path | None = None,
    out: str | Path | None = None,
    *,
    preset: str | None = None,
    config: Path | None = None,
    set: str | Sequence[str] = (),
    start: str | None = None,
    name: str | None = None,
    images: str | Path | None = None,
    seed: int = 0,
    device: str = "auto",
    threads: int | None = None,
    precision: Precision | Literal["auto"] = "auto",
    workers: int = 1,
    resume: bool = False,
    force: bool = False,
    command: str = "ganprint.train",
    report: Callable[[Progress], None] = lambda progress: None,
    say: Callable[[str], None] = lambda sentence: None,
    making: Callable[[str], None] = lambda what: None,
) -> Path:
    """Train a method on the splits train and val of a manifest and return the folder of its weights and card.

    Arguments are the options of `ganprint train`: without `data` the images are the embedded benchmark's, without `out`
    the folder is runs/METHOD-DATE; a string `set` is one assignment. `command` is what the card says of how the
    weights were made. `say` gets sentences, the plan first, `making` what is made of the embedded benchmark, and
    `report` every step. Raises a GanprintError where something named is not there or does not fit, and
    KeyboardInterrupt, with a checkpoint to resume from, where it was interrupted.
    """
    check_choice("precision", precision, Literal["auto", "fp32", "bf16"])
    spec = plugins.read_spec(method)
    folder = _chosen_folder(method, out, resume=resume, force=force)
    choose = partial(
        choose_config,
        spec,
        preset=preset,
        file=config,
        assignments=[set] if isinstance(set, str) else set,
        start=None if start is None else chosen_card(start, method),
        begun=folder if resume else None,
        benchmark=data is None,
    )
    chosen, origin = choose("cpu")  # what does not fit is told before torch is imported
    device = chosen_device(device, threads)
    if device != "cpu":
        chosen, origin = choose(device)
    from ganprint.training.session import train_weights

    attributor_class = plugins.load(method)
    manifest = Manifest.open(chosen_data(data, training=True, progress=making), root=images)
    arithmetic = quick_precision(device) if precision == "auto" else precision
    if not attributor_class.differentiable:
        arithmetic = "fp32"  # only networks have one to choose
    run = Run(folder, seed, device, arithmetic, workers, resume, report=report, say=say)
    if is_main_process():
        say(_plan(method, manifest, f"{origin}, on {device} in {arithmetic}", _beginning(chosen, start)))
        for sentence in _absent(manifest):
            say(sentence)
    name = name or folder.resolve().name
    try:
        train_weights(attributor_class, chosen, manifest, run, name=name, command=command, start=start, force=force)
    except KeyboardInterrupt:
        if is_main_process():
            _draw(folder, say)
        raise
    if is_main_process():
        _draw(folder, say)
    return folder


def _chosen_folder(method: str, out: str | Path | None, *, resume: bool, force: bool) -> Path:
    """Return the folder to train into; raise, before torch is imported, where it does not fit."""
    if out is None and resume:
        raise UsageError("Which training is to be resumed was not named.", "Name its folder with --out.")
    folder = run_folder(method) if out is None else Path(out)
    check_folder(folder)
    if is_main_process():
        check_run_folder(folder, resume=resume, force=force)
    return folder


def _plan(method: str, manifest: Manifest, how: str, beginning: str) -> str:
    known = {split: len(manifest.select(split)) for split in ("train", "val") if split in manifest.split_names}
    images = " and ".join(f"{count:,} images to {_DONE[split]}" for split, count in known.items())
    return (
        f"training {method} on {Path(manifest.name).name}: {images or 'no images to train on'}, of "
        f"{len(manifest.sources)} sources; {how}{beginning}."
    )


_DONE = {"train": "train on", "val": "choose by"}


def _beginning(config: AttributorConfig, start: str | None) -> str:
    """Say which weights a training starts from, where it has steps; those of ImageNet are said when they are found."""
    if start is not None:
        return f", from {start}"
    return ", from random weights" if getattr(config, "pretrained", None) is False else ""


def _absent(manifest: Manifest) -> list[str]:
    """Say of which sources the split val has no image."""
    without = manifest.absent("val") if "val" in manifest.split_names else ()
    names = ", ".join(map(printable, without))
    said = f"val has no image of {names}, so validation does not measure how well they are recognised."
    return [said] if without else []


def _draw(folder: Path, say: Callable[[str], None]) -> None:
    try:
        from ganprint.reporting.curves import draw_curves
    except MissingExtraError as missing:
        say(f"no curves are drawn: {missing.message} {missing.hint}")
        return
    drawn = draw_curves(folder)
    if drawn is not None:
        say(f"drawn: {drawn}")
