"""Attribute images: the workflow of `ganprint attribute`."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, nullcontext
from copy import copy
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import Literal, Self, TypeAlias

from ganprint import forked
from ganprint.api.case_report import MOST_REPORTED, CaseReport, check_report, check_size
from ganprint.api.choices import Names, chosen_members, load_ensemble
from ganprint.api.image_inputs import Images, Inputs, Source, read_source
from ganprint.api.outputs import check_output, refuse_own_inputs
from ganprint.devices import one_thread_each
from ganprint.errors import ImageError, UsageError, check_choice, check_count
from ganprint.forensics import verdict_stream
from ganprint.forensics.ensemble import Ensemble
from ganprint.forensics.gallery import list_galleries
from ganprint.forensics.journal import Journal, csv_format, json_format
from ganprint.forensics.verdict import Verdict
from ganprint.forensics.verdict_stream import Viewed, view_image
from ganprint.images import ImageFile
from ganprint.images.large import large_in_turn
from ganprint.ordered_map import available_threads, in_groups, ordered_map
from ganprint.weights import read_card

OnError = Literal["yield", "skip", "raise"]
Named: TypeAlias = tuple[str, Source | ImageError]
Answered: TypeAlias = "tuple[Verdict, ImageError | None]"
"""The verdict on an image, and what kept it from being read."""

ANSWERED_AT_ONCE = 4
"""Images that a CPU answers for together: of more a crop takes no less time, and at the end workers wait for the last.
With as many at any number of workers sums are rounded the same.
"""
FORKED_FROM = 16
"""Images from which workers are processes: a fork takes as long as an image or two."""

ENDINGS = (".jsonl", ".json", ".ndjson", ".csv", ".parquet", "")
"""How files of verdicts end: CSV and Parquet as they are called, the others a JSON object a line."""


def attribute(
    images: Images = (),
    *,
    files_from: str | Path | None = None,
    recursive: bool = False,
    method: str | None = None,
    weights: Names | None = None,
    stability: bool = False,
    metadata: bool = False,
    enrolled: bool = True,
    report: str | Path | None = None,
    maps: bool = True,
    out: str | Path | None = None,
    resume: bool = False,
    as_json: bool = False,
    as_csv: bool = False,
    device: str = "auto",
    threads: int | None = None,
    batch_size: int = 32,
    workers: int | None = None,
    max_pixels: int | None = None,
    force: bool = False,
    on_error: OnError = "yield",
    command: str = "ganprint.attribute",
    say: Callable[[str], None] = lambda sentence: None,
) -> "Attribution":
    """Return an iterator of the verdicts on images, in order; images are read as verdicts are taken.

    `workers` read images and, on a CPU, answer for them; one for each processor if left out, 0 being none. They are
    threads, or on Linux processes, if there are many image files and no other thread runs when this is called. Verdicts
    are the same at any number. `threads` are those of one computation: if left out one in each worker on a CPU, else as
    many as torch uses. `images` is one image or many: paths, folders, patterns, bytes of a file, Pillow images, uint8
    arrays (H, W, 3). The other arguments are the options of `ganprint attribute`. `out` and `report` are
    complete when all verdicts were taken; `command` is what a report says of how it was made, `say` gets sentences. An
    image that cannot be read gives a verdict whose `error` says why; with `on_error="skip"` none, with "raise" its
    ImageError ends the iteration. Raises UsageError, WeightsError and PluginError at once, as the command does.
    """
    check_count("batch_size", batch_size, least=1)
    check_count("workers", workers, least=0)
    check_choice("on_error", on_error, OnError)
    inputs = Inputs(images, recursive, None if files_from is None else Path(files_from))
    outputs = _Outputs(
        None if out is None else Path(out),
        None if report is None else Path(report),
        resume=resume,
        as_json=as_json,
        as_csv=as_csv,
        maps=maps,
        force=force,
        command=command,
    )
    outputs.check(inputs)
    # What imports torch, which takes seconds, comes after what can be refused without it.
    ensemble, device = load_ensemble(
        method, weights, device=device, threads=threads, enrolled=enrolled, stability=stability, say=say
    )
    workers = available_threads() if workers is None else workers
    # Asked before a bar draws itself in a thread.
    apart = device == "cpu" and workers > 1 and threads in (None, 1) and forked.can_fork()
    shown = metadata or report is not None
    reading = _Reading(shown, max_pixels, on_error, device, batch_size, workers, threads, apart)
    return Attribution(inputs, ensemble, outputs, reading)


def possible_verdicts(method: str | None, weights: Names | None, *, enrolled: bool = True) -> list[str]:
    """Return all that a verdict can be, and `synthetic`, by the cards of the weights that answer; this loads none.

    Raises WeightsError and PluginError as `attribute` does.
    """
    cards = [read_card(folder) for folder in chosen_members(method, weights)]
    names = ["synthetic", "synthetic-unknown", "inconclusive"]
    names += [family for card in cards for family in card.families.values()]
    names += [source for card in cards for source in card.sources]
    if enrolled and len(cards) == 1 and cards[0].judgement is not None:
        names += [gallery.name for gallery in list_galleries(cards[0])]
    return list(dict.fromkeys(names))


@dataclass(frozen=True)
class _Reading:
    metadata: bool
    max_pixels: int | None
    on_error: OnError
    device: str
    batch_size: int
    workers: int
    threads: int | None
    apart: bool
    """Whether workers may be processes."""


@dataclass(frozen=True)
class _Outputs:
    """The files that are written while images are answered for."""

    out: Path | None
    report: Path | None
    resume: bool
    as_json: bool
    as_csv: bool
    maps: bool
    force: bool
    command: str

    def check(self, inputs: Inputs) -> None:
        """Refuse, before any work, what cannot be written or would overwrite an input."""
        if self.resume and self.out is None:
            raise UsageError("--resume needs a file of verdicts.", "Name it with --out.")
        if self.report is not None and self.out is not None:
            raise UsageError("--report and --out cannot be combined.", "Leave one of them out.")
        asked = "--csv" if self.as_csv else "--json" if self.as_json else None
        if asked and self.out is not None and self.out.suffix.lower() == ".parquet":
            raise UsageError(f"{self.out} is Parquet by its name.", f"Leave out {asked}, or name another file.")
        if self.out is not None and not (self.as_json or self.as_csv) and self.out.suffix.lower() not in ENDINGS:
            raise UsageError(
                f"{self.out} does not say by its name what is to be written: {self.out.suffix} is no form of verdicts.",
                f"End it with {', '.join(filter(None, ENDINGS))}, or add --json or --csv.",
            )
        check_report(self.report, force=self.force)
        if self.report is not None and not isinstance(inputs.images, Iterator):
            # Before hours of work; an iterator would be used up.
            check_size(sum(1 for _ in islice(inputs.named(), MOST_REPORTED + 1)))
        if not self.resume:
            hint = "Continue with --resume, or start again with --force."
            check_output(self.out, force=self.force, hint=hint)
        record = self.report.with_suffix(".json") if self.report is not None else None
        refuse_own_inputs(
            [self.out, self.report, record], inputs.paths(), recursive=inputs.recursive, files_from=inputs.files_from
        )

    def journal(self, ensemble: Ensemble) -> Journal | None:
        """Open the file of verdicts, if one was asked for."""
        if self.out is None:
            return None
        sources = ensemble.sources
        as_csv = self.as_csv or (not self.as_json and self.out.suffix.lower() == ".csv")
        form = csv_format(sources) if as_csv else json_format(self.out, sources)
        return Journal(self.out, form, by=ensemble.sha256, resume=self.resume, force=self.force)

    def needs_file(self, named: Iterable[Named]) -> Iterator[Named]:
        """Pass named images on; raise UsageError for pixels in memory, by whose name nothing is found again."""
        for name, source in named:
            if (self.out or self.report) and not (name == "-" or isinstance(source, (str, Path, ImageError))):
                raise UsageError(f"{name} is not a file.", "Only files can be in a report or a file of verdicts.")
            yield name, source


class Attribution(Iterator[Verdict]):
    """The verdicts on images, in order, one by one.

    `ensemble` is the weights that answer. `before` counts, at the end, the verdicts that a file which is resumed had.
    """

    def __init__(self, inputs: Inputs, ensemble: Ensemble, outputs: _Outputs, reading: _Reading) -> None:
        self.ensemble = ensemble
        self.before: Counter[str | None] = Counter()
        self._inputs, self._outputs, self._reading = inputs, outputs, reading
        # Of a copy: a generator that held this object would keep its workers and locks until garbage is collected.
        self._verdicts = copy(self)._answer()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Verdict:
        return next(self._verdicts)

    def count(self) -> int:
        """Return how many images there are; of an iterator, this uses them up."""
        return sum(1 for _ in self._inputs.named())

    def _answer(self) -> Iterator[Verdict]:
        outputs = self._outputs
        case = None if outputs.report is None else CaseReport(self.ensemble, maps=outputs.maps)
        with ExitStack() as stack:
            journal = outputs.journal(self.ensemble)
            if journal is not None:
                stack.enter_context(journal)
            named = outputs.needs_file(self._inputs.named())
            left = (each for each in named if journal is None or not journal.is_done(each[0]))
            for verdict, error in self._answered(left, case):
                for each in (journal, case):
                    if each is not None:
                        each.write(verdict)
                if error is not None and self._reading.on_error == "raise":
                    raise error
                if error is None or self._reading.on_error == "yield":
                    yield verdict
            if journal is not None:
                self.before.update(journal.verdicts)
        if case is not None and outputs.report is not None:
            case.save(
                outputs.report,
                outputs.command,
                device=self._reading.device,
                max_pixels=self._reading.max_pixels,
                force=outputs.force,
            )

    def _answered(self, named: Iterator[Named], case: CaseReport | None) -> Iterator[Answered]:
        workers = self._reading.workers
        if case is not None:
            # One by one: drawing takes seconds an image, and whoever waits sees each.
            return self._in_turn(named, case, workers=0, together=1)
        if self._reading.device != "cpu":
            return self._in_turn(named, None, workers=workers, together=self._reading.batch_size)
        first = list(islice(named, FORKED_FROM)) if workers else []
        named = chain(first, named)
        if len(first) < 2:
            return self._in_turn(named, None, workers=0, together=self._together)
        many = len(first) == FORKED_FROM and _are_files(first)
        return self._in_workers(named, apart=self._reading.apart and many)

    @property
    def _together(self) -> int:
        return min(ANSWERED_AT_ONCE, self._reading.batch_size)

    def _in_workers(self, named: Iterator[Named], *, apart: bool) -> Iterator[Answered]:
        """Read and answer for images in threads or, if `apart`, processes.

        Each of them computes alone: small tensors are not worth dividing.
        """

        def answer(group: Sequence[Named]) -> list[Answered]:
            batch = [self._view(each)[0] for each in group]
            return [*zip(verdict_stream.answer_together(batch, self.ensemble), map(_error, batch), strict=True)]

        groups = in_groups(named, self._together)
        workers = self._reading.workers
        with nullcontext() if self._reading.threads else one_thread_each() as begin:
            if apart:
                mapped = partial(forked.forked_map, processes=workers, sent=_are_files)
            else:
                mapped = partial(ordered_map, threads=workers)
            for found in mapped(answer, groups, ahead=2 * workers, begin=begin):
                yield from found

    def _in_turn(
        self, named: Iterable[Named], case: CaseReport | None, *, workers: int, together: int
    ) -> Iterator[Answered]:
        """Answer here for so many images together, which other threads have read."""
        # Sums in several threads are rounded otherwise than those of a worker, which computes alone.
        alone = self._reading.device == "cpu" and not self._reading.threads
        # Enough that the next batch is there when one is answered.
        viewed = ordered_map(self._view, named, threads=workers, ahead=workers + together)
        for batch in in_groups(_shown(viewed, case), together):
            with ExitStack() as stack:
                if alone:
                    stack.enter_context(one_thread_each())()
                verdicts = verdict_stream.answer_together(batch, self.ensemble)
            yield from zip(verdicts, map(_error, batch), strict=True)

    def _view(self, each: Named) -> tuple[Viewed, ImageFile | None]:
        """Return an image's crops, or why it was not read, and its pixels where they are shown."""
        reading = self._reading
        with large_in_turn():
            image = read_source(*each, max_pixels=reading.max_pixels, metadata=reading.metadata)
            viewed = view_image(each[0], image, self.ensemble)
        # Many photographs are gigabytes.
        return viewed, None if self._outputs.report is None or isinstance(image, ImageError) else image


def _shown(viewed: Iterable[tuple[Viewed, ImageFile | None]], case: CaseReport | None) -> Iterator[Viewed]:
    for each, image in viewed:
        if case is not None and image is not None:
            case.see(image)
        del image  # or its pixels are held while the next one is read
        yield each


def _are_files(group: Sequence[Named]) -> bool:
    """Return whether all images are local files, or errors: what a worker process finds as this one does."""
    return all(isinstance(source, (Path, ImageError)) for _, source in group)


def _error(viewed: Viewed) -> ImageError | None:
    return viewed.image if isinstance(viewed.image, ImageError) else None
