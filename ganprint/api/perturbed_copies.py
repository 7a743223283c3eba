"""Perturb images: the workflow of `ganprint perturb`."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypedDict, Unpack, cast, overload

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ganprint.api.image_inputs import ImageInput, Inputs, Source, is_one, is_pixels
from ganprint.api.outputs import check_folder
from ganprint.errors import ImageError, ImageUnreadableError, OutputExistsError, UsageError
from ganprint.files import atomic_file
from ganprint.images import find_images, read_image
from ganprint.images.formats import promised_format
from ganprint.images.memory import from_memory
from ganprint.perturbation import Attack, Chain, DrawnChain, Perturbation, Policy, parse_any_policy, parse_policy
from ganprint.perturbation.kinds import CORRUPTIONS, check_kind, check_severity
from ganprint.plain_text import printable
from ganprint.remote import name_in

if TYPE_CHECKING:
    from ganprint.perturbation import Engine

Pixels = NDArray[np.uint8]
FORMATS = {
    ".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP", ".bmp": "BMP", ".tif": "TIFF", ".tiff": "TIFF",
}  # fmt: skip
"""Pillow's names of the formats that are written, by the ends of file names."""


class _Options(TypedDict, total=False):
    corruption: str | None
    severity: int | None
    policy: str | None
    engine: Literal["torch", "imagecorruptions"]
    at: int | None
    seed: int


@overload
def perturb(images: ImageInput, **options: Unpack[_Options]) -> Pixels: ...  # type: ignore[overload-overlap]
@overload
def perturb(images: Iterable[ImageInput], **options: Unpack[_Options]) -> list[Pixels]: ...
def perturb(
    images: Any,
    *,
    corruption: str | None = None,
    severity: int | None = None,
    policy: str | None = None,
    engine: Literal["torch", "imagecorruptions"] = "torch",
    at: int | None = None,
    seed: int = 0,
) -> Any:
    """Return perturbed pixels, uint8 (H, W, 3): an array for one image, a list for several.

    Images are as for `ganprint.attribute`, the other arguments the options of `ganprint perturb`. What an image gets is
    fixed by the seed and its place in the list. Raises ImageError, and PerturbationError for a name or severity that
    there is not.
    """
    chosen = choose_policy(corruption, severity, policy, engine=engine, at=at)
    changed = []
    for index, (name, source) in enumerate(Inputs(images).named()):
        if isinstance(source, ImageError):
            raise source
        changed.append(_perturbed(source, name, chosen.draw(seed, index), engine, at))
    if not is_one(images):
        return changed
    if len(changed) != 1:
        raise UsageError(f"{images!s} is not one image.", "Give a list for several: [folder].")
    return changed[0]


@dataclass(frozen=True)
class Copy:
    """A file that was written, or why it was not: its source, where it lies, and what was done to it."""

    source: Path | str
    output: Path
    done: Perturbation | Chain
    error: ImageError | None = None

    @property
    def facts(self) -> dict[str, Any]:
        """What was done by name: of a chain its text as `shared`, else the fields of the perturbation."""
        return {"shared": str(self.done)} if isinstance(self.done, Chain) else asdict(self.done)


def perturb_files(
    inputs: Sequence[str],
    out: str | Path,
    *,
    corruption: str | None = None,
    severity: int | None = None,
    policy: str | None = None,
    engine: Literal["torch", "imagecorruptions"] = "torch",
    at: int | None = None,
    seed: int = 0,
    recursive: bool = False,
    force: bool = False,
) -> Iterator[Copy | ImageError]:
    """Write perturbed copies of files, folders and patterns to `out`, and yield each as it is written.

    Arguments are those of `ganprint perturb`. What could not be found is yielded as its ImageError. What an image
    gets is fixed by the seed and by its place among all outputs in order of name. Raises OutputExistsError, before
    anything is written, and UsageError.
    """
    chosen = choose_policy(corruption, severity, policy, engine=engine, at=at)
    check_folder(Path(out).parent)
    _check_format(Path(out))
    outputs, failures = _plan(inputs, Path(out), recursive)
    _check_outputs(outputs, force)

    def written() -> Iterator[Copy | ImageError]:
        yield from failures
        for index, (output, source) in enumerate(sorted(outputs.items())):
            drawn = chosen.draw(seed, index)
            try:
                _write(_perturbed(source, str(source), drawn, engine, at), output)
            except ImageError as error:
                yield Copy(source, output, drawn, error)
            else:
                yield Copy(source, output, drawn)

    return written()


