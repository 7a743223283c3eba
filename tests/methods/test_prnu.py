"""PRNU: sums over batches, correlations are bounded, real may be what matches none."""

from pathlib import Path

import numpy as np
import pytest
import torch
from ganprint_plugins.prnu import PRNU, FingerprintSums, Setting, correlate
from ganprint_plugins.prnu_spec import PRNUConfig
from pydantic import ValidationError

from ganprint.attributor import Run, View
from ganprint.data import Manifest
from ganprint.errors import WeightsError
from ganprint.images.residual import clean_residuals

from .conftest import configured


def test_sums_do_not_depend_on_how_images_are_batched() -> None:
    images = torch.randint(0, 256, (9, 3, 64, 64), dtype=torch.uint8, generator=torch.manual_seed(4))
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


def test_the_grid_is_searched_on_validation_and_recorded(tmp_path: Path, tiny_manifest: Path) -> None:
    data = Manifest.open(tiny_manifest)
    attributor_class, config = configured("prnu", "real_by=[fingerprint, threshold]")
    attributor = attributor_class(config, data.sources)
    grid = attributor.fit(data.select("train"), data.select("val"), Run(tmp_path))["details"]["grid"]
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


@pytest.mark.parametrize("levels", [0, -1, 12, 1 << 40])
def test_decompositions_of_which_nothing_would_be_left_are_refused(levels: int) -> None:
    method = PRNU(PRNUConfig(view=View(size=32)), ("real", "progan"))
    with pytest.raises(WeightsError):
        method.load_state(method.state() | {"levels": torch.tensor(levels)})
    with pytest.raises(ValidationError):
        PRNUConfig(levels=(2, levels))
