"""EigenFace and PRNU equal the public baselines' on their training and test images."""

import numpy as np
import pytest
import torch
from ganprint_plugins.eigenface import Rows, count_for, first_of_each, fit_machine
from ganprint_plugins.prnu import FingerprintSums, Setting, correlate

from ganprint.images.residual import clean_residuals

from .conftest import Arrays, Close, Outputs

POINTS = [(0.25, 1e-4), (0.5, 1e-2), (0.95, 1e-1), (0.95, 1e-3)]
PRNU_POINTS = [(1, 0.05), (3, 0.8), (2, 0.95)]


def images(run: Arrays, split: str) -> torch.Tensor:
    return torch.from_numpy(run[f"{split}_images_uint8"]).permute(0, 3, 1, 2).contiguous()


def test_the_components_are_found_from_the_first_images_of_each_source(outputs: Outputs) -> None:
    run = outputs("eigenface")
    assert first_of_each(run["train_labels"], 4, 24).tolist() == run["pca_fit_indices"].tolist()


@pytest.mark.parametrize(("variance", "penalty"), POINTS)
@pytest.mark.parametrize("subset", [False, True], ids=["all images", "a subset"])
def test_eigenfaces_components_and_decisions_are_the_public_ones(
    subset: bool, variance: float, penalty: float, outputs: Outputs, close: Close
) -> None:
    run = outputs("eigenface")
    point = f"{'subset24' if subset else 'all40'}_v{variance}_C{penalty:.4f}".rstrip("0")
    train, test = images(run, "train"), images(run, "test")
    rows = Rows()
    rows.update(train[run["pca_fit_indices"]] if subset else train, torch.zeros(0))
    pca = rows.fitted()
    count = count_for(pca.explained_variance_ratio_, variance)
    assert count == int(run[f"{point}/n_components"])
    found, expected = pca.explained_variance_ratio_[:count], run[f"{point}/explained_variance_ratio"]
    close(f"EigenFace {point}: shares of variance", found, expected, 1e-5)

    def project(given: torch.Tensor) -> np.ndarray:
        flat = given.flatten(1).numpy().astype(np.float32) / 127.5 - 1
        return np.asarray((flat - pca.mean_) @ pca.components_[:count].T)

    weights, biases, _ = fit_machine(project(train), run["train_labels"], penalty, 0)
    decisions = project(test) @ weights.T + biases
    # The public solver's own seeds differ by 3.4e-6.
    close(f"EigenFace {point}: decisions", decisions, run[f"{point}/decision"], 5e-5)
    assert decisions.argmax(1).tolist() == run[f"{point}/pred"].tolist()


@pytest.mark.parametrize(("levels", "sigma"), PRNU_POINTS)
def test_prnus_fingerprints_correlations_and_answers_are_the_public_ones(
    levels: int, sigma: float, outputs: Outputs, close: Close
) -> None:
    run, point = outputs("prnu"), f"levels{levels}_sigma{sigma}"
    sums = FingerprintSums([(levels, sigma)], 3)
    sums.update(images(run, "train"), torch.from_numpy(run["train_labels"].astype(np.int64)))
    fingerprints = sums.fingerprints()[0]
    close(f"PRNU {point}: fingerprints", fingerprints, run[f"{point}/fingerprints"], 1e-5)
    residuals = clean_residuals(images(run, "test").float(), levels=levels, sigma=sigma)
    correlations = correlate(residuals, fingerprints)
    close(f"PRNU {point}: correlations", correlations.T, run[f"{point}/ncc"], 1e-4)
    answers = Setting(levels, sigma).scores(correlations).argmax(1)
    assert answers.tolist() == run[f"{point}/pred"].tolist()
