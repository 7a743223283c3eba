"""Learn how to fuse several methods, for every combination, and measure the effect."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial

import numpy as np

from ganprint.calibration.decision import DEFAULT_RATES, Rates, fit_thresholds
from ganprint.calibration.fusion import Combination, Fusion, Member, choices, fit_pool, pool, restrict
from ganprint.calibration.likelihood import fit_likelihood
from ganprint.calibration.probabilities import calibration_error, folds_of, log_loss
from ganprint.data import Manifest
from ganprint.errors import ImageError, UsageError
from ganprint.evaluation.answers import ON_CPU, Computing, whole_answers
from ganprint.evaluation.calibrate import FEWEST, check_sides
from ganprint.evaluation.conditions import Condition
from ganprint.forensics.predictors import WeightsPredictor
from ganprint.perturbation import parse_any_policy
from ganprint.remote import last_part
from ganprint.weights import NO_REFERENCE, JudgementRecord, utc_now
from ganprint.weights.seen import seen_sentences

MOST_MEMBERS = 8
"""Of which there are 247 choices."""
MAJORITY = 0.5
"""Share of the members that must find an image like those they know."""


@dataclass(frozen=True)
class Told:
    """Answers of members for the same images: probabilities (N, K) each of the sources that all know, labels (N,), and
    which image (N,) a row is of; `failures` say which could not be read.
    """

    members: list[np.ndarray]
    labels: np.ndarray
    images: np.ndarray
    count: int
    sha256: str
    failures: list[ImageError]


def common_sources(predictors: Sequence[WeightsPredictor]) -> tuple[str, ...]:
    """Return the sources that all know, real first; raise UsageError where there are fewer than two."""
    if len(predictors) > MOST_MEMBERS:
        raise UsageError(f"{len(predictors)} weights have too many combinations.", f"Fuse {MOST_MEMBERS} at most.")
    first, *others = [predictor.card.sources for predictor in predictors]
    common = tuple(name for name in first if all(name in each for each in others))
    if len(common) < 2:
        raise UsageError("These weights have no source but real in common.", "Fuse weights of the same sources.")
    return common


def tell(
    predictors: Sequence[WeightsPredictor],
    manifest: Manifest,
    split: str,
    policies: Sequence[str],
    *,
    seed: int = 0,
    say: Callable[[str], None] = lambda sentence: None,
    progress: Callable[[str, int, int], None] = lambda what, done, total: None,
    computing: Computing = ON_CPU,
) -> Told:
    """Answer with every predictor for the images of a split whose source all know, under each policy.

    `manifest` is of those sources. `say` gets a sentence where weights have seen the images, whatever their split is
    called. Raises UsageError where they are fewer than FEWEST.
    """
    if manifest.named_by_position:
        raise UsageError(f"{last_part(manifest.name)} names no sources.", "Add a column source.")
    images = manifest.select(split)
    images = images.take(np.flatnonzero(images.labels >= 0))
    members: list[np.ndarray] = []
    answered: list[np.ndarray] = []
    failed: dict[str, ImageError] = {}
    for predictor in predictors:
        for sentence in seen_sentences(predictor.card, images, split):
            say(sentence)
        told, rows = [], []
        for policy in policies:
            condition = Condition.of(parse_any_policy(policy), predictor.card.view, seed=seed)
            what = f"{predictor.card.name}, {split} under {policy}"
            found, answers, failures = whole_answers(
                predictor.attributor, images, condition, computing, partial(progress, what)
            )
            failed |= {failure.message: failure for failure in failures}
            plain = np.stack([answer.probabilities for answer in answers])
            told.append(restrict(plain, predictor.card.sources, manifest.sources))
            rows.append(found)
        members.append(np.concatenate(told))
        answered.append(np.concatenate(rows))
    which = answered[0]
    if not all(np.array_equal(which, each) for each in answered):
        raise UsageError(
            "Some methods cannot answer for all images.", "Leave out those that ganprint data check names."
        )
    count = len(np.unique(which))
    if count < FEWEST:
        raise UsageError(
            f"{last_part(manifest.name)} has {count} images in {split} of sources that all know.",
            f"{FEWEST} are needed at least.",
        )
    labels = images.labels[which]
    check_sides(labels, which, f"{last_part(manifest.name)}, {split}")
    return Told(members, labels, which, count, images.sha256, list(failed.values()))


def fuse(
    predictors: Sequence[WeightsPredictor],
    told: Told,
    *,
    data: str,
    split: str,
    policies: Sequence[str],
    seed: int,
    command: str = "",
    rates: Rates = DEFAULT_RATES,
) -> Fusion:
    """Learn weights, thresholds and ratios of every combination of two or more predictors from their answers."""
    folds = folds_of(told.images)
    return Fusion(
        members=[
            Member(
                method=predictor.card.method,
                weights=predictor.card.name,
                weights_sha256=predictor.card.sha256 or "",
            )
            for predictor in predictors
        ],
        sources=common_sources(predictors),
        data=data,
        data_sha256=told.sha256,
        split=split,
        policies=tuple(policies),
        seed=seed,
        images=told.count,
        command=command,
        date=utc_now(),
        combinations=[_combine(predictors, told, which, folds, rates) for which in choices(len(predictors))],
    )


def _combine(
    predictors: Sequence[WeightsPredictor],
    told: Told,
    which: Sequence[int],
    folds: list[np.ndarray],
    rates: Rates,
) -> Combination:
    members, labels = [told.members[number] for number in which], told.labels
    kept_out = np.empty_like(members[0])
    for fold in folds:
        weights = fit_pool([each[~fold] for each in members], labels[~fold])
        kept_out[fold] = pool([each[fold] for each in members], weights)
    weights = fit_pool(members, labels)
    thresholds = fit_thresholds(kept_out, labels, np.ones(len(labels)), rates)
    return Combination(
        weights={
            predictors[number].card.sha256 or "": round(weight, 6)
            for number, weight in zip(which, weights, strict=True)
        },
        judgement=JudgementRecord(
            score="share of methods",
            **asdict(thresholds) | {"unknown_below": MAJORITY},
            **asdict(rates),
            synthetic=fit_likelihood(1 - kept_out[:, 0], labels > 0, told.images, folds),
            reference_sha256=NO_REFERENCE,
        ),
        log_loss=round(log_loss(kept_out, labels), 4),
        calibration_error=round(calibration_error(kept_out, labels), 4),
        alone={predictors[number].card.name: round(log_loss(told.members[number], labels), 4) for number in which},
    )