def choose_policy(
    corruption: str | None, severity: int | None, policy: str | None, *, engine: str, at: int | None
) -> Policy | Chain | DrawnChain:
    """Return what is done to images by the names that were given; raise UsageError where those do not fit."""
    if (corruption is None) == (policy is None):
        raise UsageError("Name either --corruption or --policy.", f"Corruptions: {', '.join(CORRUPTIONS)}.")
    if corruption is not None:
        check_kind(corruption)
        if severity is not None:
            check_severity(severity)
        return parse_policy(corruption if severity is None else f"{corruption}:{severity}")
    if severity is not None:
        raise UsageError("--severity needs --corruption.", "A policy has it in its name: --policy jpeg_compression:3")
    parsed = parse_any_policy(str(policy))
    if isinstance(parsed, Attack):
        raise UsageError("perturb has no weights to attack.", "ganprint compare --adversarial attacks weights.")
    if not isinstance(parsed, Policy) and (at or engine != "torch"):
        raise UsageError("--at and --engine do not apply to a post-processing chain.", "Leave them out.")
    return parsed


def _read(source: Source, name: str) -> Pixels:
    if is_pixels(source):
        return from_memory(source, name, min_side=1).pixels
    return read_image(source, name=name, min_side=1).pixels


def _perturbed(source: Source, name: str, drawn: Perturbation | Chain, engine: str, at: int | None) -> Pixels:
    if isinstance(drawn, Chain):
        pixels = np.ascontiguousarray(_read(source, name))
        try:
            return drawn.apply_to(pixels)
        except ImageError as error:
            raise type(error)(f"{printable(name)}: {error.message}", error.hint) from error
    pixels = _read(source, name)
    # Torch takes seconds, and comes after what can fail without it.
    import torch

    from ganprint.images.views import whole_picture
    from ganprint.perturbation import perturb as perturb_images

    images = whole_picture(pixels)[None].contiguous()
    del pixels  # large images count
    changed = perturb_images(images, [drawn], engine=cast("Engine", engine), at=at)[0]
    return changed.to(torch.uint8).permute(1, 2, 0).contiguous().numpy()


def _write(pixels: Pixels, output: Path) -> None:
    try:
        with atomic_file(output) as file:
            Image.fromarray(pixels).save(file, FORMATS[output.suffix.lower()], quality=95, lossless=True)
    except (OSError, ValueError) as error:
        # Pillow says in an error without a number that a format takes no image so large.
        reason = getattr(error, "strerror", None) or error
        fault = f"{printable(str(output))} cannot be written: {reason}."
        raise ImageUnreadableError(fault, "Name another OUT.") from error


def _plan(inputs: Sequence[str], out: Path, recursive: bool) -> tuple[dict[Path, Path | str], list[ImageError]]:
    """Return each output with its source, and what could not be found or would be written twice."""
    outputs: dict[Path, Path | str] = {}
    failures: list[ImageError] = []
    alone = len(inputs) == 1 and not Path(inputs[0]).is_dir() and out.suffix.lower() in FORMATS and not out.is_dir()
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


def _check_format(out: Path) -> None:
    """Refuse a file of a format that is read and not written; a folder may be called as it likes."""
    if promised_format(str(out)) and out.suffix.lower() not in FORMATS and not out.is_dir():
        fault = f"{printable(str(out))} cannot be written: {out.suffix} is not a format of copies."
        raise UsageError(fault, f"Name a folder, or a file that ends in one of: {', '.join(FORMATS)}.")


def _check_outputs(outputs: dict[Path, Path | str], force: bool) -> None:
    sources = {source.resolve() for source in outputs.values() if isinstance(source, Path)}
    for output in outputs:
        if output.resolve() in sources:
            fault = f"{printable(str(output))} is itself an input."
            raise OutputExistsError(fault, "Write the copies to another folder.")
        if output.exists() and not force:
            fault = f"{printable(str(output))} already exists."
            raise OutputExistsError(fault, "Add --force to overwrite, or name another OUT.")
