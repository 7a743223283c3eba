"""How verdicts are shown: JSON, CSV, and paragraphs for a person."""

from collections import Counter
from typing import TYPE_CHECKING, Protocol

from ganprint.cli.console import console, echo_csv

if TYPE_CHECKING:
    from rich.text import Text

    from ganprint.forensics.bench import Bench
    from ganprint.forensics.verdict import Verdict

STYLES = {"real": "bold", "inconclusive": "bold yellow"}
"""Of a verdict in a terminal; synthetic ones are red. None is green: no answer shows that an image is real."""
FAMILY_WORDS = {"gan": "a GAN", "diffusion": "a diffusion model"}
"""Families of generators as a sentence names them."""


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
    """A few lines an image for a person, and once what the weights can know; with `verbose` all there is."""

    def __init__(self, bench: "Bench", *, verbose: bool = False) -> None:
        self.bench = bench
        self.verbose = verbose
        self.out = console()
        self.counts: Counter[str] = Counter()
        self.failed = 0

    def write(self, verdict: "Verdict") -> None:
        """Print the lines; an image without a verdict has its sentence elsewhere."""
        from ganprint.forensics.verdict import UNCALIBRATED

        if verdict.error is not None:
            self.failed += 1
            return
        self.counts[verdict.verdict or ""] += 1
        self.out.print(headline(verdict), soft_wrap=True)
        for line in explanation(verdict):
            self.out.print(f"  {line}", soft_wrap=True)
        if not self.verbose:
            return
        for line in details(verdict):
            self.out.print(f"  {line}", soft_wrap=True)
        for warning in verdict.warnings:
            if warning != UNCALIBRATED:
                self.out.print(f"  ! {warning}", style="yellow", soft_wrap=True)
        if verdict.metadata is not None and not verdict.is_synthetic:
            for sign in verdict.metadata.signs:
                self.out.print(f"  ! Beside the pixels: {sign}", style="yellow", soft_wrap=True)

    def close(self) -> None:
        """Print how often such verdicts are wrong, and with `verbose` what answered and what it knows."""
        from ganprint.forensics.wording import how_often_wrong, how_to_read
        from ganprint.images import printable

        if not self.counts:
            return
        if self.counts.total() > 1:
            said = ", ".join(
                f"{count} {'without a trace' if name == 'real' else printable(name)}"
                for name, count in self.counts.most_common()
            )
            failed = f", {self.failed} not examined" if self.failed else ""
            self.out.print(f"\n{self.counts.total() + self.failed} images: {said}{failed}.", soft_wrap=True)
        for judge in self.bench.judges:
            card = judge.card
            sentences = list(how_often_wrong(card, self.counts))
            if self.verbose or not sentences:
                names = ", ".join(printable(gallery.name) for gallery in judge.galleries)
                enrolled = f" (enrolled here: {names})" if names else ""
                self.out.print(
                    f"Answered by {card.method} with the weights {card.name} ({(card.sha256 or '')[:12]}), which know "
                    f"{', '.join(card.sources)}{enrolled}. {how_to_read(card)}",
                    soft_wrap=True,
                )
            for sentence in sentences:
                self.out.print(sentence, soft_wrap=True)
        if any(judge.card.judgement is None for judge in self.bench.judges):
            said = "Where weights do not say when to answer unknown, anything else that a generator made is called "
            self.out.print(f"{said}one of their sources, or real.", soft_wrap=True)
        if self.verbose:
            self.out.print(
                "A verdict is a statistical statement about pixels, not proof of where an image comes from.",
                soft_wrap=True,
            )


def headline(verdict: "Verdict") -> "Text":
    """Return the line with the image's name, its verdict and how probable that is."""
    from rich.text import Text

    from ganprint.images import printable

    line = Text(f"{printable(verdict.path)}: ")
    line.append(in_words(verdict), style=STYLES.get(verdict.verdict or "", "bold red"))
    shares, best, second = verdict.probabilities, verdict.likeliest, verdict.runner_up
    said = []
    if verdict.synthetic_probability is not None:
        said.append(f"P(synthetic) {verdict.synthetic_probability:.0%}")
    if verdict.verdict != "real" and best in shares and second in shares:
        match = best if best != "real" else second
        said.append(f"best match {match} {shares[match]:.0%}")
    if said:
        line.append(f"  {', '.join(said)}")
    return line


