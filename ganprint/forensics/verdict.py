"""The verdict on one image: the answer, how certain it is, who gave it, and warnings."""

from collections.abc import Iterator, Sequence
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict

from ganprint.attributor import REAL, View
from ganprint.calibration.answer import Answer
from ganprint.calibration.decision import (
    INCONCLUSIVE,
    UNKNOWN,
    best_family,
    decide,
    give_reason,
    is_synthetic,
)
from ganprint.calibration.likelihood import in_words, log10_ratio
from ganprint.calibration.open_set import SCORES, Known
from ganprint.calibration.probabilities import calibrate_probabilities
from ganprint.errors import GanprintError
from ganprint.forensics.gallery import Gallery
from ganprint.images import ImageFile, printable
from ganprint.images.content import Emptiness
from ganprint.provenance.metadata import Metadata
from ganprint.provenance.stated import StatedFile
from ganprint.weights import Card, LikelihoodRecord

UNCALIBRATED = "The probabilities are not calibrated: read them as an order of sources, not as odds."
MOST_AGREE = 0.75
"""Share of the crops that must agree with the most likely source for there to be no warning."""
NO_RULE = "It has the largest probability; these weights do not say when an image is none of their sources."


WRITTEN = ConfigDict(frozen=True, json_schema_serialization_defaults_required=True)
"""Of models that are written to files: every field is there."""


class Failure(BaseModel):
    """Why there is no verdict: a stable code and a sentence."""

    model_config = WRITTEN

    code: str
    message: str


class Ratio(BaseModel):
    """A likelihood ratio for a proposition against its opposite: log10, and ENFSI's words where they are supported.

    `bounded` says that the ratio is as large or small as the data of its calibration can support.
    """

    model_config = WRITTEN

    proposition: str
    against: str
    log10: float
    words: str | None
    bounded: bool


class Evidence(BaseModel):
    """A kind of evidence, and what it adds to the log-odds of synthetic (natural logarithm), the mean over crops."""

    model_config = WRITTEN

    kind: str
    log_odds: float


class Crop(BaseModel):
    """A crop that had a vote: its corner in the image and its side, pixels, and its own P(synthetic)."""

    model_config = WRITTEN

    left: int
    top: int
    side: int
    synthetic_probability: float


class Views(BaseModel):
    """How far the squares that were looked at agree: their number, how many agree with the most likely source, and the
    least and largest probability of synthetic among them.
    """

    model_config = WRITTEN

    count: int
    agreeing: int
    least_synthetic: float
    most_synthetic: float


class MethodAnswer(BaseModel):
    """What one of several methods answers for an image; fields as in Verdict."""

    model_config = WRITTEN

    method: str
    weights: str
    weights_sha256: str | None
    verdict: str | None
    reason: str | None
    synthetic_probability: float | None
    likeliest: str | None
    probabilities: dict[str, float]
    known_score: float | None
    views: Views | None


class Agreement(BaseModel):
    """How many methods say real, synthetic (a source or unknown) and neither, and how many name each source."""

    model_config = WRITTEN

    real: int
    synthetic: int
    inconclusive: int
    sources: dict[str, int]

    def in_words(self) -> str:
        """Return the counts as a phrase."""
        said = [(self.synthetic, "synthetic"), (self.real, "real"), (self.inconclusive, "inconclusive")]
        return ", ".join(f"{count} {name}" for count, name in said if count)


class Change(BaseModel):
    """The verdict after mild post-processing of the image, and whether it is the same."""

    model_config = WRITTEN

    change: str
    verdict: str
    synthetic_probability: float
    holds: bool


