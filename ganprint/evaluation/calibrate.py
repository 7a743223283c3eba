"""Fit what verdicts need: calibration, thresholds, likelihood ratios and the in-distribution reference."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import numpy as np

from ganprint.attributor import Attributor
from ganprint.calibration.answer import Answer
from ganprint.calibration.decision import (
    DEFAULT_RATES,
    Limits,
    Rates,
    beyond,
    family_indices,
    fit_thresholds,
    group_weights,
    why_not_real,
)
from ganprint.calibration.likelihood import fit_likelihood
from ganprint.calibration.open_set import SCORES, Known
from ganprint.calibration.probabilities import (
    Fit,
    Scaling,
    apply_isotonic,
    brier_score,
    calibration_error,
    even_weights,
    fit_isotonic,
    fit_scaling,
    folds_of,
    log_loss,
)
from ganprint.calibration.probabilities import held_out as held_out_answers
from ganprint.data import Manifest
from ganprint.errors import ImageError, UsageError
from ganprint.evaluation.answers import ON_CPU, Computing, whole_answers
from ganprint.evaluation.conditions import Condition
from ganprint.evaluation.group_metrics import FEWEST_GROUPS
from ganprint.forensics.predictors import known_arrays, known_from
from ganprint.perturbation import parse_any_policy
from ganprint.remote import last_part
from ganprint.weights import NO_REFERENCE, CalibrationRecord, Card, JudgementRecord, LikelihoodRecord, utc_now
from ganprint.weights.seen import seen_record

WITHOUT_DETAIL = 0.01
"""Of photographs, the share that has too little fine detail for an answer without a trace."""
FEWEST = 50
"""Images that a temperature can be fitted to."""
MOST_KNOWN = 10_000
"""Embeddings that are kept of the images that calibration saw, drawn where there are more."""
FEWEST_OF_A_SOURCE = 10
"""Images of a source, and of others, from which on it gets likelihood ratios."""


@dataclass(frozen=True)
class Calibrated:
    """A calibration with what it was measured on: labels (N,), weights (N,) by which groups or images weigh the same,
    probabilities (N, K) before, and after in turn.

    `reference` are the arrays of where known images lie, `failures` say which images could not be read.
    """

    record: CalibrationRecord
    judgement: JudgementRecord
    reference: dict[str, np.ndarray]
    labels: np.ndarray
    weights: np.ndarray
    before: np.ndarray
    after: np.ndarray
    failures: list[ImageError]


@dataclass(frozen=True, kw_only=True)
class Fitting:
    """What verdicts are fitted to: a split under policies, a score of SCORES, and the rates that thresholds keep to."""

    split: str
    policies: Sequence[str]
    score: str = "knn"
    rates: Rates = DEFAULT_RATES
    seed: int = 0
    command: str = ""


def calibrate(
    attributor: Attributor,
    card: Card,
    manifest: Manifest,
    fitting: Fitting,
    *,
    held_out: Sequence[tuple[frozenset[str], Attributor]] = (),
    progress: Callable[[str, int, int], None] = lambda policy, done, total: None,
    computing: Computing = ON_CPU,
) -> Calibrated:
    """Fit to the answers for a split's images of known sources, under each policy, all that verdicts need.

    Where photographs and generated images come of FEWEST_GROUPS groups at least, groups weigh the same, and
    cross-validation leaves groups out; otherwise images.
    With `held_out`, each group is answered for by the attributor that was fitted without it, so that the split may be
    one that was trained on; images of other groups are left out, and so are those with nothing to examine.
    Raises UsageError where fewer than FEWEST images can be read, too few are photographs or generated, and for an
    attack.
    """
    split, seed = fitting.split, fitting.seed
    images = manifest.select(split)
    images = images.take(np.flatnonzero(images.labels >= 0))
    answering = [(np.arange(len(images)), attributor)]
    if held_out:
        answering = [(np.flatnonzero(np.isin(images.groups, list(groups))), each) for groups, each in held_out]
    _check_count(manifest, split, sum(len(rows) for rows, _ in answering))
    conditions = {policy: Condition.of(parse_any_policy(policy), card.view, seed=seed) for policy in fitting.policies}
    which, answers, failures = _voting(images, answering, conditions, progress, computing)
    labels, count = images.labels[which], len(np.unique(which))
    _check_count(manifest, split, count)
    check_sides(labels, which, f"{manifest.name}, {split}")
    by_group = are_units(images.groups[which], labels)
    units = np.unique(images.groups[which] if by_group else which, return_inverse=True)[1]
    before = np.stack([answer.probabilities for answer in answers])
    sample = Sample(before, labels, which, units, even_weights(labels, units), folds_of(units))
    facts = {
        "data": last_part(manifest.name),
        "data_sha256": images.sha256,
        "split": split,
        "policies": tuple(fitting.policies),
        "seed": seed,
        "images": count,
        "unit": "group" if by_group else "image",
        "groups": int(units.max()) + 1 if by_group else None,
        "seen": seen_record(images),
        "command": fitting.command,
        "date": utc_now(),
    }
    record, after = _calibration(sample, facts)
    largest = float(np.mean([answer.largest_logit for answer in answers]))
    embeddings = np.stack([answer.embedding for answer in answers])
    # As they will be read again: halved.
    known = known_from(known_arrays(Known(embeddings, labels, which, largest)))
    judgement = _judgement(answers, known, after, sample, fitting, card)
    kept = np.sort(np.random.default_rng(seed).permutation(len(labels))[:MOST_KNOWN])
    reference = known_arrays(Known(known.embeddings[kept], labels[kept], which[kept], largest))
    return Calibrated(record, judgement, reference, labels, sample.weights, before, after, failures)


def _voting(
    images: Manifest,
    answering: Sequence[tuple[np.ndarray, Attributor]],
    conditions: Mapping[str, Condition],
    progress: Callable[[str, int, int], None],
    computing: Computing,
) -> tuple[np.ndarray, list[Answer], list[ImageError]]:
    """Return the rows (N,) of images with something to examine, their answers, and why others cannot be read."""
    rows: list[np.ndarray] = []
    answers: list[Answer] = []
    failures: dict[str, ImageError] = {}
    count = sum(len(some) for some, _ in answering)
    for policy, condition in conditions.items():
        before = 0
        for some, each in answering:

            def tell(done: int, _: int, policy: str = policy, before: int = before) -> None:
                progress(policy, before + done, count)

            found, here, failed = whole_answers(each, images.take(some), condition, computing, tell)
            before += len(some)
            voting = [place for place, answer in enumerate(here) if answer.nothing is None]
            rows.append(some[found[voting]])
            answers += [here[place] for place in voting]
            failures |= {failure.message: failure for failure in failed}
    return np.concatenate(rows), answers, list(failures.values())


@dataclass(frozen=True)
class Sample:
    """What calibration is fitted to, N answers: probabilities (N, K) `before`, and for each its label, its image, its
    unit (the image's group, or the image), its weight, and the folds that part units.
    """

    before: np.ndarray
    labels: np.ndarray
    images: np.ndarray
    units: np.ndarray
    weights: np.ndarray
    folds: list[np.ndarray]


def _calibration(sample: Sample, facts: dict[str, Any]) -> tuple[CalibrationRecord, np.ndarray]:
    """Fit temperatures and isotonic regressions; return the record of the best, and its answers for units kept out.

    The best can be none: then the temperature is 1.
    """
    before, labels, weights = sample.before, sample.labels, sample.weights
    fits: dict[str, Fit] = {
        "none": lambda *_: Scaling(),
        "temperature": fit_scaling,
        "temperature by level": partial(fit_scaling, by_level=True),
        "isotonic": lambda p, y, w: partial(apply_isotonic, curves=fit_isotonic(p, y, w)),
    }
    ways = {name: held_out_answers(fit, before, labels, weights, sample.folds) for name, fit in fits.items()}
    order = sorted(ways, key=lambda way: log_loss(ways[way], labels, weights))
    if min(len(np.unique(sample.units[labels == label])) for label in range(before.shape[1])) < 2:
        # A line for a source of which a fold shows no image would say that it never is right.
        order.sort(key=lambda way: way == "isotonic")
    best, other = order[:2]
    # Beside isotonic lines, too, the record has the better temperature.
    by_level = order.index("temperature by level") < order.index("temperature")
    scaling = Scaling() if best == "none" else fit_scaling(before, labels, weights, by_level=by_level)
    record = CalibrationRecord(
        temperature=round(scaling.temperature, 4),
        real_offset=round(scaling.real_offset, 4),
        source_temperature=scaling.source_temperature and round(scaling.source_temperature, 4),
        isotonic=fit_isotonic(before, labels, weights) if best == "isotonic" else None,
        before=_measure(before, labels, weights),
        after=_measure(ways[best], labels, weights),
        otherwise=_measure(ways[other], labels, weights),
        **facts,
    )
    return record, ways[best]


def _measure(probabilities: np.ndarray, labels: np.ndarray, weights: np.ndarray) -> dict[str, float]:
    of = (probabilities, labels, weights)
    found = {"calibration_error": calibration_error(*of), "brier_score": brier_score(*of), "log_loss": log_loss(*of)}
    return {name: round(value, 4) for name, value in found.items()}


def _judgement(
    answers: list[Answer], known: Known, after: np.ndarray, sample: Sample, fitting: Fitting, card: Card
) -> JudgementRecord:
    """Fit thresholds and ratios to what is said of units kept out in turn, scores to the others' embeddings."""
    labels, units, folds = sample.labels, sample.units, sample.folds
    score, rates = fitting.score, fitting.rates
    scores = np.empty(len(answers))
    for fold in folds:
        others = Known(known.embeddings[~fold], labels[~fold], known.images[~fold], known.largest_logit)
        here = np.flatnonzero(fold)
        scores[here] = SCORES[score](others, [answers[place] for place in here])
    ratios: dict[str, LikelihoodRecord] = {}
    for label, source in enumerate(card.sources):
        holds = labels == label
        counts = [len(np.unique(known.images[side])) for side in (holds, ~holds)]
        if label and min(counts) >= FEWEST_OF_A_SOURCE:
            ratios[source] = fit_likelihood(after[:, label], holds, units, folds, sample.weights)
    families = family_indices(card.sources, card.families)
    even = group_weights(labels, units)
    limits = _limits(answers, labels, even, card)
    hidden = np.array([why_not_real(answer, limits) is not None for answer in answers])
    thresholds = fit_thresholds(after, labels, scores, rates, weights=even, families=families, hidden=hidden)
    by_group = len(np.unique(units)) < len(np.unique(sample.images))
    return JudgementRecord(
        score=score,
        **asdict(thresholds),
        **asdict(rates),
        unit="group" if by_group else "image",
        groups=len(np.unique(units)) if by_group else None,
        **limits._asdict(),
        synthetic=fit_likelihood(1 - after[:, 0], labels > 0, units, folds, sample.weights),
        sources=ratios,
        reference_sha256=NO_REFERENCE,
    )


def _limits(answers: list[Answer], labels: np.ndarray, weights: np.ndarray, card: Card) -> Limits:
    """Return what an image needs for an answer without a trace, from answers for images weighted (N,)."""
    mostly_grey = bool(np.mean([answers[place].grey for place in np.flatnonzero(labels)]) > 0.5)
    if card.view.kind != "native":  # resizing takes or makes detail
        return Limits(mostly_grey, None)
    details = np.array([answer.detail for answer in answers])[labels == 0]
    return Limits(mostly_grey, round(beyond(details, weights[labels == 0], WITHOUT_DETAIL), 2))


def are_units(groups: np.ndarray, labels: np.ndarray) -> bool:
    """Return whether every image has a group, and there are enough of photographs and of generated images."""
    sides = [len(np.unique(groups[side])) for side in (labels == 0, labels > 0)]
    return bool((groups != "").all()) and min(sides) >= FEWEST_GROUPS


def check_sides(labels: np.ndarray, images: np.ndarray, what: str) -> None:
    """Raise UsageError unless enough different images (N,) are photographs, and enough are generated."""
    for side, name in ((labels == 0, "photographs"), (labels > 0, "generated images")):
        count = len(np.unique(images[side]))
        if count < FEWEST_OF_A_SOURCE:
            raise UsageError(
                f"{what}: {count} {name} are too few for thresholds.", f"{FEWEST_OF_A_SOURCE} are needed at least."
            )


def _check_count(manifest: Manifest, split: str, count: int) -> None:
    if count < FEWEST:
        raise UsageError(
            f"{manifest.name} has {count} images of known sources in {split}.",
            f"Calibration needs {FEWEST} at least, none of them trained on.",
        )
