"""EigenFace: principal components (Sirovich and Kirby 1987) and a linear support vector machine."""

import time
import warnings
from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ganprint.plugin_api import (
    Attributor,
    LabelledImages,
    Panel,
    Prediction,
    Run,
    WeightsError,
    accumulate,
    answer_validation,
    best_trial,
    fit_inverse_temperature,
    grid_details,
    report_trial,
    stream,
)
from ganprint_plugins.eigenface_spec import SPEC, EigenFaceConfig

ITERATIONS = 10_000
"""Of liblinear's solver at most (the public code's)."""
COMPONENTS = 1024
"""Components found in batches where no limit is set."""
COPIES = 4
"""Arrays as large as the images that a full decomposition holds at once: images, centred ones, vectors, workspace."""


class Rows:
    """Images as rows, all in memory, and scikit-learn's PCA of them by a full decomposition, as the public code's."""

    def __init__(self) -> None:
        self.seen: list[Tensor] = []

    def update(self, images: Tensor, labels: Tensor) -> None:
        """Take in uint8 images (B, 3, S, S)."""
        self.seen.append(images.flatten(1))

    def tensors(self) -> dict[str, Tensor]:
        """Return the images seen."""
        return {"images": torch.cat(self.seen)}

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """Go on from what `tensors` gave."""
        self.seen = [tensors["images"]]

    def fitted(self) -> Any:
        """Return scikit-learn's PCA, with as many components as there are images or pixels."""
        from sklearn.decomposition import PCA

        return PCA(svd_solver="full").fit(_rows(torch.cat(self.seen)))


class Components:
    """scikit-learn's incremental PCA of images as rows: only a batch of them is ever in memory."""

    FITTED = (
        *("components_", "mean_", "var_", "singular_values_", "explained_variance_"),
        *("explained_variance_ratio_", "noise_variance_"),
    )

    def __init__(self, count: int) -> None:
        from sklearn.decomposition import IncrementalPCA

        self.pca = IncrementalPCA(count)

    def update(self, images: Tensor, labels: Tensor) -> None:
        """Take in uint8 images (B, 3, S, S); the first batch needs as many as there are components."""
        self.pca.partial_fit(_rows(images))
        # In one order in memory, as a checkpoint gives it back: the same arithmetic, bit by bit.
        self.pca.components_ = np.ascontiguousarray(self.pca.components_)

    def tensors(self) -> dict[str, Tensor]:
        """Return scikit-learn's fitted attributes."""
        seen = {"seen": torch.tensor(int(self.pca.n_samples_seen_))}
        return seen | {name: torch.from_numpy(np.array(getattr(self.pca, name))) for name in self.FITTED}

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """Go on from what `tensors` gave."""
        for name in self.FITTED:
            setattr(self.pca, name, tensors[name].numpy())
        self.pca.n_samples_seen_ = np.int64(tensors["seen"])
        self.pca.n_components_ = len(self.pca.components_)
        self.pca.batch_size_ = self.pca.n_components_

    def fitted(self) -> Any:
        """Return scikit-learn's incremental PCA."""
        return self.pca


