"""How verdicts are shown: JSON, CSV, and paragraphs for a person."""

from collections import Counter
from typing import TYPE_CHECKING, Protocol

from ganprint.cli.console import console, echo_csv

if TYPE_CHECKING:
    from rich.text import Text

    from ganprint.forensics.bench import Bench
    from ganprint.forensics.verdict import Verdict

STYLES = {"real": "bold green", "inconclusive": "bold yellow"}
"""Of a verdict in a terminal; synthetic ones are red."""


class Writer(Protocol):
    """What verdicts are shown with, one by one."""

    def write(self, verdict: "Verdict") -> None:
        """Show one."""

    def close(self) -> None:
        """Show what is to be known of all."""


class JsonWriter:
    """One JSON object a line, to stdout."""

    def write(self, verdict: "Verdict") -> None:
        """Print the object."""
        import typer

        from ganprint.forensics.journal import json_line

        typer.echo(json_line(verdict))

    def close(self) -> None:
        """Print nothing more."""


class CsvWriter:
    """A header and one row an image, to stdout."""

    def __init__(self, sources: tuple[str, ...]) -> None:
        self.sources = sources
        echo_csv(csv_header(sources))

    def write(self, verdict: "Verdict") -> None:
        """Print the row."""
        echo_csv(csv_row(verdict, self.sources))

    def close(self) -> None:
        """Print nothing more."""


def csv_header(sources: tuple[str, ...]) -> list[str]:
    """Return the names of the columns; one for each source's probability."""
    answer = ("verdict", "synthetic_probability", "runner_up")
    said = ("warnings", "error", "reason")
    rest = ("likeliest", "log10_lr_synthetic", "known_score", "stable", "judged_by_sha256")
    return ["path", "sha256", *answer, *(f"p_{name}" for name in sources), *said, *rest]


def csv_row(verdict: "Verdict", sources: tuple[str, ...]) -> list[object]:
    """Return the values of the columns."""
    shares = [verdict.probabilities.get(name) for name in sources]
    ratio = next((each.log10 for each in verdict.likelihood_ratios), None)
    stable = f"{sum(each.holds for each in verdict.stability)} of {len(verdict.stability)}"
    return [
        verdict.path,
        verdict.sha256,
        *(verdict.verdict, verdict.synthetic_probability, verdict.runner_up),
        *shares,
        " ".join(verdict.warnings),
        verdict.error.message if verdict.error else None,
        verdict.reason,
        verdict.likeliest,
        ratio,
        verdict.known_score,
        stable if verdict.stability else None,
        verdict.judged_by_sha256,
    ]


class TextWriter:
    """A paragraph an image for a person, and once what the weights can know."""

    def __init__(self, bench: "Bench") -> None:
        self.bench = bench
        self.out = console()
        self.counts: Counter[str] = Counter()
        self.failed = 0

    def write(self, verdict: "Verdict") -> None:
        """Print the paragraph; an image without a verdict has its sentence elsewhere."""
        from ganprint.forensics.verdict import UNCALIBRATED

        if verdict.error is not None:
            self.failed += 1
            return
        self.counts[verdict.verdict or ""] += 1
        self.out.print(headline(verdict), soft_wrap=True)
        for line in details(verdict):
            self.out.print(f"  {line}", soft_wrap=True)
        for warning in verdict.warnings:
            if warning != UNCALIBRATED:
                self.out.print(f"  ! {warning}", style="yellow", soft_wrap=True)
        if verdict.metadata is not None and not verdict.is_synthetic:
            for sign in verdict.metadata.signs:
                self.out.print(f"  ! Beside the pixels: {sign}", style="yellow", soft_wrap=True)

    def close(self) -> None:
        """Print what answered, what it knows and how far to trust it."""
        from ganprint.forensics.verdict import how_often_wrong, how_to_read
        from ganprint.images import printable

        if not self.counts:
            return
        self.out.print()
        if self.counts.total() > 1:
            said = ", ".join(f"{count} {printable(name)}" for name, count in self.counts.most_common())
            failed = f", {self.failed} not examined" if self.failed else ""
            self.out.print(f"{self.counts.total() + self.failed} images: {said}{failed}.", soft_wrap=True)
        for judge in self.bench.judges:
            card = judge.card
            names = ", ".join(printable(gallery.name) for gallery in judge.galleries)
            enrolled = f" (enrolled here: {names})" if names else ""
            self.out.print(
                f"Answered by {card.method} with the weights {card.name} ({(card.sha256 or '')[:12]}), which know "
                f"{', '.join(card.sources)}{enrolled}. {how_to_read(card)}",
                soft_wrap=True,
            )
            for sentence in how_often_wrong(card):
                self.out.print(sentence, soft_wrap=True)
        if any(judge.card.judgement is None for judge in self.bench.judges):
            said = "Where weights do not say when to answer unknown, anything else that a generator made is called "
            self.out.print(f"{said}one of their sources, or real.", soft_wrap=True)
        self.out.print(
            "A verdict is a statistical statement about pixels, not proof of where an image comes from.",
            soft_wrap=True,
        )


