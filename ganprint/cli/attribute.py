"""`ganprint attribute`: the verdict on images."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ganprint.cli.console import console, echo_csv, echo_json
from ganprint.cli.options import (
    BatchSize,
    Csv,
    Device,
    Json,
    Weights,
    check_device,
    check_formats,
    check_method,
    chosen_weights,
)

if TYPE_CHECKING:
    from ganprint.errors import GanprintError
    from ganprint.forensics.verdict import Verdict
    from ganprint.images import ImageFile
    from ganprint.weights import Card

FAILED_ON = 4
"""Exit status where --fail-on met the verdict it names."""


def attribute(
    inputs: Annotated[
        list[str] | None, typer.Argument(help="images, folders, quoted patterns, or - for one image on stdin")
    ] = None,
    files_from: Annotated[Path | None, typer.Option(help="a file that lists images, one path a line")] = None,
    recursive: Annotated[bool, typer.Option("--recursive", "-r", help="search folders in folders")] = False,
    method: Annotated[
        str | None, typer.Option(help="the method, as `ganprint methods` names it; repmix if left out")
    ] = None,
    weights: Weights = None,
    device: Device = "cpu",
    batch_size: BatchSize = 16,
    max_pixels: Annotated[
        int | None, typer.Option(min=1, help="refuse images with more pixels than this")
    ] = None,
    fail_on: Annotated[
        str | None, typer.Option(help="exit 4 where a verdict is this: synthetic, real, or a source")
    ] = None,
    as_json: Json = False,
    as_csv: Csv = False,
) -> None:
    """Tell for each image whether it is real or synthetic, and which generator architecture made it.

    Exit status: 0 all answered, 1 some images failed (each is named, the rest answered), 2 usage,
    3 no usable weights, 4 a verdict that --fail-on names.
    """
    from ganprint.errors import UsageError
    from ganprint.forensics.stream import stream_verdicts
    from ganprint.weights import load_attributor

    check_formats(as_json, as_csv)
    if not inputs and files_from is None:
        raise UsageError("No image was named.", "ganprint attribute IMAGE, or --files-from LIST.")
    check_device(device)
    attributor, card = load_attributor(chosen_weights(weights, method), device=device)
    check_method(method, card)
    if fail_on is not None and fail_on not in (*card.sources, "synthetic"):
        raise UsageError(
            f"No verdict can be {fail_on!r}.", f"Verdicts: synthetic, {', '.join(card.sources)}."
        )
    failures = matches = 0
    writer = _Json() if as_json else _Csv(card) if as_csv else _Text(card)
    images = _read(inputs or [], files_from, recursive, max_pixels)
    for verdict in stream_verdicts(images, attributor, card, batch_size=batch_size):
        writer.write(verdict)
        if verdict.error is not None:
            typer.echo(f"ganprint: {verdict.error.message}", err=True)
            failures += 1
        matches += _matches(verdict, fail_on)
    writer.close()
    if failures:
        raise typer.Exit(1)
    if matches:
        raise typer.Exit(FAILED_ON)


def _read(
    inputs: list[str], files_from: Path | None, recursive: bool, max_pixels: int | None
) -> Iterator["tuple[str, ImageFile | GanprintError]"]:
    """Yield each image's name with its pixels, or with what keeps it from being read."""
    from ganprint.errors import ImageError
    from ganprint.images import DEFAULT_MAX_PIXELS, find_images, read_image

    limit = max_pixels or DEFAULT_MAX_PIXELS
    if "-" in inputs:
        inputs = [name for name in inputs if name != "-"]
        try:
            yield "-", read_image(sys.stdin.buffer.read(), name="-", max_pixels=limit)
        except ImageError as error:
            yield "-", error
    asked: list[tuple[str, list[str], Path | None]] = [(name, [name], None) for name in inputs]
    if files_from is not None:
        asked.append((str(files_from), [], files_from))
    for name, named, listed in asked:
        for found in find_images(named, recursive=recursive, files_from=listed):
            if isinstance(found, ImageError):
                yield name, found
                continue
            try:
                yield str(found), read_image(found, max_pixels=limit)
            except ImageError as error:
                yield str(found), error


def _matches(verdict: "Verdict", fail_on: str | None) -> bool:
    if fail_on == "synthetic":
        return verdict.source is not None
    return fail_on is not None and verdict.verdict == fail_on


class _Json:
    """One JSON object a line."""

    def write(self, verdict: "Verdict") -> None:
        echo_json(verdict.model_dump())

    def close(self) -> None:
        return None


class _Csv:
    """A header and one row an image; a column for each source's probability."""

    def __init__(self, card: "Card") -> None:
        self.card = card
        probabilities = [f"p_{name}" for name in card.sources]
        answer = ("verdict", "synthetic_probability", "runner_up")
        echo_csv(["path", "sha256", *answer, *probabilities, "warnings", "error"])

    def write(self, verdict: "Verdict") -> None:
        shares = [verdict.probabilities.get(name) for name in self.card.sources]
        answer = (verdict.verdict, verdict.synthetic_probability, verdict.runner_up)
        error = verdict.error.message if verdict.error else None
        echo_csv([verdict.path, verdict.sha256, *answer, *shares, " ".join(verdict.warnings), error])

    def close(self) -> None:
        return None


class _Text:
    """A paragraph an image for a person, and once what the weights can know."""

    def __init__(self, card: "Card") -> None:
        self.card = card
        self.out = console()
        self.answered = 0

    def write(self, verdict: "Verdict") -> None:
        from rich.text import Text

        from ganprint.forensics.verdict import UNCALIBRATED
        from ganprint.images import printable

        if verdict.error is not None:
            return
        self.answered += 1
        shares = verdict.probabilities
        answer = f"synthetic, {verdict.source}" if verdict.source else "real"
        line = Text(f"{printable(verdict.path)}: ")
        line.append(answer, style="bold red" if verdict.source else "bold green")
        line.append(
            f"  {shares[verdict.verdict or '']:.1%}"
            f"  (synthetic {verdict.synthetic_probability:.1%}; "
            f"next {verdict.runner_up} {shares[verdict.runner_up or '']:.1%})"
        )
        self.out.print(line, soft_wrap=True)
        for warning in verdict.warnings:
            if warning != UNCALIBRATED:
                self.out.print(f"  ! {warning}", style="yellow", soft_wrap=True)

    def close(self) -> None:
        from ganprint.forensics.verdict import how_to_read

        if not self.answered:
            return
        digest = (self.card.sha256 or "")[:12]
        self.out.print(
            f"\nAnswered by {self.card.method} with the weights {self.card.name} ({digest}), which know "
            f"{', '.join(self.card.sources)}.",
            soft_wrap=True,
        )
        self.out.print(
            f"Anything else made by a generator is called one of these, or real. {how_to_read(self.card)}",
            soft_wrap=True,
        )
