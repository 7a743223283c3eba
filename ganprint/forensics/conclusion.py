"""From a method's answer to the verdict on an image."""

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from ganprint.attributor import REAL, View
from ganprint.calibration.answer import Answer
from ganprint.calibration.decision import INCONCLUSIVE, UNKNOWN, best_family, decide, ratios_hold, why_not_real
from ganprint.calibration.likelihood import in_words, log10_ratio
from ganprint.calibration.open_set import SCORES, Known
from ganprint.calibration.probabilities import calibrate_probabilities
from ganprint.forensics.gallery import Gallery
from ganprint.forensics.verdict import NO_RULE, UNCALIBRATED, Crop, Evidence, Ratio, Verdict, Views
from ganprint.images import ImageFile
from ganprint.plain_text import printable
from ganprint.provenance.stated import StatedFile
from ganprint.weights import Card, LikelihoodRecord

MOST_AGREE = 0.75
"""Share of the crops that must agree with the most likely source for there to be no warning."""


class Decision(NamedTuple):
    """A verdict with its reason, the score that it is from, how near the galleries are, and a doubt if there is one."""

    verdict: str
    reason: str
    score: float | None = None
    nearer: Mapping[str, float] = MappingProxyType({})
    doubts: tuple[str, ...] = ()


def make_verdict(
    image: ImageFile,
    answer: Answer,
    card: Card,
    *,
    known: Known | None,
    galleries: Sequence[Gallery] = (),
    places: Sequence[tuple[int, int]] = (),
) -> Verdict:
    """Turn a method's answer into a verdict, with every reason to doubt it among the warnings.

    `known` is where the weights place known images, needed if the card has thresholds; `places` are the rows and
    columns of the crops' corners, where they are the image's own pixels.
    """
    probabilities = calibrate_probabilities(answer.probabilities[None], card.calibration)[0]
    each = calibrate_probabilities(answer.each, card.calibration)
    decision = _decide(answer, probabilities, card, known, galleries)
    verdict, names = decision.verdict, card.sources
    order = np.argsort(-probabilities, kind="stable")
    agreeing = int((each.argmax(1) == order[0]).sum())
    too_small = _size_warnings(image, card.view, answer.reflected)
    doubts = [
        *too_small,
        *_doubts(image, agreeing / len(each), probabilities, card.view),
        *decision.doubts,
        *image.notes,
    ]
    family, _ = best_family(probabilities, names, card.families)
    named = verdict not in (REAL, UNKNOWN, INCONCLUSIVE, family)
    # The ratios are about the other generators: beside an enrolled source they would speak for real.
    ratios = [] if verdict in decision.nearer else list(_ratios(answer, probabilities, card, verdict))
    return Verdict(
        verdict=verdict,
        source=verdict if named else None,
        family=family if verdict == family else card.families.get(verdict),
        synthetic_probability=round(float(1 - probabilities[0]), 6),
        probabilities={name: round(float(p), 6) for name, p in zip(names, probabilities, strict=True)},
        runner_up=names[order[1]],
        warnings=doubts if card.calibration else [*doubts, UNCALIBRATED],
        size_warnings=too_small,
        spread={name: round(float(s), 6) for name, s in zip(names, answer.spread, strict=True)},
        reason=decision.reason,
        likeliest=names[order[0]],
        known_score=None if decision.score is None else round(decision.score, 6),
        likelihood_ratios=ratios,
        views=Views(
            count=len(answer.each),
            agreeing=agreeing,
            least_synthetic=round(float(1 - each[:, 0].max()), 6),
            most_synthetic=round(float(1 - each[:, 0].min()), 6),
        ),
        evidence=_evidence(answer),
        crops=_crops(places, each[:, 0], card.view),
        enrolled={name: round(value, 6) for name, value in decision.nearer.items()},
        method=card.method,
        weights=card.name,
        weights_sha256=card.sha256,
        **of_file(image),
    )