def headline(verdict: "Verdict") -> "Text":
    """Return the line with the image's name, its verdict and how probable that is."""
    from rich.text import Text

    from ganprint.images import printable

    line = Text(f"{printable(verdict.path)}: ")
    answer = f"synthetic, {printable(verdict.source)}" if verdict.source else verdict.verdict or ""
    line.append(answer, style=STYLES.get(verdict.verdict or "", "bold red"))
    shares, likeliest, next_one = verdict.probabilities, verdict.likeliest, verdict.runner_up
    said = [f"synthetic {verdict.synthetic_probability:.1%}"]
    if likeliest in shares and next_one in shares:
        said += [f"likeliest {likeliest} {shares[likeliest]:.1%}", f"next {next_one} {shares[next_one]:.1%}"]
    line.append(f"  ({', '.join(said)})")
    return line


def details(verdict: "Verdict") -> "list[str]":
    """Return the lines below: the reason, likelihood ratios, methods, squares, stability, metadata."""
    from ganprint.forensics.verdict import NO_RULE

    lines = [verdict.reason] if verdict.reason and verdict.reason != NO_RULE else []
    for ratio in verdict.likelihood_ratios:
        words = f": {ratio.words}" if ratio.words else "; its calibration supports no words"
        # Words speak for the proposition that is the likelier.
        sided = ratio.words and not ratio.words.startswith("no ")
        side = f" for {ratio.proposition if ratio.log10 >= 0 else ratio.against}" if sided else ""
        bound = ", as much as the data can support" if ratio.bounded else ""
        lines.append(
            f"{ratio.proposition} against {ratio.against}: log10 likelihood ratio {ratio.log10:+.2f}{bound}{words}"
            f"{side}"
        )
    for each in verdict.methods:
        lines.append(
            f"{each.method} ({each.weights}): {each.verdict}, synthetic {each.synthetic_probability:.1%}, "
            f"likeliest {each.likeliest}"
        )
    if verdict.agreement is not None:
        lines.append(f"of {len(verdict.methods)} methods: {verdict.agreement.in_words()}")
    if verdict.views is not None and verdict.views.count > 1:
        seen = verdict.views
        lines.append(
            f"{seen.count} squares: {seen.agreeing} point to {verdict.likeliest}, synthetic from "
            f"{seen.least_synthetic:.0%} to {seen.most_synthetic:.0%} (not calibrated)"
        )
    if verdict.stability:
        holds = sum(each.holds for each in verdict.stability)
        lost = [f"{each.change} {each.verdict}" for each in verdict.stability if not each.holds]
        said = f"; {', '.join(lost)}" if lost else ""
        lines.append(f"stability: holds under {holds} of {len(verdict.stability)} changes{said}")
    if verdict.metadata is not None:
        lines += [f"metadata: {line}" for line in verdict.metadata.sentences()]
    return lines
