"""PRNU's mathematics: a planted pattern is recovered, correlations are bounded, real may be what matches none."""

from pathlib import Path

import numpy as np
import pytest
import torch
from ganprint_plugins.prnu import FingerprintSums, PRNUConfig, Setting, correlate

from ganprint.images.residual import clean_residuals, remove_means

from .conftest import Fit

SIDE = 64


def planted(count: int, pattern: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Return noisy smooth images, uint8 (count, 3, SIDE, SIDE), that all carry a multiplicative pattern."""
    coarse = torch.rand(count, 3, 4, 4, generator=generator) * 120 + 60
    scenes = torch.nn.functional.interpolate(coarse, (SIDE, SIDE), mode="bicubic")
    noise = 4 * torch.randn(scenes.shape, generator=generator)
    return (scenes * (1 + 0.02 * pattern) + noise).round().clamp(0, 255).to(torch.uint8)


@pytest.fixture(scope="module")
def pattern() -> torch.Tensor:
    return torch.randn(SIDE, SIDE, generator=torch.Generator().manual_seed(1))


@pytest.fixture(scope="module")
def sums(pattern: torch.Tensor) -> FingerprintSums:
    generator = torch.Generator().manual_seed(2)
    found = FingerprintSums([(3, 3.0)], 2)
    for _ in range(10):
        found.update(planted(20, pattern, generator), torch.zeros(20, dtype=torch.long))
        found.update(planted(20, torch.zeros(SIDE, SIDE), generator), torch.ones(20, dtype=torch.long))
    return found


def test_a_planted_pattern_is_recovered_from_200_noisy_images(
    sums: FingerprintSums, pattern: torch.Tensor
) -> None:
    with_pattern, without = sums.fingerprints()[0]
    expected = remove_means(pattern[None])
    assert float(correlate(with_pattern[None], expected)) > 0.9
    assert abs(float(correlate(without[None], expected))) < 0.1


def test_images_correlate_with_the_pattern_that_they_carry_and_with_no_other(
    sums: FingerprintSums, pattern: torch.Tensor
) -> None:
    fresh = planted(30, pattern, torch.Generator().manual_seed(3))
    values = correlate(clean_residuals(fresh.float(), levels=3, sigma=3.0), sums.fingerprints()[0])
    assert float(values[:, 0].min()) > 3 * float(values[:, 1].abs().max())


def test_sums_do_not_depend_on_how_images_are_batched(pattern: torch.Tensor) -> None:
    images = planted(9, pattern, torch.Generator().manual_seed(4))
    labels = torch.tensor([0, 1, 2, 0, 1, 2, 0, 0, 1])
    whole, parts = FingerprintSums([(2, 1.0)], 3), FingerprintSums([(2, 1.0)], 3)
    whole.update(images, labels)
    for start in range(0, 9, 2):
        parts.update(images[start : start + 2], labels[start : start + 2])
    torch.testing.assert_close(whole.fingerprints(), parts.fingerprints(), rtol=1e-4, atol=1e-5)


def test_correlations_lie_within_one_and_are_one_with_oneself_and_minus_one_with_the_negative() -> None:
    planes = torch.randn(6, 20, 20, generator=torch.Generator().manual_seed(0)) * 50 + 7
    found = correlate(planes, torch.cat([planes, -planes]))
    assert float(found.abs().max()) <= 1 + 1e-5
    torch.testing.assert_close(found.diagonal(), torch.ones(6))
    torch.testing.assert_close(found[:, 6:], -found[:, :6])
    torch.testing.assert_close(correlate(3 * planes, planes), found[:, :6], atol=1e-5, rtol=0)
    assert torch.isfinite(correlate(torch.zeros(1, 20, 20), planes)).all()


def test_real_can_be_what_correlates_with_no_generator() -> None:
    correlations = torch.tensor([[0.5, 0.01, 0.02], [0.0, 0.01, 0.3]])
    assert Setting(1, 1.0).scores(correlations).argmax(1).tolist() == [0, 2]
    assert Setting(1, 1.0, threshold=0.1).scores(correlations).argmax(1).tolist() == [0, 2]
    assert Setting(1, 1.0, threshold=0.4).scores(correlations).argmax(1).tolist() == [0, 0]


def test_the_grid_is_searched_on_validation_and_recorded(
    fit: Fit, tmp_path: Path, tiny_manifest: Path
) -> None:
    from ganprint.attributor import Run
    from ganprint.data import Manifest

    rules = "real_by=[fingerprint, threshold]"
    attributor = fit("prnu", tmp_path, rules)
    data = Manifest.open(tiny_manifest)
    record = attributor.fit(data.select("train"), data.select("val"), Run(tmp_path / "again"))
    grid = record["details"]["grid"]
    assert len(grid) == 2 * 2 * 2 and PRNUConfig().real_by == ("fingerprint",)
    best = max(trial["accuracy"] for trial in grid)
    *_, chosen = (trial for trial in grid if trial["accuracy"] == best)
    state = attributor.state()
    assert (int(state["levels"]), float(state["sigma"])) == (chosen["levels"], pytest.approx(chosen["sigma"]))
    assert ("threshold" in state) == ("threshold" in chosen)


def test_a_constant_and_a_saturated_image_give_finite_residuals() -> None:
    flat = torch.full((2, 3, 32, 32), 255, dtype=torch.uint8)
    sums = FingerprintSums([(2, 5.0)], 1)
    sums.update(flat, torch.zeros(2, dtype=torch.long))
    assert torch.isfinite(sums.fingerprints()).all()
    assert np.isfinite(clean_residuals(flat.float(), levels=4, sigma=0.05).numpy()).all()
