"""`ganprint perturb`: write corrupted copies of images."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from typer import Argument, Option

from ganprint.cli.console import complain_once, echo_json, note_unsearched
from ganprint.cli.option_groups import Given, grouped
from ganprint.cli.options import Engine, Force, Json, Recursive, Seed
from ganprint.errors import ImageError
from ganprint.plain_text import printable

if TYPE_CHECKING:
    from ganprint.api.perturbed_copies import Copy


@grouped
def perturb(
    given: Given,
    inputs: Annotated[list[str], Argument(help="images, folders or quoted patterns", metavar="IN")],
    out: Annotated[
        Path,
        Argument(help="folder for PNG files, or for one image a file: .png, .jpg, .webp, .bmp or .tif", metavar="OUT"),
    ],
    corruption: Annotated[
        str | None,
        Option(
            help="one of the 19 corruptions of ImageNet-C, or random_noise, random_blur, random_crop, random_jpeg, "
            "relighting or combination"
        ),
    ] = None,
    severity: Annotated[int | None, Option(help="1 to 5; drawn for each image if left out")] = None,
    policy: Annotated[
        str | None,
        Option(
            help="train, test-seen, test-unseen, immunise, none, a corruption as snow:3, or a post-processing chain as "
            "share:resize=0.5+jpeg=80"
        ),
    ] = None,
    engine: Engine = "torch",
    at: Annotated[
        int | None,
        Option(max=4096, help="resize to this side, corrupt and resize back; the published protocol has 224"),
    ] = None,
    seed: Seed = 0,
    recursive: Recursive = False,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Write perturbed copies of images.

    The seed and the position of the output file in order of name determine the perturbation. JPEG files are written
    with quality 95, WebP files without loss. Exit status: 0 all written, 1 some images failed (each is named, the rest
    is written), 2 usage.

    Example: ganprint perturb in/ out/ --corruption jpeg_compression --severity 3
    """
    from ganprint.api.perturbed_copies import perturb_files

    note_unsearched(inputs, recursive)
    failed, hints = 0, set[str]()
    for copy in perturb_files(**given.but("as_json")):
        error = copy if isinstance(copy, ImageError) else copy.error
        if error is not None:
            failed += 1
            complain_once(error.message, error.hint, hints)
        elif not isinstance(copy, ImageError):
            _report(copy, as_json)
    if failed:
        raise typer.Exit(1)


def _report(copy: "Copy", as_json: bool) -> None:
    done = copy.facts
    if as_json:
        echo_json({"path": str(copy.source), "output": str(copy.output), **done})
        return
    what = done.get("shared") or (f"{done['kind']} {done['severity']}" if done["kind"] else "unchanged")
    typer.echo(f"{printable(str(copy.source))} -> {printable(str(copy.output))}: {what}")
