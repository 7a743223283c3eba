"""How verdicts are printed: as JSON, as CSV, and as a few lines of text."""

from collections import Counter
from collections.abc import Sequence
from functools import partial
from shlex import quote
from typing import TYPE_CHECKING, Protocol

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from ganprint.calibration.decision import INCONCLUSIVE, UNKNOWN, whole_percent
from ganprint.cli.console import console, echo_csv, echo_json, print_wrapped
from ganprint.forensics import wording
from ganprint.forensics.verdict import NO_RULE, UNCALIBRATED, Verdict
from ganprint.forensics.verdict_rows import csv_header, csv_row
from ganprint.plain_text import printable

if TYPE_CHECKING:
    from ganprint.forensics.ensemble import Ensemble

STYLES = {"real": "bold", "inconclusive": "bold yellow"}
"""Of a verdict in a terminal; synthetic ones are red. None is green: no answer shows that an image is real."""
FAMILY_WORDS = {"gan": "a GAN", "diffusion": "a diffusion model"}
"""Families of generators as a sentence names them."""


class Writer(Protocol):
    """Prints verdicts one by one, then a summary."""

    def write(self, verdict: Verdict) -> None:
        """Print one."""

    def close(self) -> None:
        """Print the summary, if there is one."""
        return


class JsonWriter(Writer):
    """One JSON object a line, to stdout."""

    def write(self, verdict: Verdict) -> None:
        """Print the object."""
        echo_json(verdict.model_dump(mode="json"))


class CsvWriter(Writer):
    """A header and one row an image, to stdout."""

    def __init__(self, sources: tuple[str, ...]) -> None:
        self.sources = sources
        echo_csv(csv_header(sources))

    def write(self, verdict: Verdict) -> None:
        """Print the row."""
        echo_csv(csv_row(verdict, self.sources))


class TextWriter(Writer):
    """Prints a few lines for each image and a summary at the end; with `verbose` every detail.

    `named` are the weights of the ensemble as the user named them; by their cards if left out.
    """

    def __init__(self, ensemble: "Ensemble", named: Sequence[str] = (), *, verbose: bool = False) -> None:
        self.ensemble = ensemble
        self.named = named or [predictor.card.name for predictor in ensemble.predictors]
        self.verbose = verbose
        self.out = console()
        self._say = partial(print_wrapped, self.out)
        self.counts: Counter[str] = Counter()
        self.failed = 0
        self.unruled = False

    def write(self, verdict: Verdict) -> None:
        """Print the lines of an image; the command prints the error of an image without a verdict."""
        if verdict.error is not None:
            self.failed += 1
            return
        self.counts[verdict.verdict or ""] += 1
        self.unruled |= verdict.reason == NO_RULE
        self._say(headline(verdict))
        for line in explanation(verdict):
            self._say(line, indent=2)
        if verdict.methods:
            self.out.print(_method_table(verdict))
        if not self.verbose:
            return
        for line in details(verdict):
            self._say(line, indent=2)
        for warning in verdict.warnings:
            if warning not in (UNCALIBRATED, *verdict.size_warnings, *wording.unseen_pictures(verdict)):
                self._say(f"! {warning}", indent=2, style="yellow")
        if verdict.metadata is not None and not verdict.is_synthetic:
            for sign in verdict.metadata.signs:
                self._say(f"! Metadata: {sign}", indent=2, style="yellow")

    def close(self) -> None:
        """Print counts, how often such verdicts are wrong, and for a batch or with `verbose` what the weights know."""
        if not self.counts:
            return
        if self.counts.total() + self.failed > 1:
            said = ", ".join(
                f"{count} {'without a trace' if name == 'real' else printable(name)}"
                for name, count in self.counts.most_common()
            )
            failed = f", {self.failed} not examined" if self.failed else ""
            self.out.print()
            self._say(f"{self.counts.total() + self.failed} images: {said}{failed}.")
        if self.unruled:
            self._say(NO_RULE)
            for name, predictor in zip(self.named, self.ensemble.predictors, strict=True):
                if predictor.card.judgement is None:
                    command = f"ganprint calibrate --weights {quote(name)} --data MANIFEST --record"
                    self._say(f"{command} makes verdicts possible.")
        alone = len(self.ensemble.predictors) == 1
        for predictor in self.ensemble.predictors:
            card = predictor.card
            sentences = list(wording.how_often_wrong(card, self.counts))
            names = ", ".join(printable(gallery.name) for gallery in predictor.galleries)
            enrolled = f" (enrolled here: {names})" if names else ""
            known = f"{', '.join(card.sources)}{enrolled}"
            measured = card.judgement is not None and bool(card.judgement.rates)
            if self.verbose or (not measured and alone):
                self._say(
                    f"Answered by {card.method} with the weights {card.name} ({(card.sha256 or '')[:12]}), which know "
                    f"{known}. {wording.how_to_read(card)}"
                )
            elif not measured or self.counts.total() > 1:
                self._say(f"The weights {card.name} know {known}.")
            if alone and card.judgement is not None and not measured and set(self.counts) - {INCONCLUSIVE}:
                command = f"ganprint assess --weights {quote(self.named[0])} --data MANIFEST --record"
                self._say(f"The error rates of these verdicts were not measured; {command} does that.")
            whose = "" if alone else f"{card.name}: "
            for sentence in sentences:
                self._say(f"{whose}{sentence}")
            if sentences and any(gallery.name in self.counts for gallery in predictor.galleries):
                self._say(wording.WITHOUT_ENROLLED)
        if self.verbose:
            if alone and card.calibration is not None:
                self._say(wording.PRIOR)
            self._say("A verdict is a statistical statement about pixels, not proof of where an image comes from.")


