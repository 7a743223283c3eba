"""AUROC is scikit-learn's, and OSCR the area under correct classification against false positives."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from ganprint.evaluation.metrics import score_open_set


def answers(seed: int, count: int = 300) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    labels = random.integers(-1, 4, count)
    predicted = np.where(random.random(count) < 0.7, labels, random.integers(0, 4, count)).clip(0)
    # Coarse, so that there are ties.
    confidence = np.round(random.random(count) + 0.3 * (labels >= 0), 1)
    return labels, predicted, confidence


@pytest.mark.parametrize("seed", range(4))
def test_auroc_is_scikit_learns_and_oscr_the_area_under_the_curve_of_thresholds(seed: int) -> None:
    labels, predicted, confidence = answers(seed)
    found = score_open_set(labels, predicted, confidence)
    assert found["auroc"].value == pytest.approx(roc_auc_score(labels >= 0, confidence), abs=1e-6)
    known, right = labels >= 0, labels == predicted
    thresholds = [np.inf, *np.unique(confidence)[::-1]]
    correct = [((confidence >= each) & known & right).sum() / known.sum() for each in thresholds]
    false = [((confidence >= each) & ~known).sum() / (~known).sum() for each in thresholds]
    assert found["oscr"].value == pytest.approx(float(np.trapezoid(correct, false)), abs=1e-6)
    for interval in found.values():
        assert interval.low is not None and interval.high is not None
        assert interval.low < interval.value < interval.high
        assert 0.02 < interval.high - interval.low < 0.25


def test_perfect_and_useless_confidence_have_their_values() -> None:
    labels = np.array([0, 1, 2, -1, -1])
    predicted = np.array([0, 1, 0, 0, 1])
    found = score_open_set(labels, predicted, np.array([0.9, 0.8, 0.7, 0.2, 0.1]))
    assert (found["auroc"].value, found["oscr"].value) == (1.0, pytest.approx(2 / 3, abs=1e-6))
    flat = score_open_set(labels, predicted, np.full(5, 0.5))
    assert (flat["auroc"].value, flat["oscr"].value) == (0.5, pytest.approx(1 / 3, abs=1e-6))


@pytest.mark.parametrize("labels", [[0, 1, 2], [-1, -1, -1]])
def test_only_known_or_only_unknown_sources_have_neither(labels: list[int]) -> None:
    assert score_open_set(np.array(labels), np.zeros(3, int), np.ones(3)) == {}
