"""`ganprint attribute`: the verdict on images."""

import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ganprint.cli.console import command_line, console, note, progress_bar
from ganprint.cli.options import (
    BatchSize,
    Csv,
    Device,
    Enrolled,
    Force,
    Json,
    ManyMethods,
    ManyWeights,
    Threads,
    check_formats,
    check_output,
    chosen_device,
    load_bench,
)
from ganprint.cli.outputs import refuse_own_inputs
from ganprint.cli.verdicts import CsvWriter, JsonWriter, TextWriter, Writer, csv_header, csv_row

if TYPE_CHECKING:
    from ganprint.errors import GanprintError
    from ganprint.forensics.bench import Bench
    from ganprint.forensics.journal import Journal
    from ganprint.forensics.verdict import Verdict
    from ganprint.images import ImageFile

FAILED_ON = 4
"""Exit status where --fail-on met the verdict it names."""
MOST_REPORTED = 1000
"""Images of a report, which is one page, and held in memory."""


def attribute(
    inputs: Annotated[
        list[str] | None, typer.Argument(help="images, folders, quoted patterns, or - for one image on stdin")
    ] = None,
    files_from: Annotated[Path | None, typer.Option(help="a file that lists images, one path a line")] = None,
    recursive: Annotated[bool, typer.Option("--recursive", "-r", help="search folders in folders")] = False,
    method: ManyMethods = None,
    weights: ManyWeights = None,
    stability: Annotated[
        bool, typer.Option("--stability", help="ask again after mild recompression, resizing and cropping")
    ] = False,
    metadata: Annotated[
        bool, typer.Option("--metadata", help="also show what the file states beside its pixels")
    ] = False,
    enrolled: Enrolled = True,
    report: Annotated[
        Path | None,
        typer.Option(help="write a report of the case: this HTML file, and its record beside it as JSON"),
    ] = None,
    maps: Annotated[
        bool, typer.Option("--maps/--no-maps", help="with --report: pictures of what the answer rests on")
    ] = True,
    out: Annotated[
        Path | None,
        typer.Option(
            help="write verdicts to this file: a JSON object a line, CSV with --csv, or Parquet if it ends in .parquet"
        ),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="with --out: go on where the file ends, whatever ended it")
    ] = False,
    device: Device = "auto",
    threads: Threads = None,
    batch_size: BatchSize = 32,
    max_pixels: Annotated[
        int | None, typer.Option(min=1, help="refuse images with more pixels than this")
    ] = None,
    fail_on: Annotated[
        str | None,
        typer.Option(
            help="exit 4 at this verdict: synthetic (any), real, synthetic-unknown, inconclusive, a family or a source"
        ),
    ] = None,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="print all that the answer is made of")
    ] = False,
    force: Force = False,
    as_json: Json = False,
    as_csv: Csv = False,
) -> None:
    """Tell for each image whether it is real or synthetic, and which generator architecture made it.

    Example: ganprint attribute photo.jpg -v

    Several methods, --method a,b or all, are shown each and fused into one answer. Exit status: 0 all answered, 1 some
    images failed (each is named, the rest answered), 2 usage, 3 no usable weights, 4 a verdict that --fail-on names,
    whether or not others failed.
    """
    from ganprint.errors import UsageError

    check_formats(as_json, as_csv)
    if not inputs and files_from is None:
        raise UsageError("No image was named.", "ganprint attribute IMAGE, or --files-from LIST.")
    if resume and out is None:
        raise UsageError("Only a file of verdicts can be gone on from.", "Name it with --out.")
    if report is not None and out is not None:
        raise UsageError("A report is not written in lines.", "Leave out --out, or --report.")
    if as_csv and out is not None and out.suffix.lower() == ".parquet":
        raise UsageError(f"{out} is not CSV by its name.", "Leave out --csv, or name another file.")
    _check_report(report, force)
    if out is not None and not resume:
        check_output(out, force=force, hint="Continue with --resume, or start again with --force.")
    record = report.with_suffix(".json") if report is not None else None
    refuse_own_inputs([out, report, record], inputs or [], recursive=recursive, files_from=files_from)
    device = chosen_device(device, threads)
    # Here, as torch takes seconds to import: what is wrong with the options is said before.
    from ganprint.forensics.verdict_stream import stream_verdicts

    bench = load_bench(method, weights, device=device, enrolled=enrolled, stability=stability)
    possible = ["synthetic", "synthetic-unknown", "inconclusive", *bench.families, *bench.sources]
    if len(bench.judges) == 1:
        possible += [gallery.name for gallery in bench.judges[0].galleries]
    if fail_on is not None and fail_on not in possible:
        raise UsageError(f"No verdict can be {fail_on!r}.", f"Verdicts: {', '.join(possible)}.")
    failures = matches = 0
    with ExitStack() as stack:
        journal = stack.enter_context(_journal(out, bench, as_csv, resume, force)) if out else None
        case = _Case(bench, maps, device) if report else None
        quiet = journal is not None or case is not None
        # A bar beside what is printed would cross it out.
        bar = stack.enter_context(progress_bar()) if quiet else None
        task = bar.add_task("images", total=_count(inputs or [], files_from, recursive)) if bar else None
        writer: Writer | None = None
        if not quiet:
            writer = (
                JsonWriter()
                if as_json
                else CsvWriter(bench.sources)
                if as_csv
                else TextWriter(bench, verbose=verbose or stability or metadata)
            )
        named = _named(inputs or [], files_from, recursive)
        images = _read(named, journal, max_pixels, metadata or report is not None, case)
        for verdict in stream_verdicts(images, bench, batch_size=batch_size):
            for each in (journal, writer, case):
                if each is not None:
                    each.write(verdict)
            if bar is not None and task is not None:
                bar.advance(task)
            if verdict.error is not None:
                typer.echo(f"ganprint: {verdict.error.message}", err=True)
                failures += 1
            matches += _matches(verdict.verdict, fail_on)
        if journal is not None and journal.verdicts:
            before = journal.verdicts
            note(f"{before.total()} images were answered before, {before[None]} of them without a verdict.")
            failures += before[None]
            matches += sum(count for name, count in before.items() if _matches(name, fail_on))
    if case is not None and report is not None:
        case.save(report, max_pixels, force=force)
        typer.echo(str(report))
    elif out is not None:
        typer.echo(str(out))
    elif writer is not None:
        writer.close()
    if matches:
        raise typer.Exit(FAILED_ON)
    if failures:
        raise typer.Exit(1)


