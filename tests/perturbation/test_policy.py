"""Policies draw what they say, and the same thing everywhere and always."""

from collections import Counter

import pytest

from ganprint.errors import PerturbationError
from ganprint.perturbation import CORRUPTIONS, SEEN, UNSEEN, UNTOUCHED, Perturbation, Policy, parse_policy

from ..conftest import run_code


def test_the_nineteen_split_into_fifteen_seen_and_four_unseen():
    assert len(CORRUPTIONS) == 19
    assert len(SEEN) == 15
    assert UNSEEN == ("glass_blur", "motion_blur", "zoom_blur", "snow")
    assert set(SEEN) | set(UNSEEN) == set(CORRUPTIONS)


@pytest.mark.parametrize(
    ("text", "probability", "kinds", "severities"),
    [
        ("train", 0.95, SEEN, (1, 2, 3, 4, 5)),
        ("train:0.6", 0.6, SEEN, (1, 2, 3, 4, 5)),
        ("test-seen", 1.0, SEEN, (1, 2, 3, 4, 5)),
        ("test-unseen", 1.0, UNSEEN, (1, 2, 3, 4, 5)),
        ("none", 0.0, (), (1, 2, 3, 4, 5)),
        ("fog", 1.0, ("fog",), (1, 2, 3, 4, 5)),
        ("jpeg_compression:3", 1.0, ("jpeg_compression",), (3,)),
    ],
)
def test_a_policy_is_read_from_its_name(text, probability, kinds, severities):
    assert parse_policy(text) == Policy(text, probability, kinds, severities)
    assert str(parse_policy(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        "", "trian", "fog:0", "fog:6", "fog:1.5", "fog:", "train:", "train:x", "train:1.1", "train:nan",
        "none:0.5",
    ],
)  # fmt: skip
def test_a_wrong_policy_is_refused_with_what_would_be_right(text):
    with pytest.raises(PerturbationError) as caught:
        parse_policy(text)
    assert caught.value.message
    if text in ("", "trian"):
        assert "train, test-seen, test-unseen, immunise, none" in caught.value.hint
        assert all(kind in caught.value.hint for kind in CORRUPTIONS)


@pytest.mark.parametrize(
    ("kind", "severity", "seed", "hint"),
    [("rain", 1, 0, "snow"), ("fog", 0, 0, "1, 2, 3, 4, 5"), ("fog", 6, 0, "1, 2, 3, 4, 5"), ("fog", 1, -1, "2^63")],
)
def test_a_wrong_perturbation_is_refused_with_the_valid_names(kind, severity, seed, hint):
    with pytest.raises(PerturbationError) as caught:
        Perturbation(kind, severity, seed)
    assert hint in caught.value.hint


def test_draws_have_the_policys_shares():
    draws = [parse_policy("train").draw(1, index) for index in range(3000)]
    kinds = Counter(draw.kind for draw in draws)
    assert kinds.pop(None) == pytest.approx(150, abs=40)
    assert set(kinds) == set(SEEN)
    assert all(count == pytest.approx(190, abs=60) for count in kinds.values())
    severities = Counter(draw.severity for draw in draws if draw.kind)
    assert set(severities) == {1, 2, 3, 4, 5}
    assert all(count == pytest.approx(570, abs=110) for count in severities.values())
    assert len({draw.seed for draw in draws}) > 2800


def test_none_draws_nothing():
    assert {parse_policy("none").draw(seed, 3) for seed in range(20)} == {UNTOUCHED}


def test_seed_index_and_policy_each_change_the_draw():
    train, seen = parse_policy("train"), parse_policy("test-seen")
    assert len({train.draw(0, 7), train.draw(1, 7), train.draw(0, 8), seen.draw(0, 7)}) == 4


def test_a_draw_is_the_same_in_another_process_and_release():
    """Evaluations recorded today are repeated next year: these values must never change."""
    program = (
        "from ganprint.perturbation import parse_policy\n"
        "for text, seed, index in (('train', 0, 0), ('test-unseen', 7, 123456), ('spatter', 3, 5)):\n"
        "    draw = parse_policy(text).draw(seed, index)\n"
        "    print(draw.kind, draw.severity, draw.seed)\n"
    )
    assert run_code(program).splitlines() == RECORDED


RECORDED = ["speckle_noise 5 3023257090084915", "snow 5 4389681516224617", "spatter 3 1648123667457693"]
