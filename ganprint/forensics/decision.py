"""From probabilities and a score to a verdict: the rule, its thresholds, and what a verdict rests on in words."""

from dataclasses import dataclass

import numpy as np

from ganprint.attributor import REAL
from ganprint.weights import JudgementRecord

UNKNOWN = "synthetic-unknown"
"""The verdict on an image that is synthetic, its source none that can be named."""
INCONCLUSIVE = "inconclusive"
"""The verdict on an image that is neither."""


@dataclass(frozen=True)
class Rates:
    """How often a verdict may be wrong on the images that thresholds are fitted to, one rate for each threshold."""

    false_unknown: float = 0.05
    false_alarm: float = 0.02
    miss: float = 0.05
    wrong_source: float = 0.1


DEFAULT_RATES = Rates()


@dataclass(frozen=True)
class Thresholds:
    """See JudgementRecord, whose numbers these are."""

    unknown_below: float
    synthetic_from: float
    real_to: float
    source_from: float


def fit_thresholds(
    probabilities: np.ndarray, labels: np.ndarray, scores: np.ndarray, rates: Rates
) -> Thresholds:
    """Return the thresholds that keep to the rates on probabilities (N, K), labels (N,) and scores (N,).

    Of n images at most a rate times n, rounded down, are on the wrong side, ties included.
    """
    synthetic = 1 - probabilities[:, 0]
    begins = -_beyond(-synthetic[labels == 0], rates.false_alarm)
    ends = _beyond(synthetic[labels > 0], rates.miss)
    if ends >= begins:
        # Both rates can be kept with room to spare: what is between goes to the nearer side.
        begins = ends = (begins + ends) / 2
    likeliest = probabilities[:, 1:].argmax(1) + 1
    called = synthetic >= begins
    shares, wrong = probabilities[:, 1:].max(1)[called], (likeliest != labels)[called]
    order = np.argsort(-shares, kind="stable")
    errors = np.cumsum(wrong[order]) / np.arange(1, len(order) + 1)
    last_of_ties = np.diff(shares[order], append=-1.0) < 0
    kept = np.flatnonzero((errors <= rates.wrong_source) & last_of_ties)
    return Thresholds(
        unknown_below=float(np.sort(scores)[int(rates.false_unknown * len(scores))]),
        synthetic_from=min(begins, 1.0),
        real_to=max(ends, 0.0),
        source_from=float(shares[order][kept[-1]]) if len(kept) else 1.0,
    )


def _beyond(values: np.ndarray, rate: float) -> float:
    """Return the largest number that at most a share `rate` of the values (N,) does not exceed."""
    return float(np.nextafter(np.sort(values)[int(rate * len(values))], -np.inf))


def is_synthetic(verdict: str | None) -> bool:
    """Say whether a verdict is a source or UNKNOWN."""
    return verdict not in (None, REAL, INCONCLUSIVE)


def percent(share: float) -> str:
    """Return a share as per cent, never as none or all."""
    if share < 0.001:
        return "under 0.1%"
    return "over 99.9%" if share > 0.999 else f"{share:.1%}"


def decide(probabilities: np.ndarray, score: float, sources: tuple[str, ...], rule: JudgementRecord) -> str:
    """Return the verdict on an image: real, a source, UNKNOWN or INCONCLUSIVE."""
    synthetic, share = 1 - probabilities[0], probabilities[1:].max()
    if synthetic >= rule.synthetic_from:
        if score < rule.unknown_below or share < rule.source_from:
            return UNKNOWN
        return sources[int(probabilities[1:].argmax()) + 1]
    return REAL if synthetic <= rule.real_to and score >= rule.unknown_below else INCONCLUSIVE


def give_reason(
    verdict: str, probabilities: np.ndarray, score: float, sources: tuple[str, ...], rule: JudgementRecord
) -> str:
    """Return why an image got its verdict, in a sentence with the numbers compared."""
    synthetic = 1 - float(probabilities[0])
    foremost = int(probabilities[1:].argmax()) + 1
    strange = score < rule.unknown_below
    likeness = _likeness(score, strange, rule)
    if verdict == INCONCLUSIVE and strange and synthetic <= rule.real_to:
        return f"Synthetic at {percent(synthetic)} is at most {percent(rule.real_to)}, but the image is {likeness}."
    if verdict == INCONCLUSIVE:
        return (
            f"Synthetic at {percent(synthetic)} is neither at most {percent(rule.real_to)}, as for real, nor at least "
            f"{percent(rule.synthetic_from)}, as for synthetic; the image is {likeness}."
        )
    if verdict == REAL:
        return f"Synthetic at {percent(synthetic)} is at most {percent(rule.real_to)}, and the image is {likeness}."
    said = f"Synthetic at {percent(synthetic)} is at least {percent(rule.synthetic_from)}"
    if verdict == UNKNOWN and not strange:
        return (
            f"{said}, but no source is likely enough to be named: {sources[foremost]} at "
            f"{percent(probabilities[foremost])}, from {percent(rule.source_from)} on."
        )
    return f"{said}, {'but' if strange else 'and'} the image is {likeness}."


def _likeness(score: float, strange: bool, rule: JudgementRecord) -> str:
    word = "unlike" if strange else "like"
    if rule.score == "share of methods":
        return f"{word} those that the methods know, as {score:.0%} of them find"
    side = "below" if strange else "not below"
    return f"{word} the images these weights know ({rule.score} {score:.3f}, {side} {rule.unknown_below:.3f})"