def _check_report(report: Path | None, force: bool) -> None:
    from ganprint.errors import UsageError

    if report is None:
        return
    if report.suffix.lower() not in (".html", ".htm"):
        raise UsageError(
            f"{report} is no HTML file by its name.", "End it with .html; the record goes beside it."
        )
    check_output(report, force=force)
    check_output(report.with_suffix(".json"), force=force)


def _journal(out: Path, bench: "Bench", as_csv: bool, resume: bool, force: bool) -> "Journal":
    from ganprint.forensics.journal import Journal, csv_key, csv_line, json_key, json_line
    from ganprint.forensics.verdict_table import VerdictTable, is_table
    from ganprint.images.formats import cell

    digest = bench.sha256
    if not as_csv:
        opening = '{"schema_version": '
        table = VerdictTable(bench.sources) if is_table(out) else None
        return Journal(
            out, json_line, json_key, by=digest, opening=opening, table=table, resume=resume, force=force
        )
    header = csv_line(csv_header(bench.sources))
    return Journal(
        out,
        lambda verdict: csv_line(csv_row(verdict, bench.sources)),
        csv_key,
        shown=cell,
        by=digest,
        opening=header,
        header=header,
        resume=resume,
        force=force,
    )


class _Case:
    """What a report is made of, gathered while images go by."""

    def __init__(self, bench: "Bench", maps: bool, device: str) -> None:
        from ganprint.reporting.report import Exhibits

        self.bench, self.exhibits = bench, Exhibits(bench, maps=maps)
        self.device = device
        self.verdicts: list[Verdict] = []

    def see(self, image: "ImageFile") -> None:
        self.exhibits.see(image)

    def write(self, verdict: "Verdict") -> None:
        from ganprint.errors import UsageError

        if len(self.verdicts) == MOST_REPORTED:
            raise UsageError(
                f"A report is for a case, of {MOST_REPORTED} images at most.",
                "Answer for more with --out, and report on those that matter.",
            )
        self.verdicts.append(verdict)

    def save(self, report: Path, max_pixels: int | None, *, force: bool) -> None:
        from ganprint.forensics.record import make_record, save_record
        from ganprint.reporting.report import write_report

        record = make_record(
            self.bench,
            self.verdicts,
            command_line(),
            device=self.device,
            max_pixels=max_pixels,
            folder=report.parent,
        )
        save_record(record, report.with_suffix(".json"), force=force)
        write_report(record, self.exhibits, report, force=force)


def _named(
    inputs: list[str], files_from: Path | None, recursive: bool
) -> "Iterator[tuple[str, Path | str | GanprintError | None]]":
    """Yield each image's name and path, None for the one on standard input, or why it is none."""
    from ganprint.errors import ImageError
    from ganprint.images import find_images

    asked: list[tuple[str, list[str], Path | None]] = [(name, [name], None) for name in inputs]
    if files_from is not None:
        asked.append((str(files_from), [], files_from))
    for name, named, listed in asked:
        if name == "-" and listed is None:
            yield "-", None
            continue
        for found in find_images(named, recursive=recursive, files_from=listed):
            yield (name, found) if isinstance(found, ImageError) else (str(found), found)


def _count(inputs: list[str], files_from: Path | None, recursive: bool) -> int | None:
    """Return how many images there are, None where there is no bar to count, or counting would use them up."""
    if (
        not console(stderr=True).is_terminal
        or "-" in inputs
        or (files_from is not None and not files_from.is_file())
    ):
        return None
    return sum(1 for _ in _named(inputs, files_from, recursive))


def _read(
    named: "Iterator[tuple[str, Path | str | GanprintError | None]]",
    journal: "Journal | None",
    max_pixels: int | None,
    metadata: bool,
    case: _Case | None,
) -> "Iterator[tuple[str, ImageFile | GanprintError]]":
    """Yield each image with its pixels, or with what keeps it from being read; those that are done are left out."""
    from ganprint.errors import GanprintError, ImageError
    from ganprint.images import DEFAULT_MAX_PIXELS
    from ganprint.provenance.stated import read_stated

    limit = max_pixels or DEFAULT_MAX_PIXELS
    for name, found in named:
        if journal is not None and journal.is_done(name):
            continue
        if isinstance(found, GanprintError):
            yield name, found
            continue
        source = sys.stdin.buffer if found is None else found
        try:
            image = read_stated(source, name=name, max_pixels=limit, metadata=metadata)
        except ImageError as error:
            yield name, error
            continue
        if case is not None:
            case.see(image)
        yield name, image


def _matches(verdict: str | None, fail_on: str | None) -> bool:
    from ganprint.calibration.decision import is_synthetic

    if fail_on == "synthetic":
        return is_synthetic(verdict)
    return fail_on is not None and verdict == fail_on