def first_of_each(labels: np.ndarray, sources: int, images: int) -> np.ndarray:
    """Return the rows, in order, of the first images of each source, as many of each as make about `images`."""
    each = max(1, images // sources)
    return np.sort(np.concatenate([np.flatnonzero(labels == label)[:each] for label in range(sources)]))


def count_for(shares: np.ndarray, variance: float) -> int:
    """Return how many components explain a share of the variance, or how many there are.

    `shares` is each component's own, largest first; the rule is scikit-learn's.
    """
    return min(int(np.searchsorted(np.cumsum(shares), variance, side="right")) + 1, len(shares))


class EigenFace(Attributor):
    """Attribution of an image's coordinates among the principal components of the training images."""

    spec = SPEC
    config: EigenFaceConfig

    def __init__(self, config: EigenFaceConfig, sources: Sequence[str]) -> None:
        super().__init__(config, sources)
        pixels = 3 * config.view.size**2
        self.device = torch.device("cpu")
        self.tensors = {
            "pixel_mean": torch.zeros(pixels),
            "components": torch.zeros(1, pixels),
            "weights": torch.zeros(len(self.sources), 1),
            "biases": torch.zeros(len(self.sources)),
        }

    def fit(self, train: LabelledImages, val: LabelledImages, run: Run) -> Mapping[str, Any]:
        """Find components in one pass and coordinates in another; keep the setting best on validation."""
        began = time.monotonic()
        pca, how = self._find_components(train, run)
        shares = pca.explained_variance_ratio_[: self.config.components]
        self.tensors["pixel_mean"] = torch.from_numpy(pca.mean_).float()
        needed = count_for(shares, max(self.config.variances))
        self.tensors["components"] = torch.from_numpy(pca.components_[:needed].copy()).float()
        del pca
        seen = [
            (self.coordinates(batch.images), batch.labels) for batch in stream(train, self.config, run, seed=run.seed)
        ]
        coordinates, labels = (torch.cat(parts).numpy() for parts in zip(*seen, strict=True))
        held, truth = answer_validation(self.coordinates, val, self.config, run)

        settings = list(product(self.config.variances, self.config.penalties))
        trials, machines, scores = [], [], []
        for number, (variance, penalty) in enumerate(settings):
            count = count_for(shares, variance)
            *machine, iterations = fit_machine(coordinates[:, :count], labels, penalty, run.seed)
            machines.append(machine)
            scores.append(held[:, :count] @ machine[0].T + machine[1])
            setting = {"variance": variance, "components": count, "C": penalty, "iterations": iterations}
            trials.append(report_trial(setting, scores[-1], truth, run, (number + 1, len(settings))))
        best = best_trial(trials, self.config.monitor)
        factor = fit_inverse_temperature(scores[best], truth)
        weights, biases = (torch.from_numpy(factor * part).float() for part in machines[best])
        self.tensors |= {"weights": weights, "biases": biases}
        self.tensors["components"] = self.tensors["components"][: weights.shape[1]]
        details = grid_details(trials, best, self.sources)
        return {
            "seconds": time.monotonic() - began,
            "details": details | {"pca": how, "explained_by_all": round(float(np.sum(shares)), 4)},
        }

    def _find_components(self, train: LabelledImages, run: Run) -> tuple[Any, str]:
        """Return a fitted PCA of the first images of each source, and whether it is `full` or `incremental`."""
        config = self.config
        some = train.take(first_of_each(train.labels, len(self.sources), config.pca_images))
        pixels = 3 * config.view.size**2
        if COPIES * 4 * len(some) * pixels <= config.pca_gigabytes * 1e9:
            rows = Rows()
            accumulate(rows, some, config, run, name="components", batch_size=config.pca_batch)
            return rows.fitted(), "full"
        most = config.components or COMPONENTS
        components = Components(min(most, len(some)))
        # A batch holds as many images as components, and leaves no last one that is much smaller.
        least = min(max(most, config.pca_batch), len(some))
        size = -(-len(some) // max(1, len(some) // least))
        accumulate(components, some, config, run, name="components", batch_size=size)
        return components.fitted(), "incremental"

    def coordinates(self, images: Tensor) -> Tensor:
        """Return the coordinates (B, C) of uint8 images (B, 3, S, S) among the components."""
        rows = images.to(self.device).flatten(1).float() / 127.5 - 1
        return (rows - self.tensors["pixel_mean"]) @ self.tensors["components"].T

    def predict(self, images: Tensor) -> Prediction:
        """Answer for uint8 RGB images (B, 3, S, S); logits are the machine's margins, sharpened."""
        self.check_images(images)
        with torch.inference_mode():
            embedding = self.coordinates(images)
            logits = embedding @ self.tensors["weights"].T + self.tensors["biases"]
        return Prediction(attribution=logits, embedding=embedding)

    def state(self) -> dict[str, Tensor]:
        """Return mean, components, and the machine's weights and biases."""
        return dict(self.tensors)

    def load_state(self, tensors: Mapping[str, Tensor]) -> None:
        """Take what `state` gave; raise WeightsError where names or shapes do not fit."""
        shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
        count = shapes.get("weights", (0, 0))[-1]
        pixels, sources = 3 * self.config.view.size**2, len(self.sources)
        expected = {
            "pixel_mean": (pixels,),
            "components": (count, pixels),
            "weights": (sources, count),
            "biases": (sources,),
        }
        if shapes != expected:
            raise WeightsError(
                f"The tensors {shapes} are not those of {sources} sources at {self.config.view.size} px.",
                "The card's configuration and the tensors must come from the same training.",
            )
        self.tensors = {name: tensor.to(self.device) for name, tensor in tensors.items()}

    def to(self, device: str) -> "EigenFace":
        """Move all tensors to a device."""
        self.device = torch.device(device)
        self.tensors = {name: tensor.to(self.device) for name, tensor in self.tensors.items()}
        return self

    def explain(self, image: Tensor) -> list[Panel]:
        """Return what the components keep of the image, and what they leave."""
        size = self.config.view.size
        kept = self.coordinates(image[None]) @ self.tensors["components"] + self.tensors["pixel_mean"]
        picture = (kept.view(3, size, size).permute(1, 2, 0).cpu() + 1) / 2
        left = image.permute(1, 2, 0).cpu().float() / 255 - picture
        return [
            Panel(f"as {len(self.tensors['components'])} components show it", picture.clamp(0, 1).numpy()),
            Panel("what they leave out", left.mean(2).numpy(), diverging=True),
        ]


def _rows(images: Tensor) -> np.ndarray:
    rows: np.ndarray = images.flatten(1).numpy().astype(np.float32) / 127.5 - 1
    return rows


def fit_machine(
    coordinates: np.ndarray, labels: np.ndarray, penalty: float, seed: int
) -> tuple[np.ndarray, np.ndarray, int]:
    """Return weights (K, C) and biases (K,) of a linear support vector machine, one source against the rest.

    Squared hinge loss, solved in the dual as the public code does; the third is the solver's iterations.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.svm import LinearSVC

    machine = LinearSVC(C=penalty, dual=True, random_state=seed, max_iter=ITERATIONS)
    with warnings.catch_warnings():
        # The iterations are told with each trial: as many as are allowed says the same.
        warnings.simplefilter("ignore", ConvergenceWarning)
        machine.fit(coordinates, labels)
    weights, biases, iterations = machine.coef_, machine.intercept_, int(np.max(machine.n_iter_))
    if len(machine.classes_) == 2:
        return np.concatenate([-weights, weights]), np.concatenate([-biases, biases]), iterations
    return weights, biases, iterations
