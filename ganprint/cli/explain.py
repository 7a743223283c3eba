"""`ganprint explain`: what a method's answer for an image rests on, or a manifest's average spectra, as one picture."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from ganprint.cli.console import progress_bar
from ganprint.cli.options import (
    Device,
    Force,
    Limit,
    Seed,
    Threads,
    Weights,
    Workers,
    check_method,
    check_output,
    chosen_device,
    chosen_weights,
)
from ganprint.cli.outputs import refuse_own_inputs


def explain(
    image: Annotated[Path | None, typer.Argument(help="the image")] = None,
    method: Annotated[str | None, typer.Option(help="the method, as `ganprint methods` names it")] = None,
    weights: Weights = None,
    maps: Annotated[
        list[str] | None,
        typer.Option(
            "--map",
            help="own, occlusion, gradients, grad-cam, residual, spectrum; repeatable; all that apply if left out",
        ),
    ] = None,
    spectrum: Annotated[
        bool, typer.Option("--spectrum", help="average spectra of a manifest's sources instead of an image")
    ] = False,
    data: Annotated[Path | None, typer.Option(help="with --spectrum: the manifest or folder")] = None,
    split: Annotated[
        str | None, typer.Option(help="with --spectrum: the split; all rows if left out")
    ] = None,
    view: Annotated[
        Literal["resize", "native"],
        typer.Option(help="with --spectrum: preprocessing, resized or the centre's own pixels"),
    ] = "native",
    size: Annotated[int, typer.Option(min=32, max=2048, help="with --spectrum: side of the crops")] = 128,
    out: Annotated[
        Path | None, typer.Option(help="the PNG to write; IMAGE-METHOD.png or spectra.png if left out")
    ] = None,
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
    from ganprint.errors import UsageError

    if spectrum == (image is not None) or spectrum != (data is not None):
        raise UsageError(
            "explain draws either an image or a manifest's spectra.",
            "ganprint explain IMAGE --method NAME, or ganprint explain --spectrum --data MANIFEST.",
        )
    if data is not None:
        file = out or Path("spectra.png")
        check_output(file, force=force)
        refuse_own_inputs([file], [data])
        _draw_spectra(data, split, view, size, limit, seed, workers, file, force)
    else:
        assert image is not None
        file = _draw_image(image, method, weights, maps, (device, threads), out, force)
    typer.echo(str(file))


def _draw_image(
    path: Path,
    method: str | None,
    weights: str | None,
    maps: list[str] | None,
    device: tuple[str, int | None],
    out: Path | None,
    force: bool,
) -> Path:
    from ganprint.images import read_image

    pixels = read_image(path).pixels
    from ganprint.forensics.evidence import crop_map, gather_evidence
    from ganprint.images.views import crop_views, whole_picture
    from ganprint.reporting.panels import draw_panels
    from ganprint.weights import load_attributor

    attributor, card = load_attributor(chosen_weights(weights, method), device=chosen_device(*device))
    check_method(method, card)
    file = out or Path(f"{path.stem}-{card.method}.png")
    check_output(file, force=force)
    refuse_own_inputs([file], [path])
    square = crop_views(pixels, card.view)[0]
    evidence = gather_evidence(attributor, card, square, path.name, maps)
    over_picture = crop_map(attributor, card, whole_picture(pixels)) if maps is None else None
    panels = [*evidence.panels, over_picture] if over_picture else evidence.panels
    draw_panels(panels, evidence.caption, file, force=force)
    return file


def _draw_spectra(
    data: Path,
    split: str | None,
    view: Literal["resize", "native"],
    size: int,
    limit: int | None,
    seed: int,
    workers: int,
    file: Path,
    force: bool,
) -> None:
    from ganprint.attributor import View
    from ganprint.data import Manifest
    from ganprint.reporting.panels import draw_panels
    from ganprint.reporting.spectra import average_spectra, spectrum_panels

    images = Manifest.open(data).select(split, limit=limit, seed=seed)
    with progress_bar() as bar:
        task = bar.add_task("spectra", total=len(images))
        spectra = average_spectra(
            images,
            View(kind=view, size=size),
            workers=workers,
            progress=lambda done, total: bar.update(task, completed=done, total=total),
        )
    caption = (
        f"Mean logarithm of the orthonormal DCT-II's magnitudes over {len(images)} images of {data.name}"
        f"{', split ' + split if split else ''}, {view} view of {size} px, low frequencies top left. Differences "
        "between sources are differences of these images, format and content included."
    )
    draw_panels(spectrum_panels(spectra), caption, file, force=force)
