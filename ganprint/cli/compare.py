"""`ganprint compare`: several methods' weights under the same conditions, side by side."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import typer
from typer import Option

from ganprint.cli.console import about, command_line, complain, console, counting, note, progress_bar
from ganprint.cli.option_groups import Display, Given, Machine, Measuring, grouped
from ganprint.cli.options import TEST_SPLIT, DryRun, Force, Images, TestData, telling_of_benchmark
from ganprint.cli.tables import print_results
from ganprint.errors import ImageError
from ganprint.processes import is_main_process

if TYPE_CHECKING:
    from ganprint.evaluation.entry import Entry
    from ganprint.evaluation.plan import JobBatch
    from ganprint.evaluation.runner import Comparison
    from ganprint.studies.variants import Variant

FIRST_SECONDS = 10.0
"""What an estimate is measured on, at the least: conditions take different times."""


@dataclass(frozen=True, kw_only=True)
class Experiments:
    """Experiments with a name: what is done to the images of a split."""

    panel: ClassVar[str] = "Experiments"
    robustness: Annotated[
        bool, Option("--robustness", help="measure clean images and every corruption at every severity, on --split")
    ] = False
    full: Annotated[
        bool,
        Option(
            "--full",
            help="with --robustness and without --data: all images and 5 severities, not 120 images and 3 severities",
        ),
    ] = False
    open_set: Annotated[
        bool,
        Option("--open-set", help="measure how well confidence separates --split from the split open: AUROC and OSCR"),
    ] = False
    resharing: Annotated[
        bool,
        Option(
            "--resharing",
            help="measure clean and post-processed images (JPEG, resizing, cropping, ... and chains), on --split",
        ),
    ] = False
    adversarial: Annotated[
        bool,
        Option(
            "--adversarial",
            help="measure clean images and white-box attacks, on --split; methods without gradients are attacked "
            "through other weights",
        ),
    ] = False
    split: Annotated[str | None, Option(help=f"the split of all of these experiments; {TEST_SPLIT}")] = None
    corruptions: Annotated[
        list[str] | None, Option("--corruption", help="only these in --robustness, several as a,b")
    ] = None
    severities: Annotated[
        list[int] | None, Option("--severity", min=1, max=5, help="only these in --robustness, several as 1,3")
    ] = None


@dataclass(frozen=True, kw_only=True)
class Attacks:
    """The attacks of --adversarial."""

    panel: ClassVar[str] = "Attacks of --adversarial"
    attacks: Annotated[list[str] | None, Option("--attack", help="fgsm, pgd or fgsm,pgd; both if left out")] = None
    epsilons: Annotated[
        list[int] | None,
        Option(
            "--epsilon",
            min=1,
            max=255,
            help="largest change of a value, of 255, several as 4,8; 2,4,8,16,24,32 if left out",
        ),
    ] = None
    target: Annotated[Literal["attribution", "detection"], Option(help="the answer that attacks make wrong")] = (
        "attribution"
    )
    steps: Annotated[int | None, Option(min=1, help="steps of PGD; 10 if left out")] = None
    surrogate: Annotated[
        str | None,
        Option(
            help="weights that methods without gradients are attacked through; the first with gradients if left out"
        ),
    ] = None


@grouped
def compare(
    *,
    given: Given,
    data: TestData = None,
    images: Images = None,
    weights: Annotated[
        list[str] | None,
        Option(
            help="name or folder of weights, several as a,b; if left out, all trained on a manifest of this name, "
            "or else all that know its sources"
        ),
    ] = None,
    method: Annotated[
        str | None,
        Option(
            help="methods, several as a,b, or all: the weights trained on a manifest of this name, else the defaults"
        ),
    ] = None,
    conditions: Annotated[
        list[str] | None,
        Option(
            "--condition",
            help="SPLIT:POLICY, POLICY as for evaluate, several as a,b; if left out, none and test-seen on --split, "
            "and test_unseen:none if the manifest has that split",
        ),
    ] = None,
    experiments: Experiments,
    attacks: Attacks,
    out: Annotated[
        Path | None,
        Option(
            help="folder of results, a CSV and details; what is there is not computed again; in the user's cache if "
            "left out"
        ),
    ] = None,
    predictions: Annotated[
        bool, Option("--predictions", help="write a CSV of one row per image beside each result")
    ] = False,
    renamed: Annotated[
        list[str] | None,
        Option("--rename", help="NAME=SOURCE: treat the data's source NAME as the weights' SOURCE; repeatable"),
    ] = None,
    measuring: Measuring,
    machine: Machine,
    force: Force = False,
    dry_run: DryRun = False,
    record: Annotated[bool, Option("--record", help="write the results into the weights' cards")] = False,
    display: Display,
) -> None:
    """Measure detection and attribution accuracy and NMI of several weights, and print tables with paired differences.

    Images are read and perturbed once for all weights with the same sources. Rerun an interrupted comparison to
    continue; --force computes all anew and overwrites figures and pages.

    Several GPUs: torchrun --standalone --nproc-per-node 2 -m ganprint compare ...

    Example: ganprint compare --robustness
    """
    from ganprint.api.comparisons import prepare_comparison, record_results
    from ganprint.api.outputs import refuse_own_inputs
    from ganprint.api.overviews import check_against

    display.check(force=force)
    refuse_own_inputs([display.html], [data])
    with counting("the embedded benchmark") as progress:
        comparison = prepare_comparison(
            **given.but("dry_run", *vars(display)),
            command=command_line(),
            say=say,
            making=telling_of_benchmark(progress),
        )
    check_against(display.against, [candidate.name for candidate in comparison.candidates])
    if dry_run:
        print_plan(comparison)
        return
    entries, interrupted = run_comparison(comparison)
    if entries:
        splits = [experiments.split or comparison.data.test_split] if experiments.robustness else []
        show_results(comparison, entries, display, splits, force=force, complete=not interrupted)
    if entries and interrupted:
        complain(f"interrupted: {len(entries)} of {len(comparison.jobs)} results. Rerun the command to continue.")
    if interrupted:
        raise typer.Exit(130)
    if record:
        record_results(comparison, entries)
    if any(entry.failed for entry in entries):
        raise typer.Exit(1)


def say(sentence: str) -> None:
    """Print a note on stderr, by the first of several processes."""
    if is_main_process():
        console(stderr=True).print(f"ganprint: {sentence}", soft_wrap=True)


def print_plan(comparison: "Comparison") -> None:
    """Print what would be computed, by the first of several processes."""
    if not comparison.is_first:
        return
    typer.echo(_plan(comparison))
    for batch in comparison.missing(comparison.batches):
        names = ", ".join(job.candidate.name for job in batch)
        typer.echo(f"{batch[0]}: {names}")


def _plan(comparison: "Comparison") -> str:
    batches = comparison.missing(comparison.batches)
    jobs = sum(len(batch) for batch in batches)
    images = sum(len(comparison.images(job)) for batch in batches for job in batch)
    conditions = _counted(len(comparison.conditions), "condition")
    return (
        f"{_counted(len(comparison.jobs), 'result')} of {len(comparison.candidates)} weights in {conditions}; "
        f"{len(comparison.jobs) - jobs} are there, {jobs} missing: "
        f"{_counted(images, 'answer')} in {_counted(len(batches), 'pass', 'passes')} over the images"
    )


def _counted(count: int, one: str, several: str = "") -> str:
    return f"{count:,} {one if count == 1 else several or one + 's'}"


class Watch:
    """Progress of a comparison on stderr: a bar, or a line a batch where there is no terminal, and one estimate."""

    def __init__(self, comparison: "Comparison") -> None:
        batches = comparison.missing(comparison.batches)
        self.total = sum(len(comparison.images(batch[0])) for batch in batches)
        self.batches, self.ended, self.images = len(batches), 0, 0
        self.began, self.estimated = time.monotonic(), False
        self.bar = progress_bar()
        self.task = self.bar.add_task("images", total=self.total)

    @property
    def left(self) -> str:
        """The time that the rest takes, in words."""
        rate = self.images / (time.monotonic() - self.began)
        return about((self.total - self.images) / rate) if rate else "an unknown time"

    def progress(self, batch: "JobBatch", images: int) -> None:
        """Count images that were answered."""
        self.images += images
        self.bar.update(self.task, advance=images, description=str(batch[0]))
        if not self.estimated and time.monotonic() - self.began > FIRST_SECONDS and self.images < self.total:
            self.estimated = True
            say(f"{self.left} left, by the first {self.images:,} of {self.total:,} images.")

    def finished(self, batch: "JobBatch") -> None:
        """Count a batch, and print it where there is no bar."""
        self.ended += 1
        if self.bar.disable:
            rest = f"; {self.left} left" if self.ended < self.batches else ""
            say(f"{self.ended} of {self.batches}: {batch[0]}{rest}")


def run_comparison(comparison: "Comparison") -> "tuple[list[Entry], bool]":
    """Run a comparison under a bar and return its results, as far as they are there, and whether it was interrupted."""
    once = cache(complain)

    def warn(failure: ImageError) -> None:
        once(failure.message)

    say(f"{_plan(comparison)}.")
    for message in comparison.doubts() if comparison.is_first else ():
        complain(message)
    watch = Watch(comparison)
    try:
        with watch.bar:
            return comparison.run(progress=watch.progress, finished=watch.finished, warn=warn), False
    except KeyboardInterrupt:
        if comparison.is_first and not comparison.results():
            complain("interrupted before the first result. Rerun the command to continue.")
        return comparison.results() if comparison.is_first else [], True


def show_results(
    comparison: "Comparison",
    entries: "Sequence[Entry]",
    display: Display,
    robustness: Sequence[str] = (),
    variants: "Sequence[Variant]" = (),
    *,
    force: bool = False,
    complete: bool = True,
) -> None:
    """Print the tables of results; of a `complete` comparison also draw the figures and write the page asked for."""
    from ganprint.api.overviews import comparison_overview, draw_comparison

    metric, unit, against = display.metric, display.unit, display.against
    found = comparison_overview(comparison, entries, metric, unit, against, robustness, variants)
    print_results(found, display)
    if complete:
        for file in draw_comparison(comparison, found, variants=variants, **display.files(), force=force):
            note(f"drawn: {file}")
