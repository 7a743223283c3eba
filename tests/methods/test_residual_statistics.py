"""Residual statistics: the numbers, the models, the folds, and what is said for an answer."""

import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from ganprint_plugins.residual_statistics import features
from ganprint_plugins.residual_statistics.collect import Rows, collect
from ganprint_plugins.residual_statistics.features import columns, names, statistics
from ganprint_plugins.residual_statistics.fitting import split_groups
from ganprint_plugins.residual_statistics.linear import (
    FARTHEST,
    Scaling,
    fit_softmax,
    gated,
    preconditioner,
    principal_directions,
    row_weights,
    second_moments,
)
from ganprint_plugins.residual_statistics.method import ResidualStatistics
from ganprint_plugins.residual_statistics.networks import draw_pairs, fit_network
from ganprint_plugins.residual_statistics.reasons import KINDS, kind_matrix
from ganprint_plugins.residual_statistics.spec import DRAWS_OF_PHOTOGRAPHS, ResidualStatisticsConfig
from PIL import Image
from torch import Tensor

from ganprint.attributor import Progress, Run, View
from ganprint.data import Manifest
from ganprint.errors import ConfigError, WeightsError
from ganprint.weights import load_attributor, load_held_out

from ..conftest import write_manifest
from .conftest import save

FITTED_TO = Path(__file__).parents[1] / "parity" / "residual_statistics.npz"
"""Statistics of `crops(2)` as they were when the shipped weights were fitted to them, all computed in float64."""
SEEN_BY_THE_TRIAL = ("energy", "autocorrelation", "phase", "spectrum", "co-occurrence", "dct", "colour")


def crops(count: int, seed: int = 0) -> Tensor:
    """Return smooth colour noise, as pictures are, uint8 (count, 3, 128, 128)."""
    random = np.random.default_rng(seed)
    coarse = random.normal(128, 40, (count, 3, 16, 16)).repeat(8, 2).repeat(8, 3)
    return torch.from_numpy((coarse + random.normal(0, 6, coarse.shape)).clip(0, 255).astype(np.uint8))


def enlarged(images: Tensor, mode: str = "nearest") -> Tensor:
    """Return images at half their size, then at twice that."""
    return torch.nn.functional.interpolate(images[:, :, ::2, ::2].float(), scale_factor=2, mode=mode).byte()


def test_an_image_has_the_same_statistics_alone_and_in_any_batch() -> None:
    images = crops(5)
    whole = statistics(images)
    assert whole.shape == (5, len(names())) and whole.dtype == torch.float32
    assert statistics(images[:0]).shape == (0, len(names()))
    for place in range(5):
        torch.testing.assert_close(statistics(images[place : place + 1])[0], whole[place], rtol=0, atol=1e-6)


def test_statistics_stay_those_that_the_shipped_weights_were_fitted_to() -> None:
    with np.load(FITTED_TO) as kept:
        expected = torch.from_numpy(kept["statistics"])
    torch.testing.assert_close(statistics(crops(2)), expected, rtol=1e-5, atol=1e-5)


def test_the_names_are_those_of_the_statistics_in_their_order() -> None:
    blocks = list(features._blocks(crops(1)))
    assert names() == tuple(name for name, values in blocks for _ in range(values.shape[1]))


@pytest.mark.parametrize("level", [0, 7, 255])
def test_a_flat_crop_has_finite_statistics(level: int) -> None:
    found = statistics(torch.full((1, 3, 128, 128), level, dtype=torch.uint8))
    assert torch.isfinite(found).all()