class Verdict(BaseModel):
    """The answer for one image: a line of `attribute --json`; field names are stable.

    `verdict` is `real`, the name of a source or of a family of generators, `synthetic-unknown` or `inconclusive`, None
    where there is an `error`; `reason` says why. Of weights without thresholds it is what has the largest
    probability, which `likeliest` always is. `source` and `family` are those that are named, None where none is. Where
    an image has nothing to examine there are no probabilities. `evidence` is what speaks for and against synthetic,
    `crops` where it was looked at. Probabilities are in [0, 1], means over the
    views, calibrated where the card says how; `spread` is their standard deviation over the views before that;
    `synthetic_probability` is one minus real's. `known_score` tells how like the known images this one is, and
    `enrolled` how much nearer to each enrolled gallery than to those. Of several methods, `method` and `weights` are
    all of them, `methods` has each one's answer, and the rest is what was learned of all, over the sources that all
    know, `weights_sha256` being that of the fusion. `judged_by_sha256` is of all that the answer depends on: weights,
    calibration, thresholds, enrolled sources, options. `stability` and `metadata` are there where they were asked for.
    `stated_generator` is the generator that the file names beside its pixels; it moves no probability.
    """

    model_config = WRITTEN

    schema_version: Literal[1] = 1
    path: str
    sha256: str | None = None
    width: int | None = None
    height: int | None = None
    format: str | None = None
    verdict: str | None = None
    source: str | None = None
    family: str | None = None
    synthetic_probability: float | None = None
    probabilities: dict[str, float] = {}
    runner_up: str | None = None
    method: str
    weights: str
    weights_sha256: str | None
    warnings: list[str] = []
    error: Failure | None = None
    spread: dict[str, float] = {}
    reason: str | None = None
    likeliest: str | None = None
    known_score: float | None = None
    likelihood_ratios: list[Ratio] = []
    views: Views | None = None
    evidence: list[Evidence] = []
    crops: list[Crop] = []
    enrolled: dict[str, float] = {}
    methods: list[MethodAnswer] = []
    agreement: Agreement | None = None
    stability: list[Change] = []
    metadata: Metadata | None = None
    stated_generator: str | None = None
    judged_by_sha256: str | None = None

    @property
    def is_synthetic(self) -> bool:
        """Whether the verdict is a source or synthetic-unknown."""
        return is_synthetic(self.verdict)


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
    order = np.argsort(-probabilities, kind="stable")
    uncalibrated = [UNCALIBRATED] if card.calibration is None else []
    names, rule = card.sources, card.judgement
    verdict, reason, score = names[order[0]], NO_RULE, None
    agreeing = int((each.argmax(1) == order[0]).sum())
    doubts = _doubts(image, agreeing / len(each), probabilities, card)
    nearer: dict[str, float] = {}
    if rule is not None and known is not None:
        score = float(SCORES[rule.score](known, [answer])[0])
        verdict = decide(probabilities, score, names, rule, card.families, reflected=answer.reflected)
        reason = give_reason(
            verdict, probabilities, score, names, rule, card.families, reflected=answer.reflected
        )
        nearer = {each.name: each.nearness(answer.embedding, known) for each in galleries}
        found = max(
            (each for each in galleries if nearer[each.name] >= each.threshold),
            key=lambda each: nearer[each.name] - each.threshold,
            default=None,
        )
        if found is not None:
            if verdict == REAL:
                doubts.append(
                    f"Without the enrolled images of {printable(found.name)} it would be called real."
                )
            verdict = found.name
            reason = found.reason(nearer[found.name])
    family, _ = best_family(probabilities, names, card.families)
    named = verdict not in (REAL, UNKNOWN, INCONCLUSIVE, family)
    return Verdict(
        path=image.name,
        sha256=image.sha256,
        width=image.width,
        height=image.height,
        format=image.format,
        verdict=verdict,
        source=verdict if named else None,
        family=family if verdict == family else card.families.get(verdict),
        synthetic_probability=round(float(1 - probabilities[0]), 6),
        probabilities={name: round(float(p), 6) for name, p in zip(names, probabilities, strict=True)},
        runner_up=names[order[1]],
        warnings=[*doubts, *image.notes, *uncalibrated],
        spread={name: round(float(s), 6) for name, s in zip(names, answer.spread, strict=True)},
        reason=reason,
        likeliest=names[order[0]],
        known_score=None if score is None else round(score, 6),
        likelihood_ratios=list(_ratios(probabilities, card, verdict)),
        views=Views(
            count=len(answer.each),
            agreeing=agreeing,
            least_synthetic=round(float(1 - each[:, 0].max()), 6),
            most_synthetic=round(float(1 - each[:, 0].min()), 6),
        ),
        evidence=_evidence(answer),
        crops=[
            Crop(left=left, top=top, side=card.view.size, synthetic_probability=round(float(1 - share), 6))
            for (top, left), share in zip(places, each[:, 0], strict=True)
        ]
        if places and card.view.kind == "native"
        else [],
        enrolled={name: round(value, 6) for name, value in nearer.items()},
        **_stated(image),
        **_weights(card),
    )


