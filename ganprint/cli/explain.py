"""`ganprint explain`: draw what a method uses for its answer, or a manifest's average spectra."""

from functools import partial
from pathlib import Path
from typing import Annotated, Literal

import typer
from typer import Argument, Option

from ganprint.cli.console import counting
from ganprint.cli.option_groups import Given, grouped
from ganprint.cli.options import Device, Force, Limit, OneMethod, Seed, Threads, Weights, Workers
from ganprint.errors import UsageError


@grouped
def explain(
    given: Given,
    image: Annotated[str | None, Argument(help="the image")] = None,
    method: OneMethod = None,
    weights: Weights = None,
    maps: Annotated[
        list[str] | None,
        Option(
            "--map",
            help="own, occlusion, gradients, grad-cam, residual, spectrum, several as a,b; all that apply if left out",
        ),
    ] = None,
    spectrum: Annotated[
        bool, Option("--spectrum", help="average spectra of a manifest's sources instead of an image")
    ] = False,
    data: Annotated[str | None, Option(metavar="PATH", help="with --spectrum: the manifest or folder")] = None,
    split: Annotated[str | None, Option(help="with --spectrum: the split; all rows if left out")] = None,
    preprocessing: Annotated[
        Literal["resize", "native"], Option(help="with --spectrum: resized images, or native pixels of the centre")
    ] = "native",
    size: Annotated[int, Option(min=32, max=2048, help="with --spectrum: side of the crops")] = 128,
    out: Annotated[Path | None, Option(help="the PNG to write; IMAGE-METHOD.png or spectra.png if left out")] = None,
    limit: Limit = None,
    seed: Seed = 0,
    workers: Workers = 0,
    device: Device = "auto",
    threads: Threads = None,
    force: Force = False,
) -> None:
    """Draw what a method uses for its answer: its own pictures, and maps of the image. A picture is not proof.

    Example: ganprint explain photo.jpg --method repmix
    """
    if spectrum == (image is not None) or spectrum != (data is not None):
        raise UsageError(
            "explain draws either an image or a manifest's spectra.",
            "ganprint explain IMAGE --method NAME, or ganprint explain --spectrum --data MANIFEST.",
        )
    if data is not None:
        from ganprint.api.explanation import explain_spectra

        file = out or Path("spectra.png")
        with counting("spectra") as progress:
            spectral = given.but("out", "spectrum", "method", "weights", "maps", "device", "threads")
            explain_spectra(**spectral, out=file, progress=partial(progress, "spectra"))
    else:
        from ganprint.api.explanation import explain as draw
        from ganprint.api.explanation import picture_name

        assert image is not None
        file = out or picture_name(image, method=method, weights=weights)
        draw(image, method=method, weights=weights, maps=maps, out=file, device=device, threads=threads, force=force)
    typer.echo(str(file))
