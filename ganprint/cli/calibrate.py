"""`ganprint calibrate`: a temperature that makes probabilities mean what they say."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ganprint.cli.console import command_line, console, echo_json, progress_bar
from ganprint.cli.options import (
    BatchSize,
    Data,
    Device,
    Force,
    Json,
    Seed,
    Weights,
    Workers,
    check_device,
    check_method,
    check_output,
    chosen_weights,
)

if TYPE_CHECKING:
    from ganprint.weights import CalibrationRecord


def calibrate(
    data: Data,
    method: Annotated[
        str | None, typer.Option(help="the method, as `ganprint methods` names it; repmix if left out")
    ] = None,
    weights: Weights = None,
    split: Annotated[str, typer.Option(help="images that the weights were not trained on")] = "val",
    policies: Annotated[
        list[str] | None,
        typer.Option(
            "--policy", help="what images will have met; repeatable; none and test-seen if left out"
        ),
    ] = None,
    seed: Seed = 0,
    batch_size: BatchSize = 32,
    workers: Workers = 0,
    device: Device = "cpu",
    figure: Annotated[
        Path | None, typer.Option(help="draw the reliability before and after, as a PNG")
    ] = None,
    record: Annotated[
        bool, typer.Option("--record", help="write it into the weights' card, for `attribute` to apply")
    ] = False,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Fit a temperature to the answers for a split, clean and perturbed, and measure what it brings.

    Before and after are measured on the same images; after, none was part of the fit that it is measured with.
    """
    from ganprint.data import Manifest
    from ganprint.errors import UsageError
    from ganprint.evaluation.calibrate import calibrate as fit
    from ganprint.weights import load_attributor, set_calibration

    check_device(device)
    check_output(figure, force=force)
    if figure is not None and figure.suffix != ".png":
        raise UsageError(f"{figure} is no PNG by its name.", "End it with .png.")
    chosen = chosen_weights(weights, method)
    attributor, card = load_attributor(chosen, device=device)
    check_method(method, card)
    manifest = Manifest.open(data, sources=card.sources)
    if split == "train":
        typer.echo("ganprint: on images of training, answers are surer than on others.", err=True)
    with progress_bar() as bar:
        task = bar.add_task(card.name, total=None)
        found = fit(
            attributor,
            card,
            manifest,
            split,
            list(dict.fromkeys(policies or ("none", "test-seen"))),
            seed=seed,
            command=command_line(),
            progress=lambda policy, done, total: bar.update(
                task, completed=done, total=total, description=f"{split} under {policy}"
            ),
            device=device,
            batch_size=batch_size,
            workers=workers,
        )
    if as_json:
        echo_json(found.record.model_dump(mode="json"))
    else:
        _print(card.name, found.record)
    if figure is not None:
        from ganprint.evaluation.figures import reliability_figure, save_figures

        save_figures({figure.stem: reliability_figure(found)}, figure.parent, force=force)
    if record:
        set_calibration(chosen, found.record)
    for failure in found.failures:
        typer.echo(f"ganprint: {failure.message}", err=True)
    if found.failures:
        raise typer.Exit(1)


def _print(name: str, record: "CalibrationRecord") -> None:
    from rich.table import Table

    table = Table("", "before", "after", title=f"{name}: temperature {record.temperature:.3f}")
    for measure, before in record.before.items():
        table.add_row(measure.replace("_", " "), f"{before:.4f}", f"{record.after[measure]:.4f}")
    table.caption = f"{record.images} images of {record.split}, under {', '.join(record.policies)}"
    console().print(table)