def nothing_to_examine(
    image: ImageFile, why: Emptiness, names: tuple[str, str, str | None], by: str
) -> Verdict:
    """Return the verdict on an image that shows nothing to examine, by this method, weights and their hash."""
    method, weights, digest = names
    return Verdict(
        path=image.name,
        sha256=image.sha256,
        width=image.width,
        height=image.height,
        format=image.format,
        verdict=INCONCLUSIVE,
        reason=f"Nothing to examine: {why}.",
        method=method,
        weights=weights,
        weights_sha256=digest,
        warnings=list(image.notes),
        **_stated(image),
        judged_by_sha256=by,
    )


def _stated(image: ImageFile) -> dict[str, Any]:
    """Return the fields of a verdict that hold what the image's file states beside the pixels."""
    if not isinstance(image, StatedFile):
        return {}
    return {"metadata": image.metadata, "stated_generator": image.stated_generator}


def _evidence(answer: Answer) -> list[Evidence]:
    """Return each kind of evidence, the strongest first."""
    if answer.reasons is None:
        return []
    means = answer.reasons.mean(0)
    return [
        Evidence(kind=answer.reason_names[place], log_odds=round(float(means[place]), 3))
        for place in np.argsort(-np.abs(means), kind="stable")
    ]


def _ratios(probabilities: np.ndarray, card: Card, verdict: str) -> Iterator[Ratio]:
    """Yield the ratio of synthetic against real, and of the source that is named against the others and real.

    A ratio that did not hold on groups kept out is not stated. The latter was fitted to no other sources than those, so
    that it says nothing where none of them is named.
    """
    rule = card.judgement
    if rule is None:
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


def failed(path: str, error: GanprintError, names: tuple[str, str, str | None], by: str) -> Verdict:
    """Return the record of an image that could not be answered, by this method, weights and their hash."""
    method, weights, digest = names
    return Verdict(
        path=path,
        error=Failure(code=error.code, message=error.message),
        method=method,
        weights=weights,
        weights_sha256=digest,
        judged_by_sha256=by,
    )


def _weights(card: Card) -> dict[str, Any]:
    return {"method": card.method, "weights": card.name, "weights_sha256": card.sha256}


def _doubts(image: ImageFile, agreeing: float, probabilities: np.ndarray, card: Card) -> list[str]:
    """Return what to beware of, `agreeing` being the share of crops that point to the most likely source."""
    view: View = card.view
    doubts = []
    side = min(image.width, image.height)
    done, least = (
        ("enlarged", view.square) if view.kind == "resize" else ("continued by reflection", view.size)
    )
    if side < least:
        doubts.append(
            f"The image is too small: {image.width} x {image.height} px was {done} to the {least} px "
            "that these weights look at."
        )
    if view.kind == "resize" and side >= 2 * view.square:
        doubts.append(
            f"The image was reduced from {side} to {view.square} px, which removes most of a generator's traces; "
            "weights with the native view look at its own pixels."
        )
    if probabilities.argmax() == 0 and probabilities[0] < 0.5:
        doubts.append(
            "Real is the likeliest single answer, but the synthetic sources together are more likely than it."
        )
    if agreeing < MOST_AGREE:
        doubts.append(f"The crops disagree: {agreeing:.0%} of them point to the most likely source.")
    return doubts
