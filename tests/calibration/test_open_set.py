"""Scores of how like known images an image is, and the verdicts and galleries that rest on them."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from ganprint.calibration.answer import Answer
from ganprint.calibration.decision import (
    INCONCLUSIVE,
    UNKNOWN,
    Rates,
    decide,
    fit_thresholds,
    group_weights,
    ratios_hold,
    why_not_real,
)
from ganprint.calibration.open_set import SCORES, Known, unit
from ganprint.errors import UsageError
from ganprint.forensics.gallery import left_out, nearness, threshold_of
from ganprint.forensics.predictors import known_arrays, known_from
from ganprint.images.content import Emptiness
from ganprint.images.spectrum import fine_detail
from ganprint.images.views import Crops
from ganprint.weights import JudgementRecord

from ..conftest import JUDGEMENT, make_card

SOURCES = ("real", "progan", "stylegan")
FAMILIES = {"progan": "gan", "stylegan": "gan"}
RULE = JudgementRecord.model_validate({**JUDGEMENT, "family_from": 0.95})
RANDOM = np.random.default_rng(0)
CENTRES = 4 * np.eye(8)[:3]


def around(centre: np.ndarray, count: int) -> np.ndarray:
    return (centre + 0.3 * RANDOM.standard_normal((count, 8))).astype(np.float32)


def answer(embedding: np.ndarray) -> Answer:
    """Return the answer of a method whose logits are the distances from three centres."""
    logits = embedding @ CENTRES.T / 4
    each = np.exp(logits - logits.max())[None]
    return Answer(each / each.sum(), float(np.log(np.exp(logits).sum())), float(logits.max()), embedding)


@pytest.fixture
def known() -> Known:
    embeddings = np.concatenate([around(centre, 40) for centre in CENTRES])
    labels = np.repeat(np.arange(3), 40)
    largest = float((embeddings @ CENTRES.T / 4).max(1).mean())
    return known_from(known_arrays(Known(embeddings, labels, np.arange(120), largest)))


@pytest.mark.parametrize("score", SCORES)
def test_every_score_finds_what_lies_elsewhere_less_known(score: str, known: Known) -> None:
    inside = SCORES[score](known, [answer(each) for each in around(CENTRES[1], 30)])
    outside = SCORES[score](known, [answer(each) for each in around(-CENTRES[1] + 2 * np.eye(8)[6], 30)])
    assert inside.shape == (30,) and inside.min() > outside.max()


def test_versions_of_an_image_are_not_its_neighbours(known: Known) -> None:
    twice = Known(
        np.repeat(known.embeddings[::8], 6, axis=0),
        np.repeat(known.labels[::8], 6),
        np.repeat(np.arange(15), 6),
        known.largest_logit,
    )
    assert (twice.similarity(twice.embeddings) > 0.9999).all()
    assert (twice.similarity(twice.embeddings, images=twice.images) < 0.9999).all()


@pytest.mark.parametrize(
    ("probabilities", "score", "verdict", "said"),
    [
        ((0.02, 0.9, 0.08), 0.9, "progan", "called synthetic from 90.0% on; progan at 90.0%, named from"),
        ((0.02, 0.9, 0.08), 0.5, UNKNOWN, "unlike the training images"),
        ((0.04, 0.48, 0.48), 0.9, "gan", "no source is clear"),
        ((0.09, 0.46, 0.45), 0.9, UNKNOWN, "nor is the family"),
        ((0.9, 0.05, 0.05), 0.9, "real", "no trace is found up to 30.0%"),
        ((0.9, 0.05, 0.05), 0.5, INCONCLUSIVE, "unlike the training images"),
        ((0.5, 0.4, 0.1), 0.9, INCONCLUSIVE, "between 30.0%"),
    ],
)
def test_each_verdict_has_its_reason(probabilities: tuple[float, ...], score: float, verdict: str, said: str) -> None:
    found, reason = decide(np.array(probabilities), score, SOURCES, RULE, FAMILIES)
    assert found == verdict and said in reason


def test_real_needs_more_than_half_and_a_ratio_that_does_not_speak_against_it() -> None:
    lenient = RULE.model_copy(update={"real_to": 0.8})
    tilted = lenient.model_copy(update={"synthetic": RULE.synthetic.model_copy(update={"intercept": 1.0})})
    low, high, named = (0.55, 0.25, 0.2), (0.45, 0.3, 0.25), (0.01, 0.9, 0.09)
    between = "P(synthetic) is 55.0%: between 50.0% (no trace found) and 90.0% (synthetic)."
    unclear = "P(synthetic) is 45.0%, which does not speak clearly for either side."
    for shares, score, rule, hidden, verdict, said in (
        (low, 0.9, lenient, None, "real", "P(synthetic) is 45.0%: no trace is found up to 50.0%."),
        (high, 0.9, lenient, None, INCONCLUSIVE, between),
        (high, 0.5, lenient, None, INCONCLUSIVE, between),
        (low, 0.9, lenient, "it is small", INCONCLUSIVE, "P(synthetic) is 45.0%, but it is small."),
        (low, 0.9, tilted, None, INCONCLUSIVE, unclear),
        (named, 0.9, lenient, "it is small", "progan", None),
    ):
        found, reason = decide(np.array(shares), score, SOURCES, rule, hidden=hidden)
        assert found == verdict and said in (None, reason)


@pytest.mark.parametrize(
    ("lacking", "said"),
    [
        ({}, None),
        ({"reflected": True}, "too small"),
        ({"grey": True}, "no colour"),
        ({"detail": -22.26}, "lacks fine detail, as after enlargement or blur (-22.26 dB, below -20.00 dB)"),
        ({"detail": -20.001}, "(-20.01 dB, below -20.00 dB)"),
    ],
)
def test_what_hides_traces_is_not_real_and_has_no_ratio_unless_some_were_found(lacking: dict, said: str | None) -> None:
    image = replace(answer(CENTRES[0]), **lacking)
    rule = RULE.model_copy(update={"detail_from": -20.0})
    found = why_not_real(image, rule)
    assert found is said if said is None else said in (found or "")
    assert ratios_hold(image, rule, INCONCLUSIVE) == (said is None)
    assert ratios_hold(image, rule, "gan") == (not image.grey)
    lenient = rule.model_copy(update={"detail_from": None, "mostly_grey": True})
    assert (why_not_real(image, lenient) is None) == ratios_hold(image, lenient, INCONCLUSIVE) == (not image.reflected)


def test_an_answer_notes_what_its_crops_say_of_the_image() -> None:
    pixels = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (2, 3, 64, 64), np.uint8))
    plain, grey = answer(CENTRES[0]), pixels[:, :1].repeat(1, 3, 1, 1)
    said = plain.about(Crops(pixels, ((0, 0), (0, 64))))
    assert (said.nothing, said.reflected, said.grey) == (None, False, False) and abs(said.detail) < 0.5
    said = plain.about(Crops(torch.full_like(grey, 9), (), Emptiness.FLAT, reflected=True))
    assert (said.nothing, said.reflected, said.grey, said.detail) == (Emptiness.FLAT, True, True, 0)
    blurred = torch.nn.functional.avg_pool2d(grey.float(), 5, 1, 2).round().byte()
    said = plain.about(Crops(torch.cat([grey, blurred]), ()))
    assert said.grey and said.detail == pytest.approx(fine_detail(torch.cat([grey, blurred])).mean().item())
    assert said.detail < -3


def test_what_cannot_be_real_is_not_missed() -> None:
    labels = np.repeat([0, 1], 100)
    synthetic = np.concatenate([np.linspace(0, 0.6, 100), np.linspace(0.1, 1, 100)])
    given = (np.stack([1 - synthetic, synthetic], 1), labels, np.ones(200), Rates(false_alarm=0.01, miss=0.1))
    generated = labels > 0
    found = [
        fit_thresholds(*given, weights=np.full(200, 0.01), hidden=hidden)
        for hidden in (None, generated & (synthetic < 0.3), generated)
    ]
    assert [each.real_to for each in found] == pytest.approx([0.19, 0.39, 0.594], abs=0.01)
    # Nor does what cannot be missed make it harder to be called synthetic.
    assert len({each.synthetic_from for each in found}) == 1


def test_rates_are_means_over_groups_and_no_family_is_missed_more_often() -> None:
    labels = np.array([0] * 110 + [1] * 110 + [2] * 20)
    groups = np.array([*"a" * 100, *"bcdefghijk", *"l" * 100, *"mnopqrstuv", *"x" * 10, *"y" * 10])
    sides = ((0.05, 0.45, 110), (0.5, 1, 110), (0.2, 0.9, 20))
    synthetic = np.concatenate([np.linspace(*side) for side in sides])
    probabilities = np.stack([1 - synthetic, synthetic, 0 * synthetic], 1)
    probabilities[220:, [1, 2]] = probabilities[220:, [2, 1]]
    synthetic = 1 - probabilities[:, 0]
    weights = group_weights(labels, groups)
    for label in range(3):
        assert weights[labels == label].sum() == pytest.approx(1)
    assert weights[groups == "a"].sum() == pytest.approx(weights[groups == "b"].sum())
    rates = Rates(false_alarm=0.2, miss=0.2)
    found = fit_thresholds(
        probabilities, labels, np.ones(240), rates, weights=weights, families={"one": [1], "two": [2]}
    )
    second = labels == 2
    assert weights[second][synthetic[second] <= found.real_to].sum() <= 0.2
    # By images the photographs' threshold would lie elsewhere: ten groups of one image are all but one vote.
    assert weights[labels == 0][synthetic[labels == 0] >= found.synthetic_from].sum() <= 0.2
    assert (synthetic[labels == 0] >= found.synthetic_from).mean() < 0.05


def test_thresholds_keep_to_the_rates_that_are_asked_for() -> None:
    random = np.random.default_rng(2)
    labels = random.integers(0, 3, 3000)
    logits = 2 * random.standard_normal((3000, 3)) + 3 * np.eye(3)[labels]
    probabilities = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    scores = random.random(3000)
    rates = Rates(false_unknown=0.1, false_alarm=0.03, miss=0.08, wrong_source=0.05)
    found = fit_thresholds(probabilities, labels, scores, rates, weights=group_weights(labels, np.arange(3000)))
    synthetic = 1 - probabilities[:, 0]
    assert (scores < found.unknown_below).mean() == pytest.approx(0.1, abs=0.005)
    assert (synthetic >= found.synthetic_from)[labels == 0].mean() <= 0.035
    assert (synthetic <= found.real_to)[labels > 0].mean() <= 0.085
    named = (synthetic >= found.synthetic_from) & (probabilities[:, 1:].max(1) >= found.source_from)
    wrong = (probabilities[:, 1:].argmax(1) + 1 != labels)[named]
    assert named.any() and wrong.mean() <= 0.055
    assert found.real_to < found.synthetic_from


def test_sources_that_part_cleanly_leave_nothing_between() -> None:
    labels = np.repeat([0, 1], 50)
    shares = np.where(labels[:, None] == [0, 1], 0.99, 0.01)
    found = fit_thresholds(shares, labels, np.ones(100), Rates(), weights=np.full(100, 1 / 50))
    assert found.real_to == found.synthetic_from == pytest.approx(0.5)


def test_a_gallery_finds_its_own_and_takes_few_known_images_for_them(known: Known) -> None:
    elsewhere = 3 * np.eye(8)[5] + 2 * np.eye(8)[1]
    directions = unit(around(elsewhere, 12))
    threshold = threshold_of(directions, known, 0.05)
    assert (nearness(around(elsewhere, 200), directions, known) >= threshold).mean() > 0.9
    others = np.concatenate([around(centre, 200) for centre in CENTRES])
    assert (nearness(others, directions, known) >= threshold).mean() < 0.1
    assert left_out(around(elsewhere, 12), known, 0.05).mean() > 0.8
    assert left_out(np.concatenate([around(centre, 4) for centre in CENTRES]), known, 0.01).mean() < 0.4


def test_what_cannot_be_enrolled_is_a_sentence(known: Known) -> None:
    from ganprint.forensics.gallery import enrol

    card = make_card(sources=SOURCES, judgement=RULE, sha256="1" * 64, families={SOURCES[1]: "autoencoder"})
    answers = {f"{number:064x}": answer(each) for number, each in enumerate(around(CENTRES[0], 8))}
    for name, shown, where in (
        ("progan", answers, known),
        ("pix2pix", dict(list(answers.items())[:5]), known),
        ("pix2pix", answers, None),
        ("a\nb", answers, known),
        ("inconclusive", answers, known),
        ("Autoencoder", answers, known),
    ):
        with pytest.raises(UsageError):
            enrol(name, shown, card, where, false_alarm=0.01)
    gallery = enrol("pix2pix", answers, card, known, false_alarm=0.01)
    assert gallery.record.found.n == 8 and gallery.name == "pix2pix"