def test_the_first_seven_families_are_those_of_the_trial(shared: Path, monkeypatch: Any) -> None:
    monkeypatch.syspath_prepend(shared / "reference" / "statistics")
    from statistics_of_residuals import NAMES, block_dct, features

    images = torch.cat([crops(4), torch.zeros(1, 3, 128, 128, dtype=torch.uint8)])
    expected = np.stack([features(image.permute(1, 2, 0).numpy()) for image in images])
    chosen = [place for place, each in enumerate(names()) if each.family in SEEN_BY_THE_TRIAL]
    found = statistics(images)[:, chosen].numpy()
    assert found.shape == expected.shape
    # Coefficients of exactly 0.5 are zeros or not by the round-off of the trial's matrix product: on either side of
    # that its shares of zeros are ours.
    shares = np.array([name.startswith("dct") for name in NAMES])
    counts = len(block_dct(np.zeros((128, 128)))) // 2
    shares &= np.concatenate(
        [np.arange(sum(name == each for name in NAMES)) >= counts for each in dict.fromkeys(NAMES)]
    )
    np.testing.assert_allclose(found[:, ~shares], expected[:, ~shares], rtol=0, atol=1e-4)
    assert np.abs(found[:, shares] - expected[:, shares]).mean() < 2e-3


def test_weights_make_groups_and_classes_even() -> None:
    groups = np.array(["a"] * 6 + ["b"] * 2 + ["c"] * 4)
    labels = np.array([0] * 8 + [1] * 4)
    own = np.ones(12)
    even = row_weights(groups, labels, own, 1.0)
    assert even.mean() == pytest.approx(1)
    assert float(even[:6].sum()) == pytest.approx(float(even[6:8].sum()))
    assert float(even[:8].sum()) == pytest.approx(float(even[8:].sum()))
    assert torch.equal(row_weights(groups, labels, own, 0.0), torch.ones(12))


def test_the_regression_finds_what_parts_classes_and_cuts_off_what_is_strange() -> None:
    random = np.random.default_rng(0)
    labels = torch.from_numpy(random.integers(0, 3, 600))
    values = torch.from_numpy(random.normal(0, 1, (600, 5))).float()
    values[:, 1] += 2.0 * labels
    scaling = Scaling.of(values)
    scaled = scaling.apply(values)
    weights = torch.ones(600)
    inverse = preconditioner(second_moments(scaled, weights), 0.01)
    slope, bias = fit_softmax(scaled, labels, weights, 3, penalty=0.01, steps=50, inverse=inverse)
    assert ((scaled @ slope.T + bias).argmax(1) == labels).float().mean() > 0.7
    assert slope[:, 1].abs().max() > 3 * slope[:, [0, 2, 3, 4]].abs().max()
    assert scaling.apply(values + 1e9).max() == FARTHEST


def test_a_preconditioner_changes_the_way_and_not_the_minimum() -> None:
    random = np.random.default_rng(1)
    values = torch.from_numpy(random.normal(0, 1, (300, 4)) @ random.normal(0, 1, (4, 4))).float()
    labels, weights = (values[:, 0] + values[:, 1] > 0).long(), torch.rand(300)
    ways = (preconditioner(second_moments(values, weights), 0.1), torch.eye(4))
    slopes = [fit_softmax(values, labels, weights, 2, penalty=0.1, steps=200, inverse=inverse)[0] for inverse in ways]
    torch.testing.assert_close(slopes[0], slopes[1], rtol=1e-2, atol=1e-3)


def test_principal_directions_are_those_of_the_largest_moments() -> None:
    values = torch.tensor([[3.0, 3.0, 0.1], [-3.0, -3.0, 0.1], [1.0, -1.0, 0.0]])
    expected = torch.tensor([[1.0, 1.0, 0.0], [1.0, -1.0, 0.0]]).T / 2**0.5
    for moments in (None, second_moments(values, torch.ones(3))):
        found = principal_directions(values, moments, 2)
        torch.testing.assert_close(found.abs(), expected.abs(), rtol=1e-3, atol=1e-3)


