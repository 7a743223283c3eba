"""A temperature brings probabilities nearer to how often they are right, measured on what it was not fitted on."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from ganprint.calibration.probabilities import (
    Scaling,
    apply_isotonic,
    brier_score,
    calibrate_probabilities,
    calibration_error,
    fit_isotonic,
    fit_scaling,
    folds_of,
    held_out,
    log_loss,
    reliability,
)
from ganprint.cli.calibrate import print_calibration
from ganprint.evaluation.assess import Assessed
from ganprint.evaluation.calibrate import Calibrated, Sample, _calibration
from ganprint.weights import read_card

KINDS = 5


@pytest.fixture
def overconfident() -> tuple[np.ndarray, np.ndarray]:
    """Return probabilities (4000, 5) that are the true ones to the third power, and labels drawn from the true ones."""
    random = np.random.default_rng(0)
    true = random.dirichlet(np.full(KINDS, 0.7), size=4000)
    labels = np.array([random.choice(KINDS, p=row) for row in true])
    return Scaling(1 / 3)(true), labels


def test_the_temperature_that_made_them_too_sure_is_found(overconfident: tuple[np.ndarray, np.ndarray]) -> None:
    probabilities, labels = overconfident
    scaling = fit_scaling(probabilities, labels)
    assert scaling.temperature == pytest.approx(3, rel=0.1) and scaling.real_offset == pytest.approx(0, abs=0.2)
    tempered = scaling(probabilities)
    np.testing.assert_allclose(tempered.sum(1), 1)
    assert (tempered[:, 1:].argmax(1) == probabilities[:, 1:].argmax(1)).all()
    assert calibration_error(tempered, labels) < 0.03 < 0.1 < calibration_error(probabilities, labels)
    assert brier_score(tempered, labels) < brier_score(probabilities, labels)
    assert log_loss(tempered, labels) < log_loss(probabilities, labels)
    assert Scaling(2.0)(np.array([0.0, 1.0]))[1] > 0.999


def test_temperatures_by_level_are_found_and_keep_the_order_of_images_by_real() -> None:
    random = np.random.default_rng(6)
    true = Scaling(1.0, 0.7, 1.0)(random.dirichlet(np.full(KINDS, 0.7), size=4000))
    labels = np.array([random.choice(KINDS, p=row) for row in true])
    sharpened = Scaling(1 / 4, 0.0, 1 / 2)(true)
    scaling = fit_scaling(sharpened, labels, by_level=True)
    assert (scaling.temperature, scaling.source_temperature) == pytest.approx((4, 2), rel=0.1)
    scaled = scaling(sharpened)
    np.testing.assert_allclose(scaled.sum(1), 1)
    assert np.array_equal(np.argsort(scaled[:, 0]), np.argsort(sharpened[:, 0]))
    assert log_loss(scaled, labels) < log_loss(fit_scaling(sharpened, labels)(sharpened), labels)


def test_an_offset_of_real_brings_detection_right_and_leaves_the_order_of_generators() -> None:
    random = np.random.default_rng(4)
    labels = np.where(random.random(3000) < 0.5, 0, random.integers(1, 5, 3000))
    logits = random.normal(0, 1, (3000, 5)) + 2 * np.eye(5)[labels]
    true = np.exp(logits + np.log([0.5, *[0.125] * 4]))
    true /= true.sum(1, keepdims=True)
    # As after a training in which real weighs as much as each of the four generators.
    balanced = true * [0.25, 1, 1, 1, 1]
    balanced /= balanced.sum(1, keepdims=True)
    scaling = fit_scaling(balanced, labels)
    assert scaling.real_offset == pytest.approx(np.log(4), abs=0.2)
    scaled = scaling(balanced)
    assert abs((1 - scaled[:, 0]).mean() - (labels > 0).mean()) < 0.02
    assert (scaled[:, 1:].argmax(1) == balanced[:, 1:].argmax(1)).all()


def test_measures_are_those_of_the_literature() -> None:
    probabilities = np.array([[0.9, 0.1], [0.9, 0.1], [0.2, 0.8], [0.6, 0.4]])
    labels = np.array([0, 1, 1, 0])
    # Three bins: 0.9 with half right, 0.8 and 0.6 with all right.
    assert reliability(probabilities, labels) == [(1, 0.6, 1.0), (1, 0.8, 1.0), (2, 0.9, 0.5)]
    assert calibration_error(probabilities, labels) == pytest.approx((0.4 + 0.2 + 2 * 0.4) / 4)
    assert reliability(probabilities, labels, np.array([3, 1, 1, 1]))[2] == pytest.approx((2, 0.9, 0.75))
    assert brier_score(probabilities, labels) == pytest.approx((0.02 + 1.62 + 0.08 + 0.32) / 4)
    assert log_loss(probabilities, labels) == pytest.approx(-np.log([0.9, 0.1, 0.8, 0.6]).mean())


def test_rising_lines_mend_what_no_temperature_can() -> None:
    random = np.random.default_rng(1)
    share = random.random(4000)
    labels = (random.random(4000) < share**4).astype(int)
    probabilities = np.stack([1 - share, share], axis=1)
    straight = apply_isotonic(probabilities, fit_isotonic(probabilities, labels))
    tempered = fit_scaling(probabilities, labels)(probabilities)
    np.testing.assert_allclose(straight.sum(1), 1)
    assert log_loss(straight, labels) < log_loss(tempered, labels) < log_loss(probabilities, labels)
    assert (np.diff(straight[np.argsort(share), 1]) >= -1e-9).all()


def test_an_isotonic_line_of_sure_answers_can_be_written_on_a_card() -> None:
    sure = 1 - np.array([0, 1e-9, 2e-8, 3e-7, 4e-7, 6e-7, 0.4, 0.6])
    labels = np.array([0, 1, 0, 0, 1, 0, 1, 1])
    for line in fit_isotonic(np.stack([sure, 1 - sure], 1), labels):
        places, shares = np.transpose(line)
        assert (np.diff(places) > 0).all() and (np.diff(shares) >= 0).all() and (shares > 0).all()


def test_no_image_is_tempered_by_a_fit_that_saw_it(overconfident: tuple[np.ndarray, np.ndarray]) -> None:
    probabilities, labels = (each[:200] for each in overconfident)
    folds = folds_of(np.repeat(np.arange(100), 2))

    even = np.ones(len(labels))

    before = held_out(fit_scaling, probabilities, labels, even, folds)
    changed = labels.copy()
    changed[:2] = (labels[:2] + 1) % KINDS
    after = held_out(fit_scaling, probabilities, changed, even, folds)
    np.testing.assert_array_equal(before[:2], after[:2])
    assert not np.array_equal(before, after)


def test_probabilities_that_every_fit_makes_worse_stay_as_they_are() -> None:
    random = np.random.default_rng(0)
    before = random.dirichlet(np.full(3, 0.7), size=30)
    labels, units = np.array([random.choice(3, p=row) for row in before]), np.arange(30)
    sample = Sample(before, labels, units, units, np.ones(30), folds_of(units))
    facts = {"images": 30, "split": "val", "data": "d", "data_sha256": "0" * 64, "policies": ("none",), "seed": 0}
    facts |= {"date": "2026-11-30T00:00:00Z"}
    record, after = _calibration(sample, facts)
    assert (record.temperature, record.real_offset, record.isotonic) == (1, 0, None)
    np.testing.assert_allclose(after, before)
    assert record.after == record.before


def test_the_command_measures_draws_and_records_what_attribute_applies(
    inside: Any, grown_manifest: Path, tiny_weights: Path, tmp_path: Path
) -> None:
    weights = tmp_path / "weights"
    shutil.copytree(tiny_weights, weights)
    image = grown_manifest.parent / "0.png"
    before = json.loads(inside("attribute", image, "--weights", weights, "--json").stdout)
    options = ("--data", grown_manifest, "--weights", weights, "--policy", "none")
    assert "nothing was written; --record writes" in inside("calibrate", *options, status=0).stderr
    options = ("--data", grown_manifest, "--weights", weights, "--figure", tmp_path / "curve.png", "--record")
    done = inside("calibrate", *options, status=0)
    assert "calibration error" in done.stdout and "Brier score" in done.stdout and "--record" not in done.stderr
    assert Image.open(tmp_path / "curve.png").size[0] > 300
    record = read_card(weights).calibration
    assert record is not None and record.policies == ("none", "test-seen") and record.images == 60
    after = json.loads(inside("attribute", image, "--weights", weights, "--json").stdout)
    own = np.array(list(before["probabilities"].values()))
    np.testing.assert_allclose(
        list(after["probabilities"].values()), calibrate_probabilities(own[None], record)[0], atol=1e-4
    )
    assert after["likeliest"] == before["likeliest"] and before["verdict"] == "inconclusive"
    assert any("not calibrated" in warning for warning in before["warnings"])
    assert not any("not calibrated" in warning for warning in after["warnings"])
    data = ("--data", grown_manifest, "--workers", "0", "--json")
    scored = json.loads(inside("evaluate", "--weights", weights, *data).stdout)
    assert scored["calibrated"] and 0 <= scored["calibration_error"] <= 1 and scored["brier_score"] >= 0
    raw = json.loads(inside("evaluate", "--weights", tiny_weights, *data).stdout)
    assert not raw["calibrated"] and raw["attribution_accuracy"] == scored["attribution_accuracy"]
    told = inside("attribute", image, "--weights", weights).stdout
    assert "calibrated on 60 images of grown.csv (val; policies none, test-seen)" in told


def test_weights_calibrated_on_images_without_colour_judge_such_images(
    inside: Any, grown_manifest: Path, tiny_weights: Path, tmp_path: Path
) -> None:
    data, weights = tmp_path / "data", tmp_path / "weights"
    shutil.copytree(grown_manifest.parent, data)
    shutil.copytree(tiny_weights, weights)
    for path in data.glob("*.png"):
        Image.open(path).convert("L").save(path)
    given = ("--data", data / grown_manifest.name, "--weights", weights, "--policy", "none", "--record")
    inside("calibrate", *given, status=0)
    judgement = read_card(weights).judgement
    assert judgement is not None and judgement.mostly_grey


def test_a_threshold_above_one_half_is_not_printed_as_one(capsys: pytest.CaptureFixture[str]) -> None:
    card = read_card(Path(__file__).parents[2] / "weights" / "yu-reimp.wild128")
    assert card.calibration and card.judgement and card.judgement.real_to > 0.5
    none = np.empty(0)
    print_calibration(card.name, Calibrated(card.calibration, card.judgement, {}, none, none, none, none, []))
    assert "synthetic at most 50.0%" in capsys.readouterr().out


def test_a_calibration_with_a_temperature_for_the_generators_is_called_two_temperatures(
    capsys: pytest.CaptureFixture[str],
) -> None:
    card = read_card(Path(__file__).parents[2] / "weights" / "residual-statistics.groups")
    assert card.calibration and card.judgement
    record = card.calibration.model_copy(update={"isotonic": None, "source_temperature": 0.5})
    none = np.empty(0)
    print_calibration(card.name, Calibrated(record, card.judgement, {}, none, none, none, none, []))
    assert "after: two temperatures" in capsys.readouterr().out


def test_a_curve_of_answers_gives_groups_the_same_weight_however_many_images_they_have() -> None:
    sure, right = np.array([0.9, 0.8, 0.8, 0.7]), np.array([True, False, False, True])
    even = Assessed(None, sure, right, np.ones(4), [])
    answered, found = even.curve()
    np.testing.assert_allclose((answered, found), ([0.25, 0.5, 0.75, 1], [1, 1 / 2, 1 / 3, 1 / 2]))
    grouped = Assessed(None, sure, right, np.array([1, 0.5, 0.5, 1]), [])
    answered, found = grouped.curve()
    np.testing.assert_allclose((answered, found), ([1 / 3, 1 / 2, 2 / 3, 1], [1, 2 / 3, 1 / 2, 2 / 3]))


def test_too_few_images_are_a_sentence(inside: Any, tiny_manifest: Path, tiny_weights: Path) -> None:
    done = inside("calibrate", "--data", tiny_manifest, "--weights", tiny_weights)
    assert done.returncode == 2 and "has 12 images of known sources in val" in done.stderr
