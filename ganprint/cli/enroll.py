"""`ganprint enroll`: add a source from a few dozen images, without training."""

from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table
from typer import Argument, Option

from ganprint.cli.console import complain, console, counting, echo_json, end_with, note_unsearched
from ganprint.cli.option_groups import Given, grouped
from ganprint.cli.options import Device, Force, Json, OneMethod, Recursive, Threads, Weights, share
from ganprint.cli.tables import print_titled
from ganprint.errors import UsageError
from ganprint.plain_text import printable

if TYPE_CHECKING:
    from ganprint.forensics.gallery import Gallery
    from ganprint.weights import Card


@grouped
def enroll(
    given: Given,
    name: Annotated[str | None, Argument(help="name of the source")] = None,
    folder: Annotated[list[str] | None, Argument(help="its images, or folders of them")] = None,
    method: OneMethod = None,
    weights: Weights = None,
    false_alarm: Annotated[float, share(help="share of images of known sources that may be taken for this one")] = 0.01,
    recursive: Recursive = False,
    listing: Annotated[bool, Option("--list", help="list the sources enrolled for the weights")] = False,
    remove: Annotated[bool, Option("--remove", help="remove the source of this name")] = False,
    device: Device = "auto",
    threads: Threads = None,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Add a source from a few dozen images, without training; `attribute` then answers with it for similar images.

    The source is stored on this machine for these weights. The command leaves each image out in turn, and prints how
    many of them the others recognise. Use images of many subjects: images of one subject enrol the subject, too.

    Example: ganprint enroll my-model folder/
    """
    from ganprint.api.choices import chosen_card
    from ganprint.api.enrolment import enroll as add
    from ganprint.api.enrolment import enrolled_sources, remove_enrolled

    if remove:
        if name is None:
            raise UsageError("No source was named.", "ganprint enroll NAME --remove")
        remove_enrolled(name, method=method, weights=weights)
        typer.echo(f"{printable(name)} is removed.")
        return
    if listing:
        _print(enrolled_sources(method=method, weights=weights), chosen_card(weights, method), as_json)
        return
    if name is None or not folder:
        raise UsageError("A name and images are needed.", "ganprint enroll NAME FOLDER")
    with counting("images") as progress:
        options = given.but("folder", "listing", "remove", "as_json")
        found = add(images=folder, **options, progress=partial(progress, "images"))
    _print([found.gallery], found.card, as_json)
    note_unsearched(folder, recursive)
    for sentence in found.doubts:
        complain(sentence)
    end_with(found.failures)


def _print(galleries: "list[Gallery]", card: "Card", as_json: bool) -> None:
    if as_json:
        for gallery in galleries:
            echo_json(gallery.record.model_dump(mode="json"))
        return
    if not galleries:
        console().print(f"Nothing is enrolled for {card.name}.")
        return
    table = Table("source", "images", "found by the others", "taken for it")
    for gallery in galleries:
        record = gallery.record
        share = record.found
        found = f"{share.value:.0%} ({share.low:.0%} to {share.high:.0%})"
        table.add_row(
            printable(record.name), str(len(record.images)), found, f"{record.false_alarm:.1%} of known images"
        )
    print_titled(f"Enrolled for {card.name}", table)