def test_a_gated_regression_learns_what_holds_on_one_side_of_the_gate_only() -> None:
    random = np.random.default_rng(2)
    values = torch.from_numpy(random.normal(0, 1, (800, 3))).float()
    gate = torch.from_numpy(random.integers(0, 2, 800)).float() - 0.5
    labels = (values[:, 0] * gate.sign() > 0).long()
    weights = torch.ones(800)
    inverse = preconditioner(second_moments(values, weights), 0.01)
    slope, bias = fit_softmax(values, labels, weights, 2, penalty=0.01, steps=50, inverse=inverse, gate=gate)
    assert slope.shape == (4, 3)
    assert ((gated(values @ slope.T, gate[:, None]) + bias).argmax(1) == labels).float().mean() > 0.95


def test_a_network_learns_what_no_linear_model_can_and_the_same_again() -> None:
    random = np.random.default_rng(3)
    values = torch.from_numpy(random.normal(0, 1, (2000, 4))).float()
    labels, weights = (values[:, 0].abs() > 0.7).long(), torch.ones(2000)
    slope, bias, outer, last = fit_network(values, labels, weights, 2, hidden=32, epochs=150, seed=0)
    found = torch.nn.functional.gelu(values @ slope.T + bias) @ outer.T + last
    assert (found.argmax(1) == labels).float().mean() > 0.9
    few = [fit_network(values, labels, weights, 2, hidden=4, epochs=1, seed=5)[0] for _ in range(2)]
    assert torch.equal(*few)


