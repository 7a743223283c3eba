"""`ganprint perturb`: write corrupted copies of images."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ganprint.cli.console import echo_json
from ganprint.cli.options import Force, Json, Seed

if TYPE_CHECKING:
    from ganprint.errors import ImageError
    from ganprint.perturbation import DrawnSharing, Engine, Perturbation, Policy, Sharing

FORMATS = {
    ".png": "PNG",
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".webp": "WEBP",
    ".bmp": "BMP",
    ".tif": "TIFF",
    ".tiff": "TIFF",
}
"""Pillow's names of the formats that are written, by the ends of file names."""


def perturb(
    inputs: Annotated[list[str], typer.Argument(help="images, folders or quoted patterns", metavar="IN")],
    out: Annotated[
        Path,
        typer.Argument(
            help="folder for PNG files, or for one image a file: .png, .jpg, .webp, .bmp or .tif",
            metavar="OUT",
        ),
    ],
    corruption: Annotated[
        str | None,
        typer.Option(
            help="one of the 19 corruptions of ImageNet-C, or random_noise, random_blur, random_crop, random_jpeg, "
            "relighting or combination"
        ),
    ] = None,
    severity: Annotated[int | None, typer.Option(help="1 to 5; drawn for each image if left out")] = None,
    policy: Annotated[
        str | None,
        typer.Option(
            help="train, test-seen, test-unseen, immunise, none, a corruption as snow:3, or a post-processing chain as "
            "share:resize=0.5+jpeg=80"
        ),
    ] = None,
    engine: Annotated[
        str, typer.Option(help="implementation: torch, or imagecorruptions, the reference")
    ] = "torch",
    at: Annotated[
        int | None,
        typer.Option(
            max=4096, help="resize to this side, corrupt and resize back; the published protocol has 224"
        ),
    ] = None,
    seed: Seed = 0,
    recursive: Annotated[bool, typer.Option("--recursive", "-r", help="search folders in folders")] = False,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Write perturbed copies of images.

    The seed and the position of an output in order of name determine its perturbation. JPEG files are written with
    quality 95, WebP files without loss. Exit status: 0 all written, 1 some images failed (each is named, the rest is
    written), 2 usage.

    Example: ganprint perturb in/ out/ --corruption jpeg_compression --severity 3
    """
    from ganprint.errors import UsageError
    from ganprint.perturbation import Policy

    chosen = _policy(corruption, severity, policy)
    if not isinstance(chosen, Policy) and (at or engine != "torch"):
        raise UsageError("--at and --engine do not apply to a post-processing chain.", "Leave them out.")
    outputs, failures = _plan(inputs, out, recursive)
    _check_outputs(outputs, force)
    for error in failures:
        _complain(error)
    failed = len(failures)
    for index, (output, source) in enumerate(sorted(outputs.items())):
        drawn = chosen.draw(seed, index)
        problem = _perturb_file(source, output, drawn, engine, at)
        if problem is not None:
            failed += 1
            _complain(problem)
        else:
            _report(source, output, drawn, as_json)
    if failed:
        raise typer.Exit(1)


def _policy(
    corruption: str | None, severity: int | None, policy: str | None
) -> "Policy | Sharing | DrawnSharing":
    from ganprint.errors import UsageError
    from ganprint.perturbation import CORRUPTIONS, Attack, parse_policy, parse_treatment
    from ganprint.perturbation.kinds import check_kind

    if (corruption is None) == (policy is None):
        raise UsageError("Name either --corruption or --policy.", f"Corruptions: {', '.join(CORRUPTIONS)}.")
    if corruption is None:
        if severity is not None:
            raise UsageError(
                "--severity needs --corruption.", "A policy has it in its name: --policy jpeg_compression:3"
            )
        treatment = parse_treatment(str(policy))
        if isinstance(treatment, Attack):
            raise UsageError(
                "perturb has no weights to attack.",
                "ganprint compare --adversarial attacks weights.",
            )
        return treatment
    check_kind(corruption)
    return parse_policy(corruption if severity is None else f"{corruption}:{severity}")


def _plan(inputs: list[str], out: Path, recursive: bool) -> "tuple[dict[Path, Path | str], list[ImageError]]":
    """Return each output with its source, and what could not be found or would be written twice."""
    from ganprint.errors import ImageError
    from ganprint.images import find_images, printable
    from ganprint.remote import name_in

    outputs: dict[Path, Path | str] = {}
    failures: list[ImageError] = []
    alone = (
        len(inputs) == 1
        and not Path(inputs[0]).is_dir()
        and out.suffix.lower() in FORMATS
        and not out.is_dir()
    )
    for text in inputs:
        for found in find_images([text], recursive=recursive):
            if isinstance(found, ImageError):
                failures.append(found)
                continue
            if isinstance(found, Path) and Path(text).is_dir():
                inside = found.relative_to(text)
            else:
                inside = Path(Path(name_in(found)).name)
            output = out if alone else out / inside.with_suffix(".png")
            if output in outputs:
                failures.append(
                    ImageError(
                        f"{printable(str(found))} and {printable(str(outputs[output]))} would both be written"
                        f" to {printable(str(output))}.",
                        "Rename one of them.",
                    )
                )
            else:
                outputs[output] = found
    return outputs, failures


def _check_outputs(outputs: dict[Path, Path | str], force: bool) -> None:
    from ganprint.errors import OutputExistsError
    from ganprint.images import printable

    sources = {source.resolve() for source in outputs.values() if isinstance(source, Path)}
    for output in outputs:
        if output.resolve() in sources:
            raise OutputExistsError(
                f"{printable(str(output))} is itself an input.", "Write the copies to another folder."
            )
        if output.exists() and not force:
            raise OutputExistsError(
                f"{printable(str(output))} already exists.",
                "Add --force to overwrite, or name another OUT.",
            )


def _perturb_file(
    source: Path | str, output: Path, drawn: "Perturbation | Sharing", engine: str, at: int | None
) -> "ImageError | None":
    """Write one perturbed image; return what kept it from being read or written."""
    from typing import cast

    import torch
    from PIL import Image

    from ganprint.errors import ImageError, ImageUnreadableError
    from ganprint.files import atomic_file
    from ganprint.images import printable, read_image
    from ganprint.perturbation import Sharing
    from ganprint.perturbation import perturb as perturb_images

    try:
        pixels = read_image(source, min_side=1).pixels
    except ImageError as error:
        return error
    images = torch.from_numpy(pixels).permute(2, 0, 1)[None].contiguous()
    del pixels
    if isinstance(drawn, Sharing):
        try:
            corrupted = drawn.apply(images[0])
        except ImageError as error:
            return type(error)(f"{printable(str(source))}: {error.message}", error.hint)
    else:
        corrupted = perturb_images(images, [drawn], engine=cast("Engine", engine), at=at)[0]
    try:
        with atomic_file(output) as file:
            Image.fromarray(corrupted.permute(1, 2, 0).contiguous().numpy()).save(
                file, FORMATS[output.suffix.lower()], quality=95, lossless=True
            )
    except OSError as error:
        return ImageUnreadableError(
            f"{printable(str(output))} cannot be written: {error.strerror}.", "Name another OUT."
        )
    return None


def _report(source: Path | str, output: Path, drawn: "Perturbation | Sharing", as_json: bool) -> None:
    from ganprint.images import printable
    from ganprint.perturbation import Sharing

    if as_json:
        done = {"shared": str(drawn)} if isinstance(drawn, Sharing) else asdict(drawn)
        echo_json({"path": str(source), "output": str(output), **done})
        return
    if isinstance(drawn, Sharing):
        what = str(drawn)
    else:
        what = f"{drawn.kind} {drawn.severity}" if drawn.kind else "unchanged"
    typer.echo(f"{printable(str(source))} -> {printable(str(output))}: {what}")


def _complain(error: "ImageError") -> None:
    typer.echo(f"ganprint: {error.message}", err=True)
