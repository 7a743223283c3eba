"""Error rates of verdicts, on images that nothing was fitted to."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ganprint.attributor import REAL
from ganprint.calibration.answer import Answer
from ganprint.calibration.decision import INCONCLUSIVE, UNKNOWN, decide, group_weights, why_not_real
from ganprint.calibration.likelihood import cllr, least_cllr, log10_ratio
from ganprint.calibration.open_set import SCORES
from ganprint.calibration.probabilities import calibrate_probabilities, calibration_error, even_weights
from ganprint.data import Manifest
from ganprint.errors import ImageError, UsageError
from ganprint.evaluation.answers import ON_CPU, Computing, whole_answers
from ganprint.evaluation.conditions import Condition
from ganprint.evaluation.group_metrics import group_mean
from ganprint.evaluation.metrics import GroupAnswers, score_open_set
from ganprint.forensics.predictors import WeightsPredictor
from ganprint.perturbation import parse_any_policy
from ganprint.remote import last_part
from ganprint.weights import Card, KindRates, Rate, VerdictRates
from ganprint.weights.records import OTHERS
from ganprint.weights.seen import refuse_seen

PHOTOGRAPHS = "photographs"
"""Kinds of sources that are no family."""


@dataclass(frozen=True)
class Assessed:
    """Rates of verdicts, and for each answerable image (N,) how sure the largest probability is, if it is right, and
    how much it weighs where groups weigh the same.

    `failures` say which images could not be read.
    """

    rates: VerdictRates
    sure: np.ndarray
    right: np.ndarray
    weights: np.ndarray
    failures: list[ImageError]

    def curve(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the share of images answered, and the share of those that is right, from the surest on, (N,) each."""
        order = np.argsort(-self.sure, kind="stable")
        answered = np.cumsum(self.weights[order])
        return answered / answered[-1:], np.cumsum((self.weights * self.right)[order]) / answered


def assess(
    predictor: WeightsPredictor,
    manifest: Manifest,
    split: str,
    policy: str,
    *,
    seed: int = 0,
    command: str = "",
    progress: Callable[[int, int], None] = lambda done, total: None,
    computing: Computing = ON_CPU,
) -> Assessed:
    """Answer for every image of a split and count the verdicts on photographs, known and unknown sources.

    Raises UsageError where the weights have no thresholds, or were fitted to the split.
    """
    card = predictor.card
    fitted_on = card.calibration.split.split("@")[0].split("+") if card.calibration else ["val"]
    images = manifest.select(split)
    if {"train", *fitted_on} & set(images.split_names):
        raise UsageError(
            f"{split} has images that the weights or their thresholds were fitted to.",
            "Assess others, such as those of a split test.",
        )
    refuse_seen(card, images, split)
    found = answer_images(predictor, images, policy, seed=seed, progress=progress, computing=computing)
    rates = VerdictRates(
        data=last_part(manifest.name),
        data_sha256=images.sha256,
        split=split,
        policy=policy,
        seed=seed,
        n=len(found.rows),
        groups=len(set(zip(found.sources, found.groups, strict=True))) if found.by_group else None,
        command=command,
        **_counts(found),
        **_measures(found, predictor),
    )
    inside = found.labels >= 0
    sure, labels = found.probabilities[inside], found.labels[inside]
    weights = group_weights(labels, found.groups[inside]) if found.by_group else np.ones(len(labels))
    return Assessed(rates, sure.max(1), sure.argmax(1) == labels, weights, found.failures)


def _counts(found: "ImageVerdicts") -> dict[str, Any]:
    """Return the fields of VerdictRates that count verdicts."""
    card, verdicts, labels, groups = found.card, found.verdicts, found.labels, found.groups
    inside, photographs = labels >= 0, labels == 0
    undecided = np.isin(verdicts, (UNKNOWN, INCONCLUSIVE))
    answered = inside & ~undecided
    families = list(set(card.families.values()))
    return {
        "kinds": found.kinds(),
        "verdicts": {
            REAL: _share(verdicts == REAL),
            "named": _share(np.isin(verdicts, card.sources[1:])),
            "family": _share(np.isin(verdicts, families)),
            UNKNOWN: _share(verdicts == UNKNOWN),
            INCONCLUSIVE: _share(verdicts == INCONCLUSIVE),
        },
        "answered": found.rate(answered, inside),
        "right": found.rate(found.right_source | (photographs & (verdicts == REAL)), answered),
        "false_alarms": found.rate(found.synthetic, photographs),
        "false_alarms_by_set": {
            name: Rate.of(found.synthetic[photographs & (groups == name)].tolist())
            for name in sorted(set(groups[photographs].tolist()) - {""})
        },
        "missed": found.rate(verdicts == REAL, labels > 0),
        "unknown": found.rate(undecided, ~inside),
    }


def _measures(found: "ImageVerdicts", predictor: WeightsPredictor) -> dict[str, Any]:
    """Return the fields of VerdictRates that measure probabilities and scores, None or empty where they cannot."""
    rule, known, labels = predictor.card.judgement, predictor.known, found.labels
    assert rule is not None and known is not None
    inside, synthetic = labels >= 0, labels != 0
    weights = even_weights(labels, found.groups) if found.by_group else None
    error = None
    if inside.any():
        inner = even_weights(labels[inside], found.groups[inside]) if found.by_group else None
        error = calibration_error(found.probabilities[inside], labels[inside], inner)
    best = np.stack([answer.probabilities for answer in found.answers]).argmax(1)
    groups = found.answered(best) if found.by_group else None
    scored = {
        name: score_open_set(labels, best, score(known, found.answers), groups=groups) for name, score in SCORES.items()
    }
    ratios = log10_ratio(1 - found.probabilities[:, 0], rule.synthetic)
    both = synthetic.any() and not synthetic.all()
    return {
        "auroc": {name: each["auroc"] for name, each in scored.items() if each},
        "oscr": {name: each["oscr"] for name, each in scored.items() if each},
        "calibration_error": None if error is None else round(error, 4),
        "cllr": round(cllr(ratios, synthetic, weights), 4) if both else None,
        "cllr_min": round(least_cllr(ratios, synthetic, weights), 4) if both else None,
    }


