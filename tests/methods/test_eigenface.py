"""EigenFace's components are scikit-learn's, found in batches, and its margins are a linear machine's."""

from pathlib import Path

import numpy as np
import pytest
import torch
from ganprint_plugins.eigenface import Components, count_for
from sklearn.decomposition import PCA

from ganprint.data import Manifest
from ganprint.training import Run, stream
from ganprint.training.trials import fit_inverse_temperature

from .conftest import Fit, configured


@pytest.fixture(scope="module")
def images() -> torch.Tensor:
    """Return images whose variance lies almost all in four directions."""
    random = np.random.default_rng(0)
    directions = random.normal(size=(4, 3 * 16 * 16))
    strengths = random.normal(size=(90, 4)) * np.array([12.0, 9.0, 6.0, 3.0])
    pixels = 128 + strengths @ directions + random.normal(size=(90, 3 * 16 * 16))
    return torch.from_numpy(pixels.round().clip(0, 255).astype(np.uint8)).view(90, 3, 16, 16)


def test_components_found_in_batches_span_what_scikit_learns_pca_finds_at_once(images: torch.Tensor) -> None:
    components = Components(6)
    for part in images.split(30):
        components.update(part, torch.zeros(len(part)))
    whole = PCA(4).fit(images.flatten(1).numpy() / 127.5 - 1)
    found = components.pca.components_[:4]
    np.testing.assert_allclose(np.abs((found * whole.components_).sum(1)), 1, atol=1e-3)
    np.testing.assert_allclose(components.pca.mean_, whole.mean_, atol=1e-6)
    np.testing.assert_allclose(components.pca.explained_variance_ratio_[:4], whole.explained_variance_ratio_, rtol=1e-2)


def test_the_count_explains_the_variance_asked_for_and_no_more_than_needed(images: torch.Tensor) -> None:
    rows = images.flatten(1).numpy()
    shares = PCA(10, svd_solver="full").fit(rows).explained_variance_ratio_
    for share in (0.25, 0.5, 0.75, 0.9):
        assert count_for(shares, share) == PCA(share, svd_solver="full").fit(rows).n_components_
    assert count_for(shares, 0.999999) == 10


def test_where_memory_is_short_the_components_are_found_in_batches_and_the_card_says_so(
    tiny_manifest: Path, tmp_path: Path
) -> None:
    data, found = Manifest.open(tiny_manifest), {}
    for name, gigabytes in (("full", 1.0), ("incremental", 1e-6)):
        attributor_class, config = configured("eigenface", f"pca_gigabytes={gigabytes}", "components=30")
        attributor = attributor_class(config, data.sources)
        found_by = attributor.fit(data.select("train"), data.select("val"), Run(tmp_path / name))
        assert found_by["details"]["pca"] == name
        found[name] = attributor.state()["components"]
    assert found["full"].shape == found["incremental"].shape


def test_coordinates_are_centred_and_the_machine_separates_the_tiny_sources(
    fit: Fit, tiny_manifest: Path, tmp_path: Path
) -> None:
    attributor = fit("eigenface", tmp_path, "components=30")
    data = Manifest.open(tiny_manifest)
    (batch,) = stream(data.select("train"), attributor.config, Run(tmp_path), seed=0)
    coordinates = attributor.coordinates(batch.images)
    assert float(coordinates.mean(0).abs().max()) < 1e-4
    answer = attributor.predict(batch.images)
    assert answer.embedding is not None and torch.equal(answer.embedding, coordinates)
    assert float((answer.attribution.argmax(1) == batch.labels).float().mean()) > 0.9


def test_inverse_temperature_is_the_factor_that_cross_entropy_likes_best() -> None:
    random = np.random.default_rng(1)
    labels = random.integers(0, 3, 4000)
    logits = random.normal(size=(4000, 3))
    drawn = np.array([random.choice(3, p=np.exp(row) / np.exp(row).sum()) for row in logits * 2.5])
    assert fit_inverse_temperature(logits, drawn) == pytest.approx(2.5, rel=0.1)
    assert fit_inverse_temperature(logits / 1000, drawn) == pytest.approx(2500, rel=0.1)
    assert fit_inverse_temperature(logits, labels) < 0.3
