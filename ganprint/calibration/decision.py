"""The rule that turns probabilities and a score into a verdict, and its thresholds."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import floor
from typing import NamedTuple

import numpy as np

from ganprint.attributor import REAL
from ganprint.calibration.answer import Answer
from ganprint.calibration.likelihood import log10_ratio
from ganprint.calibration.probabilities import vote_parts
from ganprint.errors import UsageError
from ganprint.weights import JudgementRecord

UNKNOWN = "synthetic-unknown"
"""The verdict on an image that is synthetic, neither its source nor its family clear."""
INCONCLUSIVE = "inconclusive"
"""The verdict on an image that is neither."""


@dataclass(frozen=True)
class Rates:
    """How often a verdict may be wrong on the images that thresholds are fitted to, one rate for each threshold."""

    false_unknown: float = 0.02
    false_alarm: float = 0.02
    miss: float = 0.1
    wrong_family: float = 0.1
    wrong_source: float = 0.2

    def __post_init__(self) -> None:
        for name, rate in vars(self).items():
            check_rate(name, rate)


def check_rate(name: str, rate: float) -> None:
    """Raise UsageError for a rate, called `name`, that is no share between 0 and 1."""
    if not 0 < rate < 1:
        raise UsageError(f"{name} cannot be {rate}.", "Give a share between 0 and 1, such as 0.02.")


DEFAULT_RATES = Rates()


@dataclass(frozen=True)
class Thresholds:
    """See JudgementRecord, whose numbers these are."""

    unknown_below: float
    synthetic_from: float
    real_to: float
    family_from: float
    source_from: float


class Limits(NamedTuple):
    """See JudgementRecord, whose values these are: what an image needs for an answer without a trace."""

    mostly_grey: bool
    detail_from: float | None


def group_weights(labels: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Return weights (N,) of sum 1 in each label: its groups weigh the same, and the images within a group."""
    return 1 / vote_parts(labels, groups)


def family_indices(sources: tuple[str, ...], families: Mapping[str, str]) -> dict[str, list[int]]:
    """Return the places of each family's sources, for families of two sources or more."""
    found: dict[str, list[int]] = {}
    for place, source in enumerate(sources):
        if source in families:
            found.setdefault(families[source], []).append(place)
    return {family: places for family, places in found.items() if len(places) > 1}


def fit_thresholds(
    probabilities: np.ndarray,
    labels: np.ndarray,
    scores: np.ndarray,
    rates: Rates,
    *,
    weights: np.ndarray,
    families: Mapping[str, list[int]] | None = None,
    hidden: np.ndarray | None = None,
) -> Thresholds:
    """Return the thresholds that keep to the rates on probabilities (N, K), labels (N,) and scores (N,).

    `weights` (N,) of sum 1 in each label are `group_weights`: a rate is then a mean over groups. Of the generated
    images no family (`family_indices`), nor all together, may be missed more often; those that are `hidden`, bool (N,),
    as `why_not_real` says, cannot be, which raises `real_to` alone.
    """
    families = families or {}
    synthetic, known = 1 - probabilities[:, 0], labels > 0
    begins = -beyond(-synthetic[~known], weights[~known], rates.false_alarm)
    sides = [known, *(np.isin(labels, places) for places in families.values())]

    def missed_to(values: np.ndarray) -> float:
        return min(beyond(values[side], weights[side], rates.miss) for side in sides if side.any())

    ends = missed_to(synthetic)
    if ends >= begins:
        # Both rates can be kept with room to spare: what is between goes to the nearer side.
        begins = ends = (begins + ends) / 2
    elif hidden is not None:
        ends = min(missed_to(np.where(hidden, 1, synthetic)), begins)
    called = synthetic >= begins
    best = probabilities[:, 1:].argmax(1) + 1
    source_from = _named_from(
        probabilities[:, 1:].max(1)[called], (best != labels)[called], weights[called], rates.wrong_source
    )
    family_from = 1.0
    if families:
        shares = np.stack([probabilities[:, places].sum(1) for places in families.values()], 1)
        members = np.zeros((len(families), probabilities.shape[1]), bool)
        for row, places in enumerate(families.values()):
            members[row, places] = True
        wrong = ~members[shares.argmax(1), labels]
        family_from = _named_from(shares.max(1)[called], wrong[called], weights[called], rates.wrong_family)
    return Thresholds(
        unknown_below=beyond(scores, weights, rates.false_unknown),
        synthetic_from=min(begins, 1.0),
        real_to=max(ends, 0.0),
        family_from=family_from,
        source_from=source_from,
    )


def beyond(values: np.ndarray, weights: np.ndarray, rate: float) -> float:
    """Return the largest number that values (N,) of at most a share `rate` of the weight do not exceed."""
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(weights[order]) / weights.sum()
    first = min(int(np.searchsorted(reached, rate * (1 + 1e-9), side="right")), len(values) - 1)
    return float(np.nextafter(values[order][first], -np.inf))


def _named_from(shares: np.ndarray, wrong: np.ndarray, weights: np.ndarray, rate: float) -> float:
    """Return the least share from which on at most `rate` of the weight of what is named is wrong, 1 where none is."""
    order = np.argsort(-shares, kind="stable")
    errors = np.cumsum((wrong * weights)[order]) / np.maximum(np.cumsum(weights[order]), 1e-300)
    last_of_ties = np.diff(shares[order], append=-1.0) < 0
    kept = np.flatnonzero((errors <= rate) & last_of_ties)
    return float(shares[order][kept[-1]]) if len(kept) else 1.0


