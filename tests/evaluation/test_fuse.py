"""What is learned of several methods: groups are the unit, and images with nothing to examine have no part."""

from typing import Any, cast

import numpy as np
import pytest

from ganprint.calibration.fusion import Fusion
from ganprint.evaluation.fuse import Told, fuse
from ganprint.forensics.predictors import WeightsPredictor

from ..conftest import make_card

GROUPS = 20
"""Ten photo sources and ten generators."""


def told(images: int, *, by_group: bool, hidden: int = 0) -> Told:
    """Return two members' answers for so many images of each group, those of a group alike; some have no vote."""
    random = np.random.default_rng(0)
    groups = np.repeat(np.arange(GROUPS), images)
    labels = (groups >= GROUPS // 2).astype(int)
    members = []
    for _ in range(2):
        odds = (random.normal(0, 1, GROUPS) + np.where(np.arange(GROUPS) < GROUPS // 2, -1, 1))[groups]
        synthetic = 1 / (1 + np.exp(-odds))
        members.append(np.stack([1 - synthetic, synthetic], 1))
    voting = np.ones(len(groups), bool)
    voting[:hidden] = False
    units = groups if by_group else np.arange(len(groups))
    return Told(members, labels, units, voting, by_group, len(groups), "0" * 64, [])


def learned(answers: Told) -> Fusion:
    cards = [make_card(f"w{number}", sha256=f"{number}" * 64) for number in (1, 2)]
    predictors = [WeightsPredictor(cast("Any", None), card) for card in cards]
    return fuse(predictors, answers, data="d.csv", split="val", policies=("none",), seed=0)


def test_what_is_learned_hangs_on_groups_and_not_on_how_many_images_each_has() -> None:
    few, many = (learned(told(images, by_group=True)).combinations[0] for images in (3, 30))
    assert many.judgement.unit == "group" and many.judgement.groups == GROUPS
    assert many.judgement.synthetic.most == pytest.approx(np.log10(GROUPS / 2 + 1), abs=1e-3)
    assert many.weights == pytest.approx(few.weights, abs=1e-3)
    assert many.log_loss == pytest.approx(few.log_loss, abs=1e-3)
    alike = learned(told(30, by_group=False)).combinations[0]
    assert alike.judgement.unit == "image" and alike.judgement.synthetic.most > 2


def test_images_with_nothing_to_examine_have_no_part() -> None:
    answers, hidden = told(6, by_group=True), told(6, by_group=True, hidden=3)
    for member in hidden.members:
        member[:3] = (1e-7, 1 - 1e-7)
    found, expected = (learned(each).combinations[0] for each in (hidden, answers))
    assert found.weights == pytest.approx(expected.weights, abs=1e-3)
    assert found.log_loss == pytest.approx(expected.log_loss, abs=1e-3)
    assert found.judgement.synthetic_from == pytest.approx(expected.judgement.synthetic_from, abs=1e-3)