@dataclass(frozen=True)
class ImageVerdicts:
    """Verdicts (N,) on the images of a manifest that could be read, at `rows`, with their labels, sources, groups and
    kinds, calibrated probabilities (N, K) and whole answers, and why the others could not be read.

    Rates are by group where each image has one.
    """

    card: Card
    rows: np.ndarray
    labels: np.ndarray
    sources: np.ndarray
    groups: np.ndarray
    photograph_kinds: np.ndarray
    verdicts: np.ndarray
    probabilities: np.ndarray
    answers: list[Answer]
    failures: list[ImageError]

    @property
    def by_group(self) -> bool:
        """Whether groups are the unit."""
        return bool((self.groups != "").all())

    @property
    def synthetic(self) -> np.ndarray:
        """Which images are called synthetic in some way."""
        return ~np.isin(self.verdicts, (REAL, INCONCLUSIVE))

    @property
    def right_source(self) -> np.ndarray:
        """Which generated images are called by their own source."""
        right: np.ndarray = (self.labels > 0) & (self.verdicts == np.array([*self.card.sources, ""])[self.labels])
        return right

    def answered(self, predicted: np.ndarray) -> GroupAnswers:
        """Return the labels (N,) that were answered, by group."""
        sources, source = np.unique(self.sources, return_inverse=True)
        groups, group = np.unique(self.groups, return_inverse=True)
        named = (source, tuple(sources.tolist())), (group, tuple(groups.tolist()))
        return GroupAnswers.of(self.labels, predicted, *named, len(self.card.sources))

    def rate(self, holds: np.ndarray, among: np.ndarray) -> Rate | None:
        """Return how often something holds (N,) among some images (N,), None where there are none."""
        if not among.any():
            return None
        if not self.by_group:
            return Rate.of(holds[among].tolist())
        found = group_mean(holds[among], self.sources[among], self.groups[among])
        return Rate(
            n=found.images,
            groups=found.groups,
            value=round(found.value, 4),
            low=None if found.low is None else round(found.low, 4),
            high=None if found.high is None else round(found.high, 4),
        )

    def kinds(self) -> dict[str, KindRates]:
        """Return rates for photographs, each family, sources of none, and generators that are no class.

        Photographs whose `kind` the manifest names (phone, scan, ...) are also counted by it.
        """
        names = np.array([*self.card.sources, ""])[self.labels]
        families = np.array([self.card.families.get(name, "other sources") for name in names])
        kinds = np.where(self.labels == 0, PHOTOGRAPHS, np.where(self.labels < 0, OTHERS, families))
        named = np.isin(self.verdicts, self.card.sources[1:])
        called = np.array([self.card.families.get(each, each) for each in self.verdicts])
        of_family = (called == families) | self.right_source  # a source may have no family
        sets = {kind: kinds == kind for kind in sorted(set(kinds.tolist()))}
        for kind in sorted(set(self.photograph_kinds[self.labels == 0].tolist()) - {""}):
            sets[f"{PHOTOGRAPHS}: {kind}"] = (self.labels == 0) & (self.photograph_kinds == kind)
        found = {}
        for kind, among in sets.items():
            known = not kind.startswith(PHOTOGRAPHS) and kind != OTHERS
            real, synthetic = self.rate(self.verdicts == REAL, among), self.rate(self.synthetic, among)
            assert real is not None and synthetic is not None
            found[kind] = KindRates(
                real=real,
                synthetic=synthetic,
                right_family=self.rate(of_family, among) if known else None,
                right_source=self.rate(self.right_source, among) if known else None,
                wrong_source=self.rate(named & ~self.right_source, among),
            )
        return found


def answer_images(
    predictor: WeightsPredictor,
    images: Manifest,
    policy: str,
    *,
    seed: int = 0,
    progress: Callable[[int, int], None] = lambda done, total: None,
    computing: Computing = ON_CPU,
) -> ImageVerdicts:
    """Return the verdicts on a manifest's images under a policy; raise UsageError where there are no thresholds."""
    card, rule, known = predictor.card, predictor.card.judgement, predictor.known
    if rule is None or known is None:
        raise UsageError(f"{card.name} has no thresholds to assess.", "ganprint calibrate --record gives it some.")
    condition = Condition.of(parse_any_policy(policy), card.view, seed=seed)
    rows, answers, failures = whole_answers(predictor.attributor, images, condition, computing, progress)
    plain = np.stack([answer.probabilities for answer in answers])
    probabilities = calibrate_probabilities(plain, card.calibration)
    scores = SCORES[rule.score](known, answers)
    doubts = [why_not_real(answer, rule) for answer in answers]
    verdicts = np.array(
        [
            INCONCLUSIVE
            if answer.nothing is not None
            else decide(each, score, card.sources, rule, card.families, hidden=hidden)[0]
            for each, score, answer, hidden in zip(probabilities, scores, answers, doubts, strict=True)
        ]
    )
    sources, groups, kinds = (images.column(name)[rows] for name in ("source", "group", "kind"))
    return ImageVerdicts(
        card, rows, images.labels[rows], sources, groups, kinds, verdicts, probabilities, answers, failures
    )


def _share(holds: np.ndarray) -> float:
    return round(float(holds.mean()), 4)
