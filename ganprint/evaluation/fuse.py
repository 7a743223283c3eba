"""Learn how to fuse several methods, for every combination, and measure the effect."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial

import numpy as np

from ganprint.calibration.decision import DEFAULT_RATES, fit_thresholds, group_weights
from ganprint.calibration.fusion import Combination, Fusion, Member, choices, fit_pool, pool, restrict
from ganprint.calibration.likelihood import fit_likelihood
from ganprint.calibration.probabilities import calibration_error, even_weights, folds_of, log_loss
from ganprint.data import Manifest
from ganprint.errors import ImageError, UsageError
from ganprint.evaluation.answers import ON_CPU, Computing, whole_answers
from ganprint.evaluation.calibrate import FEWEST, are_units, check_sides
from ganprint.evaluation.conditions import Condition
from ganprint.forensics.predictors import WeightsPredictor
from ganprint.perturbation import parse_any_policy
from ganprint.remote import last_part
from ganprint.weights import NO_REFERENCE, Card, JudgementRecord, utc_now
from ganprint.weights.seen import seen_sentences

MOST_MEMBERS = 8
"""Of which there are 247 choices."""
MAJORITY = 0.5
"""Share of the members that must find an image like those they know."""


@dataclass(frozen=True)
class Told:
    """Answers of members for the same images: probabilities (N, K) each of the sources that all know, labels (N,), the
    unit (N,) that a row is of (a group, or an image), and whether every member found something to examine (N,).

    `count` images have that; `failures` say which could not be read.
    """

    members: list[np.ndarray]
    labels: np.ndarray
    units: np.ndarray
    voting: np.ndarray
    by_group: bool
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
    seen: list[np.ndarray] = []
    failed: dict[str, ImageError] = {}
    for predictor in predictors:
        for sentence in seen_sentences(predictor.card, images, split):
            say(sentence)
        told, rows, shown = [], [], []
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
            shown.append(np.array([answer.nothing is None for answer in answers]))
        members.append(np.concatenate(told))
        answered.append(np.concatenate(rows))
        seen.append(np.concatenate(shown))
    which = answered[0]
    if not all(np.array_equal(which, each) for each in answered):
        raise UsageError(
            "Some methods cannot answer for all images.", "Leave out those that ganprint data check names."
        )
    voting = np.all(seen, axis=0)
    count = len(np.unique(which[voting]))
    if count < FEWEST:
        raise UsageError(
            f"{last_part(manifest.name)} has {count} images in {split} of sources that all know.",
            f"{FEWEST} are needed at least.",
        )
    labels, groups = images.labels[which], images.groups[which]
    check_sides(labels[voting], which[voting], f"{last_part(manifest.name)}, {split}")
    by_group = are_units(groups[voting], labels[voting])
    units = groups if by_group else which
    return Told(members, labels, units, voting, by_group, count, images.sha256, list(failed.values()))


def fuse(
    predictors: Sequence[WeightsPredictor],
    told: Told,
    *,
    data: str,
    split: str,
    policies: Sequence[str],
    seed: int,
    command: str = "",
) -> Fusion:
    """Learn weights, thresholds and ratios of every combination of two or more predictors from their answers.

    Images with nothing to examine, which get no fused answer, have no part. Groups weigh the same and are kept out as a
    whole where photographs and generated images come of enough of them, otherwise images.
    """
    members = [each[told.voting] for each in told.members]
    units, labels, voting = (each[told.voting] for each in (told.units, told.labels, told.voting))
    voted = replace(told, members=members, labels=labels, units=units, voting=voting)
    weights = even_weights(labels, units) if told.by_group else np.ones(len(labels))
    cards, folds = [predictor.card for predictor in predictors], folds_of(units)
    return Fusion(
        members=[Member(method=card.method, weights=card.name, weights_sha256=card.sha256 or "") for card in cards],
        sources=common_sources(predictors),
        data=data,
        data_sha256=told.sha256,
        split=split,
        policies=tuple(policies),
        seed=seed,
        images=told.count,
        command=command,
        date=utc_now(),
        combinations=[_combine(cards, voted, which, weights, folds) for which in choices(len(predictors))],
    )


def _combine(
    cards: Sequence[Card], voted: Told, which: Sequence[int], of_rows: np.ndarray, folds: list[np.ndarray]
) -> Combination:
    """Learn how to fuse some of the members from answers that vote, weighted (N,), `folds` kept out in turn."""
    cards, members = [cards[number] for number in which], [voted.members[number] for number in which]
    labels, units = voted.labels, voted.units
    kept_out = np.empty_like(members[0])
    for fold in folds:
        weights = fit_pool([each[~fold] for each in members], labels[~fold], of_rows[~fold])
        kept_out[fold] = pool([each[fold] for each in members], weights)
    weights = fit_pool(members, labels, of_rows)
    even = group_weights(labels, units)
    thresholds = fit_thresholds(kept_out, labels, np.ones(len(labels)), DEFAULT_RATES, weights=even)
    return Combination(
        weights={card.sha256 or "": round(weight, 6) for card, weight in zip(cards, weights, strict=True)},
        judgement=JudgementRecord(
            score="share of methods",
            **asdict(thresholds) | {"unknown_below": MAJORITY},
            **asdict(DEFAULT_RATES),
            unit="group" if voted.by_group else "image",
            groups=len(np.unique(units)) if voted.by_group else None,
            synthetic=fit_likelihood(1 - kept_out[:, 0], labels > 0, units, folds, of_rows),
            reference_sha256=NO_REFERENCE,
        ),
        log_loss=round(log_loss(kept_out, labels, of_rows), 4),
        calibration_error=round(calibration_error(kept_out, labels, of_rows), 4),
        alone={
            card.name: round(log_loss(member, labels, of_rows), 4) for card, member in zip(cards, members, strict=True)
        },
    )
