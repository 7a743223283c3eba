"""Means over groups: each group one vote, intervals that hold the truth, no interval of few groups."""

import numpy as np
import pytest

from ganprint.evaluation.group_metrics import FEWEST_GROUPS, group_mean

VALUE = np.array([1, 1, 1, 0, 0, 1, 0])
SOURCE = np.array(["real"] * 4 + ["gan"] * 3)
GROUP = np.array(["a", "a", "a", "b", "a", "c", "c"])


def drawn(groups: int, seed: int, *, sources: int = 3) -> tuple[np.ndarray, ...]:
    """Return 20 right and wrong answers of each group, which has a rate of its own, 0.7 on average."""
    random = np.random.default_rng(seed)
    rates = random.beta(7, 3, sources * groups)
    value = random.random((sources * groups, 20)) < rates[:, None]
    source = np.repeat([f"s{number}" for number in range(sources)], groups * 20)
    group = np.repeat(np.arange(sources * groups), 20)
    return value.ravel(), source, group


def test_each_group_has_one_vote_in_its_source_and_each_source_one() -> None:
    found = group_mean(VALUE, SOURCE, GROUP)
    assert found.value == pytest.approx(((1 + 0) / 2 + (0 + 0.5) / 2) / 2)
    assert (found.groups, found.images) == (4, 7)
    assert group_mean(VALUE.astype(bool), SOURCE, GROUP) == found


def test_few_groups_have_no_interval() -> None:
    found = group_mean(VALUE, SOURCE, GROUP)
    assert (found.low, found.high, found.excludes_zero) == (None, None, False)
    for groups in (FEWEST_GROUPS - 1, FEWEST_GROUPS):
        one = group_mean(*drawn(groups, 0, sources=1))
        assert (one.low is not None) == (groups >= FEWEST_GROUPS)


@pytest.mark.parametrize(("groups", "sources"), [(20, 1), (15, 3), (3, 8)])
def test_intervals_hold_the_true_mean_as_often_as_they_say(groups: int, sources: int) -> None:
    found = [group_mean(*drawn(groups, seed, sources=sources)) for seed in range(200)]
    held = np.mean([each.low <= 0.7 <= each.high for each in found])
    assert 0.91 <= held <= 0.98


def test_a_paired_difference_is_that_of_resampling_the_same_groups() -> None:
    value, source, group = drawn(10, 3)
    worse = value & (np.random.default_rng(4).random(len(value)) < 0.95)
    found = group_mean(value.astype(float) - worse, source, group)
    assert found.value == pytest.approx(group_mean(value, source, group).value - group_mean(worse, source, group).value)
    assert found.excludes_zero and found.low > 0
    alone = group_mean(value, source, group), group_mean(worse, source, group)
    assert alone[0].low < alone[1].high, "unpaired, the two are not told apart"
    random = np.random.default_rng(5)
    means = [
        np.array([(value ^ worse)[group == number].mean() for number in range(30)][k : k + 10]) for k in (0, 10, 20)
    ]
    by_hand = [np.mean([part[random.integers(0, 10, 9)].mean() for part in means]) for _ in range(4000)]
    assert (found.low, found.high) == pytest.approx(np.percentile(by_hand, [2.5, 97.5]), abs=0.003)
    assert not group_mean(0.0 * value, source, group).excludes_zero


def test_the_order_of_rows_changes_nothing() -> None:
    value, source, group = drawn(10, 1)
    order = np.random.default_rng(0).permutation(len(value))
    assert group_mean(value[order], source[order], group[order]) == group_mean(value, source, group)


@pytest.mark.parametrize("value", [np.empty(0), VALUE * np.nan])
def test_what_has_no_mean_is_refused(value: np.ndarray) -> None:
    with pytest.raises(ValueError, match="no image, or a value is not finite"):
        group_mean(value, SOURCE[: len(value)], GROUP[: len(value)])
