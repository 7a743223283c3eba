"""What verdicts are worth: how often each is wrong, on images that nothing of it was fitted to."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ganprint.attributor import REAL
from ganprint.data import Manifest
from ganprint.errors import ImageError, UsageError
from ganprint.evaluation.answers import whole_answers
from ganprint.evaluation.conditions import Condition
from ganprint.evaluation.open_set import score_open_set
from ganprint.forensics.calibration import calibrate_probabilities, calibration_error
from ganprint.forensics.decision import INCONCLUSIVE, UNKNOWN, decide
from ganprint.forensics.judges import Judge
from ganprint.forensics.likelihood import cllr, least_cllr, log10_ratio
from ganprint.forensics.open_set import SCORES
from ganprint.perturb import parse_treatment
from ganprint.weights import Rate, VerdictRates


@dataclass(frozen=True)
class Assessed:
    """Rates of verdicts, and for each answerable image (N,) how sure the largest probability is and if it is right.

    `failures` say which images could not be read.
    """

    rates: VerdictRates
    sure: np.ndarray
    right: np.ndarray
    failures: list[ImageError]

    def curve(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the share of images answered, and the share of those that is right, from the surest on, (N,) each."""
        order = np.argsort(-self.sure, kind="stable")
        counts = np.arange(1, len(order) + 1)
        return counts / len(order), np.cumsum(self.right[order]) / counts


def assess(
    judge: Judge,
    manifest: Manifest,
    split: str,
    policy: str,
    *,
    seed: int = 0,
    command: str = "",
    progress: Callable[[int, int], None] = lambda done, total: None,
    **options: Any,
) -> Assessed:
    """Judge every image of a split under a policy and count what becomes of photographs, known and unknown sources.

    `options` are those of `whole_answers`. Raises UsageError where the weights do not say how to judge.
    """
    card, rule, known = judge.card, judge.card.judgement, judge.known
    if rule is None or known is None:
        raise UsageError(
            f"{card.name} has no thresholds to assess.", "ganprint calibrate --record gives it some."
        )
    fitted_on = card.calibration.split if card.calibration else "val"
    if {"train", fitted_on} & set(split.split("@")[0].split("+")):
        raise UsageError(
            f"{split} has images that the weights or their thresholds were fitted to.",
            "Assess others: test_seen.",
        )
    images = manifest.select(split)
    condition = Condition.of(parse_treatment(policy), card.view, seed=seed)
    rows, answers, failures = whole_answers(judge.attributor, images, condition, progress=progress, **options)
    labels, groups = images.labels[rows], images.groups[rows]
    plain = np.stack([answer.probabilities for answer in answers])
    probabilities = calibrate_probabilities(plain, card.calibration)
    scores = SCORES[rule.score](known, answers)
    verdicts = np.array(
        [decide(each, score, card.sources, rule) for each, score in zip(probabilities, scores, strict=True)]
    )
    names = np.array([*card.sources, ""])[labels]
    synthetic = ~np.isin(verdicts, (REAL, INCONCLUSIVE))
    inside, photographs = labels >= 0, labels == 0
    answered = inside & ~np.isin(verdicts, (UNKNOWN, INCONCLUSIVE))
    ratios = log10_ratio(1 - probabilities[:, 0], rule.synthetic)
    both = photographs.any() and not photographs.all()
    open_set = {
        name: score_open_set(labels, plain.argmax(1), score(known, answers)) for name, score in SCORES.items()
    }
    rates = VerdictRates(
        data=Path(manifest.name).name,
        data_sha256=images.sha256,
        split=split,
        policy=policy,
        seed=seed,
        n=len(rows),
        verdicts={
            REAL: _share(verdicts == REAL),
            "named": _share(~np.isin(verdicts, (REAL, UNKNOWN, INCONCLUSIVE))),
            UNKNOWN: _share(verdicts == UNKNOWN),
            INCONCLUSIVE: _share(verdicts == INCONCLUSIVE),
        },
        answered=_rate(answered[inside]),
        right=_rate((verdicts == names)[answered]),
        false_alarms=_rate(synthetic[photographs]),
        false_alarms_by_set={
            name: found
            for name in sorted(set(groups[photographs].tolist()) - {""})
            if (found := _rate(synthetic[photographs & (groups == name)])) is not None
        },
        missed=_rate((verdicts == REAL)[labels > 0]),
        unknown=_rate(np.isin(verdicts, (UNKNOWN, INCONCLUSIVE))[~inside]),
        auroc={name: found["auroc"] for name, found in open_set.items() if found},
        oscr={name: found["oscr"] for name, found in open_set.items() if found},
        calibration_error=(
            round(calibration_error(probabilities[inside], labels[inside]), 4) if inside.any() else None
        ),
        cllr=round(cllr(ratios, ~photographs), 4) if both else None,
        cllr_min=round(least_cllr(ratios, ~photographs), 4) if both else None,
        command=command,
    )
    sure = probabilities[inside]
    return Assessed(rates, sure.max(1), sure.argmax(1) == labels[inside], failures)


def _rate(holds: np.ndarray) -> Rate | None:
    return Rate.of(holds.tolist()) if len(holds) else None


def _share(holds: np.ndarray) -> float:
    return round(float(holds.mean()), 4)
