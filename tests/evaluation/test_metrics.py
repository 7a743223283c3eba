"""Metrics against scikit-learn's, and intervals against a bootstrap that really resamples images."""

import numpy as np
import pytest
from sklearn.metrics import (
    accuracy_score,
    balanced_accuracy_score,
    confusion_matrix,
    normalized_mutual_info_score,
    recall_score,
)

from ganprint.evaluation.metrics import score

SOURCES = ("real", "progan", "stylegan", "stargan")


def answers(count: int, right: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return uneven labels and predictions of which a share is right."""
    random = np.random.default_rng(seed)
    labels = random.choice(4, count, p=[0.5, 0.3, 0.15, 0.05])
    guesses = random.integers(0, 4, count)
    return labels, np.where(random.random(count) < right, labels, guesses)


@pytest.mark.parametrize("right", [0.0, 0.6, 1.0])
def test_values_are_scikit_learns(right: float) -> None:
    labels, predicted = answers(300, right)
    found = score(labels, predicted, SOURCES)
    expected = {
        "detection_accuracy": accuracy_score(labels > 0, predicted > 0),
        "attribution_accuracy": accuracy_score(labels, predicted),
        "balanced_accuracy": balanced_accuracy_score(labels, predicted),
        "nmi": normalized_mutual_info_score(labels, predicted),
    }
    assert {name: interval.value for name, interval in found.values.items()} == pytest.approx(
        expected, abs=1e-6
    )
    recalls = recall_score(labels, predicted, average=None)
    assert [found.recall[name].value for name in SOURCES] == pytest.approx(recalls, abs=1e-6)
    assert np.array_equal(found.confusion[:4], confusion_matrix(labels, predicted))
    assert not found.confusion[4].any()


def test_intervals_are_those_of_a_bootstrap_over_images() -> None:
    labels, predicted = answers(200, 0.7)
    found = score(labels, predicted, SOURCES)
    random = np.random.default_rng(1)
    draws = [random.integers(0, 200, 200) for _ in range(2000)]
    for name, metric in (
        ("attribution_accuracy", accuracy_score),
        ("balanced_accuracy", balanced_accuracy_score),
        ("nmi", normalized_mutual_info_score),
    ):
        low, high = np.percentile([metric(labels[draw], predicted[draw]) for draw in draws], [2.5, 97.5])
        assert found.values[name].low == pytest.approx(low, abs=0.012), name
        assert found.values[name].high == pytest.approx(high, abs=0.012), name
    counts = found.confusion[0, 0]
    assert found.confusion_low[0, 0] < counts < found.confusion_high[0, 0]


def test_the_same_answers_give_the_same_intervals_and_nothing_global_is_drawn_from() -> None:
    labels, predicted = answers(100, 0.7)
    before = np.random.get_state()[1].copy()
    assert score(labels, predicted, SOURCES).values == score(labels, predicted, SOURCES).values
    assert np.array_equal(before, np.random.get_state()[1])


def test_images_of_an_unknown_generator_count_for_detection_only() -> None:
    labels = np.array([0, 0, 1, 1, -1, -1, -1, -1])
    predicted = np.array([0, 1, 1, 1, 0, 1, 2, 3])
    found = score(labels, predicted, SOURCES)
    assert found.values["detection_accuracy"].value == pytest.approx(6 / 8)
    assert found.values["attribution_accuracy"].value == pytest.approx(3 / 4)
    assert found.values["balanced_accuracy"].value == pytest.approx(3 / 4)
    assert list(found.recall) == ["real", "progan"]
    assert found.confusion[4].tolist() == [1, 1, 1, 1]


def test_only_unknown_generators_leave_nothing_but_detection() -> None:
    found = score(np.array([-1, -1, -1]), np.array([0, 1, 2]), SOURCES)
    assert list(found.values) == ["detection_accuracy"]
    assert found.recall == {}


@pytest.mark.parametrize("predicted", [[0, 0, 0], [1, 1, 1]])
def test_one_source_and_one_answer_is_defined(predicted: list[int]) -> None:
    found = score(np.zeros(3, dtype=int), np.array(predicted), SOURCES)
    values = {name: interval.value for name, interval in found.values.items()}
    assert all(np.isfinite(value) for value in values.values())
    assert values["nmi"] == normalized_mutual_info_score([0, 0, 0], predicted)
