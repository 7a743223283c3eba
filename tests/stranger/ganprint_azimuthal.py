"""Azimuthal: the power spectrum averaged over directions, and logistic regression (Durall et al., CVPR 2020)."""

import numpy as np
import torch
from pydantic import Field
from sklearn.linear_model import LogisticRegression

from ganprint.plugin_api import Attributor, AttributorSpec, Prediction, TrainingConfig, luma, stream


class AzimuthalConfig(TrainingConfig):
    """Azimuthal's hyperparameters."""

    penalty: float = Field(1.0, gt=0, description="C of the logistic regression")


class Azimuthal(Attributor):
    """Attribution by how much power an image has at each spatial frequency."""

    spec = AttributorSpec("azimuthal", "Azimuthal", "Durall et al., CVPR 2020", 2020, AzimuthalConfig)

    def __init__(self, config, sources):
        super().__init__(config, sources)
        self.weights = torch.zeros(len(sources), config.view.size // 2 + 1)

    def profiles(self, images):
        """Return the mean log magnitude (B, S / 2) at each radius of the centred spectrum."""
        size = images.shape[-1]
        spectrum = torch.fft.fftshift(torch.fft.fft2(luma(images.float())), dim=(-2, -1))
        away = torch.arange(size) - size // 2
        ring = torch.hypot(away[:, None].float(), away.float()).round().long().clamp(max=size // 2 - 1).flatten()
        logs = (spectrum.abs() + 1).log().flatten(1)
        return torch.zeros(len(images), size // 2).index_add_(1, ring, logs) / ring.bincount()

    def fit(self, train, val, run):
        """Fit the regression on the training images, perturbed as the policy says."""
        seen = [(self.profiles(b.images), b.labels) for b in stream(train, self.config, run, seed=run.seed)]
        profiles, labels = (torch.cat(parts).numpy() for parts in zip(*seen, strict=True))
        found = LogisticRegression(C=self.config.penalty, max_iter=5000).fit(profiles, labels)
        weights = np.concatenate([found.coef_, found.intercept_[:, None]], axis=1)
        self.weights = torch.from_numpy(weights if len(weights) > 1 else np.stack([0 * weights[0], weights[0]])).float()
        return {}

    def predict(self, images):
        """Answer for uint8 RGB images (B, 3, S, S)."""
        self.check_images(images)
        return Prediction(self.profiles(images.cpu()) @ self.weights[:, :-1].T + self.weights[:, -1])

    def state(self):
        return {"weights": self.weights}

    def load_state(self, tensors):
        self.weights = tensors["weights"]