def test_pairs_are_of_one_class_and_drawn_by_their_weights() -> None:
    labels, weights = np.array([0, 0, 1, 1]), np.array([1.0, 3.0, 4.0, 0.0])
    first, second = draw_pairs(labels, weights, 4000, np.random.default_rng(0))
    assert np.array_equal(labels[first], labels[second]) and 3 not in {*first, *second}
    np.testing.assert_allclose(np.bincount(first, minlength=4) / 4000, weights / 8, atol=0.03)


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a manifest of photographs, a GAN and a diffusion model of 5 groups each, told by how they are enlarged."""
    folder = tmp_path_factory.mktemp("groups")
    rows = []
    for label, source in enumerate(("real", "stylegan2", "flux")):
        for group in range(5):
            images = crops(3, seed=100 * label + group)
            if label:
                images = enlarged(images, "nearest" if label == 1 else "bilinear")
            for number, image in enumerate(images):
                path = f"{source}-{group}-{number}.png"
                Image.fromarray(image.permute(1, 2, 0).numpy()).save(folder / path)
                split = "val" if group == 4 else "train"
                named = {"source": source, "split": split, "group": f"{source}-{group}"}
                rows.append({"path": path, "label": label, **named})
    return write_manifest(folder / "groups.csv", rows)


def fitted(manifest: Path, folder: Path, **run: Any) -> ResidualStatistics:
    data = Manifest.open(manifest)
    config = ResidualStatisticsConfig(
        draws={"share:jpeg=80..95": 0.1},
        draws_of_photographs={"share:jpeg=80..95": 0.2},
        folds=2,
        frozen=True,
        networks=1,
        view=View(kind="native", size=128),
    )
    method = ResidualStatistics(config, data.sources)
    method.fit(data.select("train"), data.select("val"), Run(folder, **run))
    return method


Fitted = tuple[ResidualStatistics, Path]


@pytest.fixture(scope="module")
def whole(manifest: Path, tmp_path_factory: pytest.TempPathFactory) -> Fitted:
    """Return a method that was fitted without interruption, and its folder."""
    folder = tmp_path_factory.mktemp("whole")
    return fitted(manifest, folder), folder


@pytest.fixture(scope="module")
def rows(manifest: Path, whole: Fitted) -> Rows:
    """Return the crops that it was fitted to."""
    method, folder = whole
    data = Manifest.open(manifest)
    return collect([data.select("train"), data.select("val")], method.config, Run(folder, resume=True))


@pytest.mark.parametrize(
    ("draws", "of_photographs", "unknown"),
    [
        ({"train": 0.1}, {"share:jpeg=80..95": 0.2, "train": 0.1}, "share:jpeg=80..95"),
        ({}, DRAWS_OF_PHOTOGRAPHS | {"share:webp=60..95": 0.3}, "share:webp=60..95"),
        ({"train": 0.1}, {"train": 0.2}, None),
        ({"train": 0.1}, DRAWS_OF_PHOTOGRAPHS, None),
    ],
)
def test_a_weight_of_photographs_for_no_draw_is_refused_before_a_training(
    draws: dict[str, float], of_photographs: dict[str, float], unknown: str | None, tmp_path: Path
) -> None:
    # A card that says so is read: only a training refuses.
    config = ResidualStatisticsConfig(draws=draws, draws_of_photographs=of_photographs)
    if unknown is None:
        config.check_draws()
        return
    with pytest.raises(ConfigError, match=f"for {re.escape(unknown)}, which is not among the draws") as error:
        collect([], config, Run(tmp_path))
    assert error.value.hint.startswith("Add it to draws")


def test_it_tells_new_crops_family_and_source_and_says_by_what(whole: Fitted) -> None:
    method, _ = whole
    fresh = crops(4, seed=9)
    nearest = enlarged(fresh)
    found = method.predict(torch.cat([fresh, nearest]))
    assert found.attribution.argmax(1).tolist() == [0] * 4 + [1] * 4
    torch.testing.assert_close(found.attribution.exp().sum(1), torch.ones(8))
    assert found.reasons is not None
    assert found.reasons.names == KINDS and float(kind_matrix().sum()) == columns(frozen=True)
    # Kinds add up to the log-odds, but for a constant and what the integral's steps leave.
    left = found.reasons.values.sum(1) - (found.attribution[:, 1:].logsumexp(1) - found.attribution[:, 0])
    assert (left - left.mean()).abs().max() <= 0.05 * left.mean().abs() + 0.1
    (panel,) = method.explain(nearest[0])
    assert len(panel.labels) == len(panel.values) and set(panel.labels) <= set(KINDS)


def test_the_gate_tells_what_was_saved_as_jpeg(rows: Rows, whole: Fitted) -> None:
    method, _ = whole
    clear = method._first(method._scaled(rows.statistics))[:, 0].numpy()
    assert set(rows.compressed[rows.draws == 1]) == {1} and set(rows.compressed[rows.draws == 0]) == {-1, 0}
    assert clear[rows.compressed == 1].mean() > 1 > -1 > clear[rows.compressed == 0].mean()
    drawn = rows.draws == 1
    assert set(rows.weights[drawn & (rows.labels == 0)]) == {0.2}
    assert set(rows.weights[drawn & (rows.labels > 0)]) == {0.1}


def test_models_that_saw_no_post_processing_have_no_say_where_a_crop_shows_it(rows: Rows, whole: Fitted) -> None:
    method, _ = whole
    other = ResidualStatistics(method.config, method.sources)
    drawn = method._first(method._scaled(rows.statistics))[:, 1].numpy()
    assert drawn[rows.draws == 1].mean() > 1 > -1 > drawn[rows.draws == 0].mean()

    def answers(clear: float, offset: float) -> Tensor:
        """Return answers where post-processing shows so clearly, the models as found preferring real images more."""
        changed = {name: each.clone() for name, each in method.state().items()}
        changed["signs.biases"][1] = clear
        place = method.rows["kinds"] + method.rows["sources"]
        for name in ("statistics", "features"):
            changed[f"{name}.biases"][place] += offset
            changed[f"{name}.output.biases"][:, 0] += offset
        other.load_state(changed)
        return other.answer_rows(rows.statistics)[0]

    torch.testing.assert_close(answers(100, 50), answers(100, 0))
    assert (answers(-100, 50).argmax(1) == 0).all() and answers(-100, 0)[:, 0].exp().min() < 0.5


def test_without_post_processed_crops_all_models_have_a_say(manifest: Path, tmp_path: Path) -> None:
    data = Manifest.open(manifest)
    config = ResidualStatisticsConfig(draws={}, folds=2, networks=0, view=View(kind="native", size=128))
    method = ResidualStatistics(config, data.sources)
    method.fit(data.select("train"), data.select("val"), Run(tmp_path))
    assert not any(method.state()[name].any() for name in ("signs.weights", "signs.biases"))
    fresh = crops(2, seed=9)
    assert method.predict(torch.cat([fresh, enlarged(fresh)])).attribution.argmax(1).tolist() == [0, 0, 1, 1]


def test_folds_leave_whole_groups_out_and_are_kept_with_the_weights(
    manifest: Path, whole: Fitted, tmp_path: Path
) -> None:
    method, _ = whole
    left = [each.groups for each in method.held_out]
    assert len(left) == 2 and not left[0] & left[1]
    assert set().union(*left) == set(Manifest.open(manifest).groups.tolist())
    card = save(method, Manifest.open(manifest), tmp_path)
    assert card.families == {"stylegan2": "gan", "flux": "diffusion"}
    kept = load_held_out(tmp_path, card)
    assert [groups for groups, _ in kept] == left
    images, before = crops(2), method.state()
    for (_, loaded), each in zip(kept, method.held_out, strict=True):
        method.load_state(each.tensors)
        torch.testing.assert_close(loaded.predict(images).attribution, method.predict(images).attribution)
    method.load_state(before)
    loaded, _ = load_attributor(tmp_path)
    with pytest.raises(WeightsError):
        loaded.load_state({})
    (tmp_path / "held-out" / "0.safetensors").unlink()
    with pytest.raises(WeightsError, match="has 1 of 2 folds"):
        load_held_out(tmp_path, card)


def test_an_interrupted_fit_goes_on_to_the_same_weights(manifest: Path, whole: Fitted, tmp_path: Path) -> None:
    told: list[Progress] = []
    with pytest.raises(KeyboardInterrupt):
        # After the first pass.
        fitted(manifest, tmp_path / "stopped", report=told.append, stop=lambda: len(told) == 5)
    kept = {file.name: file.stat().st_mtime_ns for file in (tmp_path / "stopped/checkpoints").iterdir()}
    assert kept
    resumed = fitted(manifest, tmp_path / "stopped", resume=True).state()
    expected = whole[0].state()
    assert all(torch.equal(resumed[name], expected[name]) for name in expected)
    for name, changed in kept.items():
        assert (tmp_path / "stopped/checkpoints" / name).stat().st_mtime_ns == changed


def test_kept_statistics_are_computed_again_where_they_are_computed_otherwise(
    manifest: Path, whole: Fitted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    method, folder = whole
    shutil.copytree(folder / "checkpoints", tmp_path / "checkpoints")
    splits = [Manifest.open(manifest).select(split) for split in ("train", "val")]

    def computed() -> int:
        """Return how many passes were written."""
        before = {file: file.stat().st_mtime_ns for file in (tmp_path / "checkpoints").iterdir()}
        collect(splits, method.config, Run(tmp_path, resume=True))
        return sum(file.stat().st_mtime_ns != written for file, written in before.items())

    assert computed() == 0
    monkeypatch.setattr("ganprint_plugins.residual_statistics.collect.NUMERICS", 0)
    assert computed() == 2 * (1 + len(method.config.draws))


def test_rows_of_a_group_are_never_on_both_sides_of_a_fold() -> None:
    groups = np.array([f"g{number % 17}" for number in range(170)])
    labels = np.array([number % 17 % 3 for number in range(170)])
    rows = Rows(torch.zeros(170, 1), labels, groups, np.arange(170), np.ones(170), *[np.zeros(170, int)] * 2)
    folds = split_groups(rows, 5, 0)
    assert sorted(group for fold in folds for group in fold) == sorted(set(groups))
    assert max(map(len, folds)) - min(map(len, folds)) <= 3


def test_beside_mps_which_has_no_double_precision_the_cpu_answers() -> None:
    method = ResidualStatistics(ResidualStatisticsConfig(), ("real", "progan")).to("mps")
    assert method.predict(crops(2)).attribution.device == torch.device("cpu")
    assert features.precise_device("cuda:1") == torch.device("cuda:1")
