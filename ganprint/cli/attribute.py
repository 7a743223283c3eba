"""`ganprint attribute`: the verdict on images."""

import atexit
import shutil
import sys
from contextlib import nullcontext
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Annotated

import typer
from typer import Argument, Option

from ganprint.cli.console import command_line, complain, complain_once, console, note, note_unsearched, progress_bar
from ganprint.cli.option_groups import Given, grouped
from ganprint.cli.options import (
    BatchSize,
    Csv,
    Device,
    Enrolled,
    Force,
    Json,
    ManyMethods,
    ManyWeights,
    Recursive,
    Threads,
    check_formats,
)
from ganprint.errors import UsageError

if TYPE_CHECKING:
    from ganprint.api.attribution import Attribution
    from ganprint.cli.verdicts import Writer
    from ganprint.forensics.ensemble import Ensemble

FAILED_ON = 4
"""Exit status where --fail-on met the verdict it names."""


@grouped
def attribute(
    given: Given,
    inputs: Annotated[
        list[str] | None, Argument(help="images, folders, archives, URLs, quoted patterns, or - for one image on stdin")
    ] = None,
    files_from: Annotated[
        Path | None,
        Option(
            help="a file that lists images: one path a line, - for such a list on stdin, or a manifest that ends in "
            ".csv or .parquet"
        ),
    ] = None,
    recursive: Recursive = False,
    method: ManyMethods = None,
    weights: ManyWeights = None,
    stability: Annotated[
        bool, Option("--stability", help="also answer after mild recompression, resizing and cropping")
    ] = False,
    metadata: Annotated[bool, Option("--metadata", help="also print the file's metadata")] = False,
    enrolled: Enrolled = True,
    report: Annotated[
        Path | None, Option(help="write a self-contained HTML report to this file, and its record beside it as JSON")
    ] = None,
    maps: Annotated[bool, Option("--maps/--no-maps", help="with --report: add maps of the evidence")] = True,
    out: Annotated[
        Path | None,
        Option(
            help="write verdicts to this file: .jsonl (a JSON object a line), .csv or .parquet; with --json or --csv "
            "the name can have any ending"
        ),
    ] = None,
    resume: Annotated[
        bool, Option("--resume", help="with --out: continue after the last whole line of the file")
    ] = False,
    device: Device = "auto",
    threads: Threads = None,
    batch_size: BatchSize = 32,
    workers: Annotated[
        int | None,
        Option(
            min=0,
            help="processes that read images and, on a CPU, answer for them (threads where none can be forked); "
            "one for each processor if left out, 0: none; each computes with one thread unless --threads is given",
        ),
    ] = None,
    max_pixels: Annotated[int | None, Option(min=1, help="refuse images with more pixels than this")] = None,
    fail_on: Annotated[
        str | None,
        Option(
            help="exit 4 at this verdict: synthetic (any), real, synthetic-unknown, inconclusive, a family or a source"
        ),
    ] = None,
    verbose: Annotated[bool, Option("--verbose", "-v", help="print all details of the answer")] = False,
    force: Force = False,
    as_json: Json = False,
    as_csv: Csv = False,
) -> None:
    """Tell for each image whether it is real or synthetic, and which generator architecture made it.

    Example: ganprint attribute photo.jpg -v

    With several methods (--method a,b or all) it prints the answer of each and one fused answer. Exit status: 0 all
    answered, 1 some images failed (each is named, the rest is answered), 2 usage, 3 no usable weights, 4 a verdict that
    --fail-on names, even if some images failed.
    """
    from ganprint.api.attribution import attribute as examine
    from ganprint.api.attribution import possible_verdicts

    check_formats(as_json, as_csv)
    if not inputs and files_from is None:
        raise UsageError("No image was named.", "ganprint attribute IMAGE, or --files-from LIST.")
    inputs = inputs or []
    if inputs.count("-") > 1:
        raise UsageError("Standard input is one image, but - was named more than once.", "Name - once.")
    if str(files_from) == "-":
        files_from = _list_on_stdin(inputs)
    if fail_on is not None:
        possible = possible_verdicts(method, weights, enrolled=enrolled)
        if fail_on not in possible:
            raise UsageError(f"No verdict can be {fail_on!r}.", f"Verdicts: {', '.join(possible)}.")
    if not (out or report or as_json or as_csv):
        _stop_at_absent(inputs, files_from, recursive, method, weights)
    options = given.but("inputs", "files_from", "fail_on", "verbose")
    verdicts = examine(inputs, files_from=files_from, **options, command=command_line(), say=complain)
    writer = None if out else _writer(verdicts.ensemble, weights, as_json, as_csv, verbose or stability or metadata)
    total = _count(verdicts, inputs, files_from) if out or report else None
    try:
        failures, matches = _write(verdicts, writer, fail_on, total)
    except KeyboardInterrupt:
        complain(f"interrupted{_left_by_interruption(out, report)}.")
        raise typer.Exit(130) from None
    before = verdicts.before
    if before:
        note(f"{before.total()} images were answered before, {before[None]} of them without a verdict.")
        if before[None]:
            note("To examine those again, name them with another --out, or start again with --force.")
        failures += before[None]
        matches += sum(count for name, count in before.items() if _matches(name, fail_on))
    if writer is not None:
        writer.close()
    note_unsearched(inputs, recursive)
    if report is not None:
        note(f"report: {report}")
    if out is not None:
        typer.echo(str(out))
    if matches:
        raise typer.Exit(FAILED_ON)
    if failures:
        raise typer.Exit(1)


