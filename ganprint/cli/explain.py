"""`ganprint explain`: what a method looks at in an image, or a manifest's average spectra, as one picture."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from ganprint.cli.console import progress_bar
from ganprint.cli.options import (
    Device,
    Force,
    Limit,
    Seed,
    Weights,
    Workers,
    check_device,
    check_method,
    check_output,
    chosen_weights,
)

if TYPE_CHECKING:
    from ganprint.attributor import Attributor
    from ganprint.weights import Card


def explain(
    image: Annotated[Path | None, typer.Argument(help="the image")] = None,
    method: Annotated[str | None, typer.Option(help="the method, as `ganprint methods` names it")] = None,
    weights: Weights = None,
    spectrum: Annotated[
        bool, typer.Option("--spectrum", help="average spectra of a manifest's sources instead of an image")
    ] = False,
    data: Annotated[Path | None, typer.Option(help="with --spectrum: the manifest or folder")] = None,
    split: Annotated[
        str | None, typer.Option(help="with --spectrum: the split; all rows if left out")
    ] = None,
    view: Annotated[
        Literal["resize", "native"], typer.Option(help="with --spectrum: resized, or the centre's own pixels")
    ] = "native",
    size: Annotated[int, typer.Option(min=32, max=2048, help="with --spectrum: side of the views")] = 128,
    out: Annotated[
        Path | None, typer.Option(help="the PNG to write; IMAGE-METHOD.png or spectra.png if left out")
    ] = None,
    limit: Limit = None,
    seed: Seed = 0,
    workers: Workers = 1,
    device: Device = "cpu",
    force: Force = False,
) -> None:
    """Draw what a method sees: residuals, spectra, fingerprints and their responses. A picture is not proof."""
    from ganprint.errors import UsageError

    if spectrum == (image is not None) or spectrum != (data is not None):
        raise UsageError(
            "Either an image or a manifest's spectra are drawn.",
            "ganprint explain IMAGE --method NAME, or ganprint explain --spectrum --data MANIFEST.",
        )
    if data is not None:
        file = out or Path("spectra.png")
        check_output(file, force=force)
        _draw_spectra(data, split, view, size, limit, seed, workers, file, force)
    else:
        assert image is not None
        check_device(device)
        attributor, card = _explainer(method, weights, device)
        file = out or Path(f"{image.stem}-{card.method}.png")
        check_output(file, force=force)
        _draw_image(image, attributor, card, file, force)
    typer.echo(str(file))


def _explainer(method: str | None, weights: str | None, device: str) -> "tuple[Attributor, Card]":
    """Load the weights named, or the first of the method's, its default before others, that have pictures."""
    from ganprint.errors import UsageError
    from ganprint.weights import list_weights, load_attributor

    chosen = chosen_weights(weights, method)
    attributor, card = load_attributor(chosen, device=device)
    check_method(method, card)
    if attributor.explains:
        return attributor, card
    others = [entry for entry in list_weights() if entry.card and entry.card.method == card.method]
    for entry in others if weights is None else []:
        attributor, card = load_attributor(entry.path, device=device)
        if attributor.explains:
            return attributor, card
    raise UsageError(
        f"The weights {card.name} of {card.method} have no picture to explain an answer by.",
        f"Name another --method, or other --weights; {card.method}'s presets: ganprint methods {card.method}.",
    )


def _draw_image(path: Path, attributor: "Attributor", card: "Card", file: Path, force: bool) -> None:
    from ganprint.attributor import Panel
    from ganprint.forensics.figures import draw_panels
    from ganprint.images import printable, read_image
    from ganprint.images.views import crop_views

    square = crop_views(read_image(path).pixels, card.view)[:1]
    shares = attributor.predict(square).attribution.float().softmax(1)[0].cpu()
    first, second = shares.argsort(descending=True)[:2].tolist()
    shown = Panel(f"the {card.view.kind} view, {card.view.size} px", square[0].permute(1, 2, 0).numpy() / 255)
    caption = (
        f"{printable(path.name)}: of this view {card.method} with the weights {card.name} "
        f"({(card.sha256 or '')[:12]}) says {card.sources[first]} {shares[first]:.0%}, "
        f"next {card.sources[second]} {shares[second]:.0%} (not calibrated). The pictures show what the method "
        "computes; they are not proof of where an image comes from."
    )
    draw_panels([shown, *attributor.explain(square[0])], caption, file, force=force)


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
    from ganprint.forensics.figures import draw_panels
    from ganprint.forensics.spectra import average_spectra, spectrum_panels

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
