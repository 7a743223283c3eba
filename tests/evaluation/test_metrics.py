"""Metrics of images against scikit-learn's, of groups against means by hand, and NMI's intervals against the truth."""

import numpy as np
import pytest
from sklearn import metrics as sk

from ganprint.evaluation.metrics import GroupAnswers, count_answers, score_groups, score_images, score_open_set

SOURCES = ("real", "progan", "stylegan", "stargan")


def answers(count: int, right: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return uneven labels and predictions of which a share is right."""
    random = np.random.default_rng(seed)
    labels = random.choice(4, count, p=[0.5, 0.3, 0.15, 0.05])
    guesses = random.integers(0, 4, count)
    return labels, np.where(random.random(count) < right, labels, guesses)


def of_images(labels: np.ndarray, predicted: np.ndarray):
    return score_images(count_answers(labels, predicted, 4), SOURCES)


def of_groups(labels: list[int], predicted: list[int], groups: list[str]) -> GroupAnswers:
    names = tuple(sorted(set(groups)))
    codes = np.array([names.index(name) for name in groups])
    labels_array = np.array(labels)
    source = np.where(labels_array < 0, 4, labels_array), (*SOURCES, "ddpm")
    return GroupAnswers.of(labels_array, np.array(predicted), source, (codes, names), 4)


def drawn(groups: int, seed: int, sources: int = 4) -> GroupAnswers:
    """Return answers for 20 images of each group, groups of a source differing; 0.7 is the share of right answers."""
    random = np.random.default_rng(seed)
    mean = 0.3 / sources + 0.7 * np.eye(sources)
    counts = np.array(
        [random.multinomial(20, random.dirichlet(8 * mean[k])) for k in range(sources) for _ in range(groups)]
    )
    label = np.repeat(np.arange(sources), groups)
    source = np.array([f"s{k}" for k in label])
    return GroupAnswers(counts, label, source, np.arange(len(label)).astype(str), np.arange(len(label)))


@pytest.mark.parametrize("right", [0.0, 0.6, 1.0])
def test_values_of_images_are_scikit_learns(right: float) -> None:
    labels, predicted = answers(300, right)
    found = of_images(labels, predicted)
    expected = {
        "detection_accuracy": sk.accuracy_score(labels > 0, predicted > 0),
        "attribution_accuracy": sk.accuracy_score(labels, predicted),
        "balanced_accuracy": sk.balanced_accuracy_score(labels, predicted),
        "nmi": sk.normalized_mutual_info_score(labels, predicted),
    }
    assert {name: interval.value for name, interval in found.values.items()} == pytest.approx(expected, abs=1e-6)
    recalls = sk.recall_score(labels, predicted, average=None)
    assert [found.recall[name].value for name in SOURCES] == pytest.approx(recalls, abs=1e-6)
    confusion = count_answers(labels, predicted, 4)
    assert np.array_equal(confusion[:4], sk.confusion_matrix(labels, predicted)) and not confusion[4].any()


def test_intervals_of_images_are_those_of_a_bootstrap_over_images() -> None:
    labels, predicted = answers(200, 0.7)
    found = of_images(labels, predicted)
    random = np.random.default_rng(1)
    draws = [random.integers(0, 200, 200) for _ in range(800)]
    for name, metric in (
        ("attribution_accuracy", sk.accuracy_score),
        ("balanced_accuracy", sk.balanced_accuracy_score),
        ("nmi", sk.normalized_mutual_info_score),
    ):
        spread = np.array([metric(labels[draw], predicted[draw]) for draw in draws])
        bias = spread.mean() - metric(labels, predicted) if name == "nmi" else 0
        low, high = np.percentile(spread, [2.5, 97.5]) - 2 * bias
        assert found.values[name].low == pytest.approx(low, abs=0.016), name
        assert found.values[name].high == pytest.approx(high, abs=0.016), name


def test_each_group_has_one_vote_in_its_source_and_each_source_one() -> None:
    found = score_groups(of_groups([0, 0, 0, 1, 1, 1, -1], [0, 0, 1, 1, 2, 2, 3], list("aabcccd")), SOURCES)
    values = {name: interval.value for name, interval in found.values.items()}
    real = (1 + 0) / 2
    assert values["attribution_accuracy"] == pytest.approx((real + 1 / 3) / 2, abs=1e-6)
    assert values["detection_accuracy"] == pytest.approx((real + 1 + 1) / 3, abs=1e-6)
    assert "balanced_accuracy" not in values
    assert {name: recall.value for name, recall in found.recall.items()} == pytest.approx(
        {"real": real, "progan": 1 / 3}, abs=1e-6
    )
    assert all(interval.low is None and interval.high is None for interval in found.values.values())


def test_nmi_over_groups_is_scikit_learns_where_groups_and_sources_are_even() -> None:
    labels = np.repeat(np.arange(4), 50)
    predicted = np.where(np.random.default_rng(0).random(200) < 0.7, labels, (labels + 1) % 4)
    found = of_groups(labels.tolist(), predicted.tolist(), [f"{label}-{n % 5}" for n, label in enumerate(labels)])
    (value,) = found.nmi(found.votes()[None])
    assert value == pytest.approx(sk.normalized_mutual_info_score(labels, predicted), abs=1e-9)


def test_intervals_of_nmi_hold_the_truth_where_those_of_its_percentiles_do_not() -> None:
    names = np.array(list("abcdefgh"))
    many = GroupAnswers(0.3 / 8 + 0.7 * np.eye(8), np.arange(8), names, names, np.arange(8))
    (truth,) = many.nmi(many.votes()[None])
    held, plain = 0, 0
    for seed in range(60):
        groups = drawn(10, seed, sources=8)
        interval = score_groups(groups, tuple(names)).values["nmi"]
        assert interval.low <= interval.value <= interval.high
        held += interval.low <= truth <= interval.high
        low, high = np.percentile(groups.nmi(groups.resampled_votes()), [2.5, 97.5])
        plain += low <= truth <= high
    assert held / 60 >= 0.85 > plain / 60


def test_guessing_has_an_nmi_interval_that_reaches_zero() -> None:
    random = np.random.default_rng(0)
    found = of_groups(
        np.repeat(np.arange(4), 100).tolist(), random.integers(0, 4, 400).tolist(), [f"{n // 10}" for n in range(400)]
    )
    assert score_groups(found, SOURCES).values["nmi"].low == 0


def test_the_same_answers_give_the_same_intervals_and_nothing_global_is_drawn_from() -> None:
    labels, predicted = answers(100, 0.7)
    before = np.random.get_state()[1].copy()
    assert of_images(labels, predicted).values == of_images(labels, predicted).values
    assert score_groups(drawn(9, 0), tuple("abcd")) == score_groups(drawn(9, 0), tuple("abcd"))
    assert np.array_equal(before, np.random.get_state()[1])


def test_images_of_an_unknown_generator_count_for_detection_only() -> None:
    labels = np.array([0, 0, 1, 1, -1, -1, -1, -1])
    predicted = np.array([0, 1, 1, 1, 0, 1, 2, 3])
    found = of_images(labels, predicted)
    assert found.values["detection_accuracy"].value == pytest.approx(6 / 8)
    assert found.values["attribution_accuracy"].value == pytest.approx(3 / 4)
    assert found.values["balanced_accuracy"].value == pytest.approx(3 / 4)
    assert list(found.recall) == ["real", "progan"]
    assert count_answers(labels, predicted, 4)[4].tolist() == [1, 1, 1, 1]


def test_only_unknown_generators_leave_nothing_but_detection() -> None:
    for found in (
        of_images(np.array([-1] * 3), np.arange(3)),
        score_groups(of_groups([-1] * 3, [0, 1, 2], ["a"] * 3), SOURCES),
    ):
        assert list(found.values) == ["detection_accuracy"]
        assert found.recall == {}


@pytest.mark.parametrize("predicted", [[0, 0, 0], [1, 1, 1]])
def test_one_source_and_one_answer_is_defined(predicted: list[int]) -> None:
    found = of_images(np.zeros(3, dtype=int), np.array(predicted))
    values = {name: interval.value for name, interval in found.values.items()}
    assert all(np.isfinite(value) for value in values.values())
    assert values["nmi"] == sk.normalized_mutual_info_score([0, 0, 0], predicted)


def with_unknown(seed: int, count: int = 300) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    labels = random.integers(-1, 4, count)
    predicted = np.where(random.random(count) < 0.7, labels, random.integers(0, 4, count)).clip(0)
    # Coarse, so that there are ties.
    confidence = np.round(random.random(count) + 0.3 * (labels >= 0), 1)
    return labels, predicted, confidence


@pytest.mark.parametrize("seed", range(4))
def test_auroc_is_scikit_learns_and_oscr_the_area_under_the_curve_of_thresholds(seed: int) -> None:
    labels, predicted, confidence = with_unknown(seed)
    found = score_open_set(labels, predicted, confidence)
    assert found["auroc"].value == pytest.approx(sk.roc_auc_score(labels >= 0, confidence), abs=1e-6)
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