def _decide(
    answer: Answer, probabilities: np.ndarray, card: Card, known: Known | None, galleries: Sequence[Gallery]
) -> Decision:
    """Decide by the thresholds of the weights, where there are some, and by the enrolled sources."""
    names, rule = card.sources, card.judgement
    if rule is None or known is None:
        return Decision(INCONCLUSIVE, NO_RULE)
    score = float(SCORES[rule.score](known, [answer])[0])
    hidden = why_not_real(answer, rule)
    verdict, reason = decide(probabilities, score, names, rule, card.families, hidden=hidden)
    nearer = {each.name: each.nearness(answer.embedding, known) for each in galleries}
    found = max(
        (each for each in galleries if nearer[each.name] >= each.threshold),
        key=lambda each: nearer[each.name] - each.threshold,
        default=None,
    )
    if found is None:
        return Decision(verdict, reason, score, nearer)
    doubt = f"Without the enrolled images of {printable(found.name)} no trace would be found."
    doubts = (doubt,) if verdict == REAL else ()
    return Decision(found.name, found.reason(nearer[found.name]), score, nearer, doubts)


def of_file(image: ImageFile) -> dict[str, Any]:
    """Return the fields of a verdict that say which file it is on, and what that states beside the pixels."""
    stated = ("metadata", "stated_generator") if isinstance(image, StatedFile) else ()
    names = ("sha256", "width", "height", "format", *stated)
    return {"path": image.name, **{name: getattr(image, name) for name in names}}


def _evidence(answer: Answer) -> list[Evidence]:
    """Return each kind of evidence, the strongest first."""
    if answer.reasons is None:
        return []
    means = answer.reasons.mean(0)
    return [
        Evidence(kind=answer.reason_names[place], log_odds=round(float(means[place]), 3))
        for place in np.argsort(-np.abs(means), kind="stable")
    ]


def _ratios(answer: Answer, probabilities: np.ndarray, card: Card, verdict: str) -> Iterator[Ratio]:
    """Yield the ratio of synthetic against real, and of the source that is named against the others and real.

    A ratio that did not hold on groups kept out is not stated. The latter was fitted to no other sources than those, so
    that it says nothing where none of them is named.
    """
    rule = card.judgement
    if rule is None or not ratios_hold(answer, rule, verdict):
        return
    if rule.synthetic.holds:
        yield ratio_of("synthetic", REAL, float(1 - probabilities[0]), rule.synthetic)
    if verdict in rule.sources and rule.sources[verdict].holds:
        share = float(probabilities[card.sources.index(verdict)])
        yield ratio_of(verdict, f"not {verdict}", share, rule.sources[verdict])


def ratio_of(proposition: str, against: str, probability: float, record: LikelihoodRecord) -> Ratio:
    """Return the likelihood ratio that a probability of a proposition stands for."""
    value = float(log10_ratio(probability, record))
    return Ratio(
        proposition=proposition,
        against=against,
        log10=round(value, 3),
        words=in_words(value, record),
        bounded=value in (record.most, record.least),
    )


def _crops(places: Sequence[tuple[int, int]], real: np.ndarray, view: View) -> list[Crop]:
    """Return the crops with a vote, of which `real` has P(real); none where they are not the image's own pixels."""
    if not places or view.kind != "native":
        return []
    return [
        Crop(left=left, top=top, side=view.size, synthetic_probability=round(float(1 - share), 6))
        for (top, left), share in zip(places, real, strict=True)
    ]


def _size_warnings(image: ImageFile, view: View, reflected: bool) -> list[str]:
    """Return a sentence if the image, or what is inside its border, is smaller than what the weights look at."""
    done, least = ("enlarged", view.square) if view.kind == "resize" else ("continued by reflection", view.size)
    what = "What is inside the plain border is too small: it"
    if min(image.width, image.height) < least:
        what = f"The image is too small: {image.width} x {image.height} px"
    elif not reflected:
        return []
    return [f"{what} was {done} to the {least} px that these weights look at."]


def _doubts(image: ImageFile, agreeing: float, probabilities: np.ndarray, view: View) -> list[str]:
    """Return what to beware of, `agreeing` being the share of crops that point to the most likely source."""
    doubts = []
    side = min(image.width, image.height)
    if view.kind == "resize" and side >= 2 * view.square:
        doubts.append(
            f"The image was reduced from {side} to {view.square} px, which removes most of a generator's traces; "
            "weights with native preprocessing use its own pixels."
        )
    if probabilities.argmax() == 0 and probabilities[0] < 0.5:
        doubts.append("Real is the most likely single source, but the synthetic sources together are more likely.")
    if agreeing < MOST_AGREE:
        doubts.append(f"The crops disagree: {agreeing:.0%} of them point to the most likely source.")
    return doubts