def headline(verdict: Verdict) -> Text:
    """Return the line with the image's name, its verdict and how probable that is."""
    line = Text(f"{printable(verdict.path)}: ")
    line.append(in_words(verdict), style=STYLES.get(verdict.verdict or "", "bold red"))
    shares, best, second = verdict.probabilities, verdict.likeliest, verdict.runner_up
    said = []
    if verdict.synthetic_probability is not None:
        what = "score of synthetic" if verdict.reason == NO_RULE else "P(synthetic)"
        said.append(f"{what} {whole_percent(verdict.synthetic_probability)}")
    if verdict.verdict != "real" and best in shares and second in shares:
        match = best if best != "real" else second
        said.append(f"best match {match} {whole_percent(shares[match])}")
    if said:
        line.append(f"  {', '.join(said)}")
    return line


def in_words(verdict: Verdict) -> str:
    """Return the verdict as a person reads it, capitals first."""
    if verdict.verdict == "real":
        return "NO TRACE of the generators this tool knows"
    if verdict.verdict in (INCONCLUSIVE, None):
        return "NO VERDICT" if verdict.reason == NO_RULE else "INCONCLUSIVE"
    if verdict.verdict == UNKNOWN:
        return "SYNTHETIC, by which generator is not clear"
    if verdict.source is None:
        family = FAMILY_WORDS.get(verdict.verdict, verdict.verdict)
        return f"SYNTHETIC, made by {printable(family)}, which one is not clear"
    return f"SYNTHETIC, made by {printable(verdict.source)}"


def explanation(verdict: Verdict) -> list[str]:
    """Return the lines below the first, three at most: what the file states, the reason, and what to do or know."""
    lines = []
    if verdict.stated_generator:
        lines.append(f"The file says: made with {printable(verdict.stated_generator)}.")
    leading = wording.leading_evidence(verdict)
    if leading:
        lines.append(f"Why: {'; '.join(each.kind for each in leading)}.")
    elif verdict.reason and verdict.reason != NO_RULE:
        lines.append(verdict.reason)
    last = []
    if verdict.verdict == "real":
        last.append("That does not show that it is real.")
    elif verdict.verdict in verdict.enrolled:
        last.append("P(synthetic) is about the other generators and has no part in this verdict.")
    elif verdict.verdict in (INCONCLUSIVE, UNKNOWN) and verdict.probabilities and verdict.reason != NO_RULE:
        last.append("What may help: the original file, and where it was first published.")
    last += [*verdict.size_warnings, *wording.unseen_pictures(verdict)]
    return [*lines, " ".join(last)] if last else lines


def details(verdict: Verdict) -> list[str]:
    """Return the details: reason, likelihood ratios, evidence, agreement of methods, crops, stability, metadata."""
    lines = []
    if wording.leading_evidence(verdict) and verdict.reason:
        lines.append(verdict.reason)
    lines += map(wording.ratio_sentence, verdict.likelihood_ratios)
    lines += [f"evidence: {each.kind}, log-odds of synthetic {each.log_odds:+.2f}" for each in verdict.evidence[:8]]
    if verdict.agreement is not None:
        lines.append(f"of {len(verdict.methods)} methods: {verdict.agreement.in_words()}")
    if verdict.views is not None and verdict.views.count > 1:
        seen = verdict.views
        lines.append(
            f"{wording.crops_in_words(seen, verdict.likeliest)}; P(synthetic) from "
            f"{whole_percent(seen.least_synthetic)} to {whole_percent(seen.most_synthetic)}"
        )
    if verdict.stability:
        holds = sum(each.holds for each in verdict.stability)
        lost = [f"{each.change} {_in_brief(each.verdict)}" for each in verdict.stability if not each.holds]
        said = f"; {', '.join(lost)}" if lost else ""
        lines.append(f"stability: holds under {holds} of {len(verdict.stability)} changes{said}")
    if verdict.metadata is not None:
        lines += [f"metadata: {line}" for line in verdict.metadata.sentences()]
    return lines


def _in_brief(name: str | None) -> str | None:
    """Return a verdict for a table or list, where the bare name `real` would say that the image is real."""
    return "no trace" if name == "real" else name


def _method_table(verdict: Verdict) -> Table:
    """Return what each of several methods answers, one a row."""
    table = Table("method", "verdict", "P(synthetic)", "most likely source", box=SIMPLE_HEAD, show_edge=False)
    methods = [each.method for each in verdict.methods]
    for each in verdict.methods:
        name = each.method if methods.count(each.method) == 1 else f"{each.method} ({each.weights})"
        share = "" if each.synthetic_probability is None else whole_percent(each.synthetic_probability)
        said = "none: not calibrated" if each.reason == NO_RULE else _in_brief(each.verdict)
        table.add_row(name, said, share, wording.most_likely(each.likeliest))
    return table