def _write(verdicts: "Attribution", writer: "Writer | None", fail_on: str | None, total: int | None) -> tuple[int, int]:
    """Print verdicts, show a bar where `total` is known; return how many failed and how many --fail-on names."""
    failures = matches = 0
    hints = set[str]()
    # A bar beside what is printed on the same terminal would cross it out.
    drawn = total is not None and (writer is None or not sys.stdout.isatty())
    with progress_bar() if drawn else nullcontext() as bar:
        task = None if bar is None else bar.add_task("images", total=total)
        for verdict in verdicts:
            if writer is not None:
                writer.write(verdict)
            if bar is not None and task is not None:
                bar.advance(task)
            if verdict.error is not None:
                complain_once(verdict.error.message, verdict.error.hint, hints)
                failures += 1
            matches += _matches(verdict.verdict, fail_on)
    return failures, matches


def _left_by_interruption(out: Path | None, report: Path | None) -> str:
    if report is not None:
        return "; no report was written"
    return "" if out is None else "; the answers so far are kept. Rerun the command with --resume to continue"


def _list_on_stdin(inputs: list[str]) -> Path:
    """Return a copy of the list on stdin, as lists are read more than once; it is gone when the process ends."""
    if "-" in inputs:
        raise UsageError("Standard input cannot be an image and a list.", "Write the list to a file.")
    folder = Path(mkdtemp(prefix="ganprint-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    copy = folder / "standard-input"
    with copy.open("wb") as file:
        shutil.copyfileobj(sys.stdin.buffer, file)
    return copy


def _stop_at_absent(
    inputs: list[str], files_from: Path | None, recursive: bool, method: str | None, weights: str | None
) -> None:
    """End with the sentences of what was named, where nothing of it is there, before torch is imported."""
    from ganprint.api.choices import chosen_members
    from ganprint.api.image_inputs import Inputs, all_absent

    if files_from is not None and files_from.exists():
        return
    errors = all_absent(Inputs(inputs, recursive, files_from).named())
    if not errors:
        return
    chosen_members(method, weights)
    for error in errors[:-1]:
        complain(error.message)
    raise errors[-1]


def _writer(ensemble: "Ensemble", weights: str | None, as_json: bool, as_csv: bool, verbose: bool) -> "Writer":
    from ganprint.api.choices import parts_of
    from ganprint.cli.verdicts import CsvWriter, JsonWriter, TextWriter

    if as_json:
        return JsonWriter()
    return CsvWriter(ensemble.sources) if as_csv else TextWriter(ensemble, parts_of(weights or ""), verbose=verbose)


def _count(verdicts: "Attribution", inputs: list[str], files_from: Path | None) -> int | None:
    """Return how many images there are, None where there is no bar to count, or counting would use them up."""
    if not console(stderr=True).is_terminal or "-" in inputs or (files_from is not None and not files_from.is_file()):
        return None
    return verdicts.count()


def _matches(verdict: str | None, fail_on: str | None) -> bool:
    from ganprint.calibration.decision import is_synthetic

    if fail_on == "synthetic":
        return is_synthetic(verdict)
    return fail_on is not None and verdict == fail_on