def why_not_real(answer: Answer, limits: Limits | JudgementRecord) -> str | None:
    """Return why an image may show no trace though it is generated, if there is a reason.

    What was filled by reflection shows traces, but none that are missing. Of generated images that are made grey, or
    enlarged, many look like photographs.
    """
    if answer.reflected:
        return "the image is too small to say that no trace was found"
    if answer.grey and not limits.mostly_grey:
        return "it has no colour, and without colour traces are often missed"
    least = limits.detail_from
    if least is not None and answer.detail < least:
        # Rounded down, as the limit has two decimals: the two never read the same.
        numbers = f"{floor(100 * answer.detail) / 100:.2f} dB, below {least:.2f} dB"
        return f"it lacks fine detail, as after enlargement or blur ({numbers}), and without it traces are often missed"
    return None


def ratios_hold(answer: Answer, rule: JudgementRecord, verdict: str) -> bool:
    """Return whether likelihood ratios say anything of an image: none for what hides traces, unless some were found.

    They were fitted to images with colour, unless most of the generated ones had none.
    """
    if answer.grey and not rule.mostly_grey:
        return False
    return is_synthetic(verdict) or why_not_real(answer, rule) is None


def is_synthetic(verdict: str | None) -> bool:
    """Return whether a verdict is a source, a family or UNKNOWN."""
    return verdict not in (None, REAL, INCONCLUSIVE)


def percent(share: float) -> str:
    """Return a share as per cent, never as none or all."""
    if share < 0.001:
        return "under 0.1%"
    return "over 99.9%" if share > 0.999 else f"{share:.1%}"


def whole_percent(share: float) -> str:
    """Return a share as a whole number of per cent, never as none or all."""
    if share < 0.005:
        return "under 1%"
    return "over 99%" if share >= 0.995 else f"{share:.0%}"


def real_up_to(rule: JudgementRecord) -> float:
    """Return up to which P(synthetic) no trace is found: never where synthetic is more probable, whatever `real_to`."""
    return min(rule.real_to, 0.5)


def best_family(
    probabilities: np.ndarray, sources: tuple[str, ...], families: Mapping[str, str]
) -> tuple[str | None, float]:
    """Return the most likely family of generators and its probability, None and 0 where no source has a family."""
    places = family_indices(sources, families)
    shares = {family: float(probabilities[each].sum()) for family, each in places.items()}
    found = max(shares, key=lambda family: shares[family], default=None)
    return found, shares[found] if found else 0.0


def decide(
    probabilities: np.ndarray,
    score: float,
    sources: tuple[str, ...],
    rule: JudgementRecord,
    families: Mapping[str, str] | None = None,
    *,
    hidden: str | None = None,
) -> tuple[str, str]:
    """Return the verdict on an image and why, in a sentence with the numbers compared.

    The verdict is real, a source, a family, UNKNOWN or INCONCLUSIVE; `families` says which family a source is of. Real
    needs a probability above one half, a likelihood ratio that does not speak for synthetic, and an image whose traces
    are not `hidden`, for a reason that `why_not_real` gives.
    """
    synthetic, strange = float(1 - probabilities[0]), score < rule.unknown_below
    said = f"P(synthetic) is {percent(synthetic)}"
    unlike = f"the image is unlike the training images ({rule.score} {score:.3f}, below {rule.unknown_below:.3f})"
    if synthetic < rule.synthetic_from:
        real_to = real_up_to(rule)
        agrees = synthetic < 0.5 and float(log10_ratio(synthetic, rule.synthetic)) <= 0
        if synthetic > real_to:
            low, high = percent(real_to), percent(rule.synthetic_from)
            return INCONCLUSIVE, f"{said}: between {low} (no trace found) and {high} (synthetic)."
        if strange:
            return INCONCLUSIVE, f"{said}, low enough for no trace, but {unlike}."
        if hidden:
            return INCONCLUSIVE, f"{said}, but {hidden}."
        if not agrees:
            return INCONCLUSIVE, f"{said}, which does not speak clearly for either side."
        return REAL, f"{said}: no trace is found up to {percent(real_to)}."
    said += f", called synthetic from {percent(rule.synthetic_from)} on"
    if strange:
        return UNKNOWN, f"{said}, but {unlike}."
    foremost = int(probabilities[1:].argmax()) + 1
    source = f"{sources[foremost]} at {percent(float(probabilities[foremost]))}"
    if probabilities[foremost] >= rule.source_from:
        return sources[foremost], f"{said}; {source}, named from {percent(rule.source_from)} on."
    said += f"; no source is clear ({source}, named from {percent(rule.source_from)} on)"
    family, share = best_family(probabilities, sources, families or {})
    if family is None:
        return UNKNOWN, f"{said}."
    least = percent(rule.family_from)
    if share >= rule.family_from:
        return family, f"{said}; {family} at {percent(share)}, named from {least} on."
    return UNKNOWN, f"{said}, nor is the family ({family} at {percent(share)}, named from {least} on)."