def in_words(verdict: "Verdict") -> str:
    """Return the verdict as a person reads it, capitals first."""
    from ganprint.calibration.decision import INCONCLUSIVE, UNKNOWN
    from ganprint.images import printable

    if verdict.verdict == "real":
        return "NO TRACE of the generators this tool knows"
    if verdict.verdict in (INCONCLUSIVE, None):
        return "INCONCLUSIVE"
    if verdict.verdict == UNKNOWN:
        return "SYNTHETIC, by which generator is not clear"
    if verdict.source is None:
        family = FAMILY_WORDS.get(verdict.verdict, verdict.verdict)
        return f"SYNTHETIC, made by {printable(family)}, which one is not clear"
    return f"SYNTHETIC, made by {printable(verdict.source)}"


def explanation(verdict: "Verdict") -> "list[str]":
    """Return why, in a line, and what the file states, in another where it states something."""
    from ganprint.calibration.decision import INCONCLUSIVE, UNKNOWN
    from ganprint.forensics.verdict import NO_RULE
    from ganprint.forensics.wording import leading_evidence
    from ganprint.images import printable

    lines = []
    if verdict.stated_generator:
        lines.append(f"The file says: made with {printable(verdict.stated_generator)}.")
    leading = leading_evidence(verdict)
    if leading:
        lines.append(f"Why: {'; '.join(each.kind for each in leading)}.")
    elif verdict.reason and verdict.reason != NO_RULE:
        lines.append(verdict.reason)
    if verdict.verdict == "real":
        lines.append("That does not show that it is real.")
    elif verdict.verdict in (INCONCLUSIVE, UNKNOWN) and verdict.probabilities:
        lines.append("What may help: the original file, and where it was first published.")
    return lines


def details(verdict: "Verdict") -> "list[str]":
    """Return the rest: the reason, likelihood ratios, evidence, methods, crops, stability, metadata."""
    from ganprint.forensics.verdict import NO_RULE
    from ganprint.forensics.wording import leading_evidence

    lines = []
    if leading_evidence(verdict) and verdict.reason and verdict.reason != NO_RULE:
        lines.append(verdict.reason)
    for ratio in verdict.likelihood_ratios:
        words = f": {ratio.words}" if ratio.words else ""
        # Words speak for the proposition that is the likelier.
        sided = ratio.words and not ratio.words.startswith("no ")
        side = f" for {ratio.proposition if ratio.log10 >= 0 else ratio.against}" if sided else ""
        bound = ", as much as the data can support" if ratio.bounded else ""
        lines.append(
            f"{ratio.proposition} against {ratio.against}: log10 likelihood ratio {ratio.log10:+.2f}{bound}{words}"
            f"{side}"
        )
    lines += [
        f"evidence: {each.kind}, log-odds of synthetic {each.log_odds:+.2f}" for each in verdict.evidence[:8]
    ]
    for each_method in verdict.methods:
        share = each_method.synthetic_probability
        said = "" if share is None else f", synthetic {share:.1%}, most likely {each_method.likeliest}"
        lines.append(f"{each_method.method} ({each_method.weights}): {each_method.verdict}{said}")
    if verdict.agreement is not None:
        lines.append(f"of {len(verdict.methods)} methods: {verdict.agreement.in_words()}")
    if verdict.views is not None and verdict.views.count > 1:
        seen = verdict.views
        lines.append(
            f"{seen.count} crops: {seen.agreeing} point to {verdict.likeliest}, synthetic from "
            f"{seen.least_synthetic:.0%} to {seen.most_synthetic:.0%}"
        )
    if verdict.stability:
        holds = sum(each.holds for each in verdict.stability)
        lost = [f"{each.change} {each.verdict}" for each in verdict.stability if not each.holds]
        said = f"; {', '.join(lost)}" if lost else ""
        lines.append(f"stability: holds under {holds} of {len(verdict.stability)} changes{said}")
    if verdict.metadata is not None:
        lines += [f"metadata: {line}" for line in verdict.metadata.sentences()]
    return lines
