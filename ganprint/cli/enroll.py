"""`ganprint enroll`: a source by a few dozen of its images, without training."""

from typing import TYPE_CHECKING, Annotated

import typer

from ganprint.cli.console import console, echo_json, progress_bar
from ganprint.cli.options import (
    Device,
    Force,
    Json,
    Threads,
    Weights,
    check_method,
    chosen_device,
    chosen_weights,
)

if TYPE_CHECKING:
    from ganprint.forensics.gallery import Gallery
    from ganprint.forensics.judges import Judge
    from ganprint.weights import Card


def enroll(
    name: Annotated[str | None, typer.Argument(help="name of the source")] = None,
    folder: Annotated[list[str] | None, typer.Argument(help="its images, or folders of them")] = None,
    method: Annotated[str | None, typer.Option(help="the method, as `ganprint methods` names it")] = None,
    weights: Weights = None,
    false_alarm: Annotated[
        float,
        typer.Option(min=0.001, max=0.5, help="share of known images that may be taken for the source"),
    ] = 0.01,
    recursive: Annotated[bool, typer.Option("--recursive", "-r", help="search folders in folders")] = False,
    listing: Annotated[
        bool, typer.Option("--list", help="list the sources enrolled for the weights")
    ] = False,
    remove: Annotated[bool, typer.Option("--remove", help="remove the source of this name")] = False,
    device: Device = "auto",
    threads: Threads = None,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Add a source from a few dozen images, without training; `attribute` then answers with it for similar images.

    The source is stored on this machine for these weights. The command prints how many of the images the others
    recognise, with each left out in turn. Use images of many subjects: images of one subject enrol the subject, too.

    Example: ganprint enroll my-model folder/
    """
    from ganprint.errors import UsageError
    from ganprint.forensics.gallery import list_galleries, overlaps, remove_gallery
    from ganprint.images import printable
    from ganprint.weights import read_card

    chosen = chosen_weights(weights, method)
    if listing or remove:
        from ganprint.weights import find

        card = read_card(find(chosen))
        check_method(method, card)
        if remove:
            if name is None:
                raise UsageError("No source was named.", "ganprint enroll NAME --remove")
            remove_gallery(name, card)
            typer.echo(f"{printable(name)} is forgotten.")
            return
        _print(list_galleries(card), card, as_json)
        return
    if name is None or not folder:
        raise UsageError("A name and images are needed.", "ganprint enroll NAME FOLDER")
    from ganprint.forensics.judges import load_judge

    device = chosen_device(device, threads)
    judge = load_judge(chosen, device=device, enrolled=False)
    check_method(method, judge.card)
    gallery, failures = _enrol(name, folder, recursive, judge, false_alarm, force)
    _print([gallery], judge.card, as_json)
    for doubt in overlaps(gallery, list_galleries(judge.card), judge.known):
        typer.echo(f"ganprint: {doubt}", err=True)
    for message in failures:
        typer.echo(f"ganprint: {message}", err=True)
    if failures:
        raise typer.Exit(1)


def _enrol(
    name: str, folders: list[str], recursive: bool, judge: "Judge", false_alarm: float, force: bool
) -> "tuple[Gallery, list[str]]":
    from ganprint.errors import ImageError
    from ganprint.forensics.gallery import enrol, save_gallery
    from ganprint.images import find_images, read_image
    from ganprint.images.views import crop_views

    found, failures = {}, []
    with progress_bar() as bar:
        for path in bar.track(list(find_images(folders, recursive=recursive)), description="images"):
            try:
                if isinstance(path, ImageError):
                    raise path
                image = read_image(path)
            except ImageError as error:
                failures.append(error.message)
                continue
            # A file that is there twice is one image.
            if image.sha256 not in found:
                (found[image.sha256],) = judge.answer([crop_views(image.pixels, judge.card.view)])
    gallery = enrol(name, found, judge.card, judge.known, false_alarm=false_alarm)
    save_gallery(gallery, judge.card, force=force)
    return gallery, failures


def _print(galleries: "list[Gallery]", card: "Card", as_json: bool) -> None:
    from rich.table import Table

    from ganprint.images import printable

    if as_json:
        for gallery in galleries:
            echo_json(gallery.record.model_dump(mode="json"))
        return
    if not galleries:
        console().print(f"Nothing is enrolled for {card.name}.")
        return
    table = Table(
        "source", "images", "found by the others", "taken for it", title=f"Enrolled for {card.name}"
    )
    for gallery in galleries:
        record = gallery.record
        share = record.found
        found = f"{share.value:.0%} ({share.low:.0%} to {share.high:.0%})"
        table.add_row(
            printable(record.name),
            str(len(record.images)),
            found,
            f"{record.false_alarm:.1%} of known images",
        )
    console().print(table)
