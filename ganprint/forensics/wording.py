"""Sentences about verdicts and weights: the main evidence, and how often such answers are wrong."""

from collections.abc import Collection, Iterator

from ganprint.attributor import REAL
from ganprint.calibration.decision import INCONCLUSIVE, is_synthetic
from ganprint.forensics.verdict import UNCALIBRATED, Evidence, Ratio, Verdict, Views
from ganprint.images.parts import ONLY_FIRST
from ganprint.weights import Card, Rate, VerdictRates
from ganprint.weights.records import OTHERS

PRIOR = (
    "P(synthetic) assumes that photographs and generated images are equally common. Where generated images are rare it "
    "is too high, and more of the images that are called synthetic are photographs."
)
"""What calibrated probabilities assume, and what follows from it: calibration gives both sides equal weight."""
WITHOUT_ENROLLED = (
    "These rates were measured without enrolled sources; images of other sources may be taken for an enrolled one."
)
RECOMPRESSED = "share:jpeg"
"""How the policies begin under which images were saved once more, as most that are met have been."""
LEADING = 0.15
"""Share of what points to the verdict's side that a kind of evidence must pull to be named."""
PLURALS = {"gan": "GANs", "diffusion": "diffusion models"}
"""Families of generators in a sentence on all of them."""
MOST_NAMED = 3
"""Kinds of evidence that a sentence names."""


def leading_evidence(verdict: Verdict) -> list[Evidence]:
    """Return the kinds of evidence that pull at least LEADING of what points to the verdict's side, MOST_NAMED at most.

    Of an inconclusive verdict none lead: what there is points both ways, or to neither. Nor do any of an enrolled
    source, which is named by the nearness of embeddings.
    """
    if verdict.verdict in (None, INCONCLUSIVE, *verdict.enrolled):
        return []
    sign = 1 if verdict.is_synthetic else -1
    pulling = [each for each in verdict.evidence if sign * each.log_odds > 0]
    total = sum(abs(each.log_odds) for each in pulling)
    return [each for each in pulling if abs(each.log_odds) >= LEADING * total][:MOST_NAMED]


def crops_in_words(views: Views, likeliest: str | None) -> str:
    """Return how many crops agree with the most likely source; none is said to point to `real`."""
    return f"{views.agreeing} of {views.count} crops point to {most_likely(likeliest)}"


def most_likely(source: str | None) -> str | None:
    """Return the most likely source for a text, where the bare name `real` would say that the image is real."""
    return "no generator" if source == REAL else source


def unseen_pictures(verdict: Verdict) -> list[str]:
    """Return the warnings that the file holds more pictures than the one that the answer is about."""
    return [warning for warning in verdict.warnings if warning.startswith(ONLY_FIRST)]


def ratio_sentence(ratio: Ratio) -> str:
    """Return how much more probable the answer is under one proposition than under the other, and ENFSI's words."""
    times = 10 ** abs(ratio.log10)
    said = f"{times:.1f}" if times < 10 else f"{times:,.0f}" if times < 1e6 else f"{times:.1e}"
    # The words are about the more probable proposition.
    side, other = (ratio.proposition, ratio.against) if ratio.log10 >= 0 else (ratio.against, ratio.proposition)
    bound = ", capped: the calibration data support no more" if ratio.bounded else ""
    words = f": {ratio.words}" if ratio.words else ""
    if ratio.words and not ratio.words.startswith("no "):
        words += f" for {side}"
    return (
        f"This answer is about {said} times more probable if the image is {side} than if it is {other}{words} "
        f"(log10 likelihood ratio of {ratio.proposition} against {ratio.against} {ratio.log10:+.2f}{bound})."
    )


def how_to_read(card: Card) -> str:
    """Return what may be made of the probabilities of these weights."""
    record = card.calibration
    if record is None:
        return UNCALIBRATED
    error = record.after["calibration_error"]
    return (
        f"The probabilities are calibrated on {record.images} images of {record.data} ({record.split}; policies "
        f"{', '.join(record.policies)}): there the largest differs by {error:.3f} on average from the share that is "
        "right. On images of other kinds it may differ by more."
    )


def how_often_wrong(card: Card, verdicts: Collection[str]) -> Iterator[str]:
    """Yield the error rates of the weights that concern these verdicts: shares of images, not of answers."""
    rates = card.judgement.rates if card.judgement else []
    first = next((each for each in rates if each.policy == "none"), None)
    if first is None:
        return
    unit = f"{first.groups} groups of images" if first.groups else f"{first.n} images"
    said = []
    if first.false_alarms and any(map(is_synthetic, verdicts)):
        said.append(f"{_in_words(first.false_alarms)} of photographs were called synthetic")
    if first.missed and REAL in verdicts:
        said.append(f"no trace was found in {_in_words(first.missed)} of generated images")
        again = next((each.missed for each in rates if each.policy.startswith(RECOMPRESSED)), None)
        if again:
            said.append(f"in {_in_words(again)} of those saved once more as JPEG")
    named = [card.families.get(each, "") for each in verdicts if each in card.sources]
    said += _wrong_names(rates, sorted({family for family in named if family}))
    if said:
        yield f"Error rates, measured on {unit} kept out of training: {'; '.join(said)}."


def _wrong_names(rates: Collection[VerdictRates], families: Collection[str]) -> Iterator[str]:
    """Yield how often a source was named rightly and wrongly, of images of these families and of other generators."""
    if not families:
        return
    kinds = [each for measured in rates if measured.policy == "none" for each in measured.kinds.items()]
    for family in families:
        rate = next((rate for kind, rate in kinds if kind == family), None)
        if rate and rate.right_source and rate.wrong_source:
            yield (
                f"{_in_words(rate.right_source)} of images of {PLURALS.get(family, family)} were given the right "
                f"source and {_in_words(rate.wrong_source)} a wrong one"
            )
    other = next((rate.wrong_source for kind, rate in kinds if kind == OTHERS), None)
    if other:
        of = f" ({other.groups} more groups)" if other.groups else ""
        yield f"{_in_words(other)} of images of generators that the weights do not know{of} were given a source"


def _in_words(rate: Rate) -> str:
    # Groups that agree give an interval without width, which would claim an exactness that few groups do not give.
    if rate.low is None or rate.low == rate.high:
        return f"{rate.value:.0%}"
    return f"{rate.value:.0%} ({rate.low:.0%} to {rate.high:.0%})"
