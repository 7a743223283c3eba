"""Likelihood ratios: right on numbers whose ratios are known, bounded by their data, in words where supported."""

import numpy as np
import pytest

from ganprint.calibration.likelihood import SCALE, cllr, fit_likelihood, in_words, least_cllr, log10_ratio
from ganprint.calibration.probabilities import even_weights, folds_of
from ganprint.weights import LikelihoodRecord


@pytest.fixture
def fitted() -> tuple[LikelihoodRecord, np.ndarray, np.ndarray]:
    """Return a ratio fitted to log odds that are normal around -2 and 2 with variance 4: log ratio and log odds agree.

    Three in four are of the side that holds, which must not matter.
    """
    random = np.random.default_rng(0)
    holds = random.random(4000) < 0.75
    odds = np.where(holds, 2.0, -2.0) + 2 * random.standard_normal(4000)
    probabilities = 1 / (1 + np.exp(-odds))
    images = np.arange(4000)
    return fit_likelihood(probabilities, holds, images, folds_of(images)), probabilities, holds


def test_the_ratio_is_that_of_the_densities_whatever_the_shares(
    fitted: tuple[LikelihoodRecord, np.ndarray, np.ndarray],
) -> None:
    record, _, _ = fitted
    assert record.slope == pytest.approx(1, abs=0.1) and record.intercept == pytest.approx(0, abs=0.15)
    assert log10_ratio(0.5, record) == pytest.approx(0, abs=0.07)
    assert log10_ratio(1 / (1 + np.exp(-3)), record) == pytest.approx(3 / np.log(10), abs=0.15)
    assert record.cllr - record.cllr_min < 0.02 and 0.4 < record.cllr < 0.65


def test_no_ratio_exceeds_what_the_images_can_support(fitted: tuple[LikelihoodRecord, np.ndarray, np.ndarray]) -> None:
    record, _, holds = fitted
    assert record.most == pytest.approx(np.log10((~holds).sum() + 1), abs=1e-3)
    assert log10_ratio(1.0, record) == record.most and log10_ratio(0.0, record) == record.least
    few = fit_likelihood(
        np.tile([0.9, 0.8, 0.1, 0.2], 5),
        np.tile([True, True, False, False], 5),
        np.repeat(np.arange(10), 2),
        folds_of(np.repeat(np.arange(10), 2)),
    )
    assert few.most < np.log10(12)


def test_words_are_those_of_the_guideline_and_only_where_calibration_supports_them() -> None:
    record = LikelihoodRecord(slope=1, intercept=0, most=7, least=-7, cllr=0.3, cllr_min=0.25)
    words = [in_words(value, record) for value in (0.1, 0.5, 1.5, 2.5, 3.5, 5, 7)]
    assert words == [name for _, name in SCALE]
    assert in_words(-1.5, record) == "moderate support"
    assert in_words(3, record.model_copy(update={"cllr": 0.5})) is None
    assert in_words(3, record.model_copy(update={"cllr": 0.9, "cllr_min": 0.85})) is None


def test_costs_are_those_of_the_netherlands_forensic_institutes_library() -> None:
    from lir import metrics
    from lir.data.models import LLRData

    random = np.random.default_rng(3)
    holds = random.random(400) < 0.6
    ratios = np.where(holds, 0.8, -0.6) + 0.7 * random.standard_normal(400)
    given = LLRData(features=ratios[:, None], labels=holds.astype(int))
    assert cllr(ratios, holds) == pytest.approx(metrics.cllr(given), rel=1e-6)
    assert least_cllr(ratios, holds) == pytest.approx(metrics.cllr_min(given), rel=1e-3)


@pytest.mark.parametrize("labels", [[0, 0, 0, 1, 1, 2], [0, 0, 0, -1, -1, 1], [0, 0, 0, -1, -1, -1]])
def test_photographs_weigh_as_much_as_all_generators_known_or_not(labels: list[int]) -> None:
    given = np.array(labels)
    weights = even_weights(given, np.array(["a", "a", "b", "c", "c", "d"]))
    assert weights.sum() == pytest.approx(6) and weights[given == 0].sum() == pytest.approx(3)
    assert weights[0] == weights[1] == pytest.approx(weights[2] / 2)


def test_weights_by_group_count_a_group_once() -> None:
    random = np.random.default_rng(5)
    holds = np.repeat([True, False], 20)
    ratios = np.where(holds, 0.7, -0.5) + random.standard_normal(40)
    # The first row of each side stands for a group of ten.
    shown = np.concatenate([np.repeat([0, 20], 10), np.arange(1, 20), np.arange(21, 40)])
    weights = np.where(np.isin(shown, [0, 20]), 0.1, 1.0)
    assert cllr(ratios[shown], holds[shown], weights) == pytest.approx(cllr(ratios, holds))
    assert least_cllr(ratios[shown], holds[shown], weights) == pytest.approx(least_cllr(ratios, holds), abs=1e-6)
