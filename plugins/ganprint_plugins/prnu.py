"""PRNU: do GANs leave artificial fingerprints? (Marra et al., MIPR 2019), by noise residuals' correlation."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import product
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ganprint.plugin_api import (
    Attributor,
    AttributorConfig,
    LabelledImages,
    Panel,
    Prediction,
    Run,
    WeightsError,
    accumulate,
    answer_validation,
    best_trial,
    clean_residuals,
    fit_inverse_temperature,
    flatten_spectrum,
    grid_details,
    judge,
    luma,
    noise_residuals,
    remove_means,
    report_trial,
)
from ganprint_plugins.prnu_spec import MOST_LEVELS, SPEC, PRNUConfig

DARKEST_SATURATED = 252.0
"""Grey level from which the weight of a pixel falls, and how fast (Chen et al. 2008's public code)."""
SATURATION_WIDTH = 6.0
CLIPPED = 250.0
"""Grey level above which a channel's largest value may be clipped."""
THRESHOLDS = 101
"""Quantiles of the strongest correlations that are tried as the threshold below which an image is real."""


class FingerprintSums:
    """Maximum-likelihood fingerprints of K sources under several settings (Chen et al. 2008, equation 6).

    Sums over a source's images of residual times intensity, and of intensity squared: any number of images.
    """

    def __init__(self, settings: Sequence[tuple[int, float]], sources: int) -> None:
        self.settings = tuple(settings)
        self.sources = sources
        self._residuals = self._intensities = torch.zeros(())

    def update(self, images: Tensor, labels: Tensor) -> None:
        """Add uint8 images (B, 3, H, W) of sources int64 (B,)."""
        if not self._residuals.ndim:
            shape = (self.sources, *images.shape[1:])
            self._residuals = torch.zeros(len(self.settings), *shape, dtype=torch.float64)
            self._intensities = torch.zeros(shape, dtype=torch.float64)
        levels = images.float()
        weights = (_intensity(levels) * _unclipped(levels)).square()
        self._intensities.index_add_(0, labels, weights.double())
        for number, (depth, sigma) in enumerate(self.settings):
            weighted = noise_residuals(levels, levels=depth, sigma=sigma) * levels / 255
            self._residuals[number].index_add_(0, labels, weighted.double())

    def fingerprints(self) -> Tensor:
        """Return the fingerprints of all settings and sources (G, K, H, W), float32, in grey and cleaned."""
        estimates = (self._residuals / (self._intensities + 1)).float()
        grey = luma(estimates)
        return flatten_spectrum(remove_means(grey.flatten(0, 1))).view(grey.shape)

    def tensors(self) -> dict[str, Tensor]:
        """Return both sums."""
        return {"residuals": self._residuals, "intensities": self._intensities}

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """Go on from what `tensors` gave."""
        self._residuals, self._intensities = tensors["residuals"], tensors["intensities"]


def correlate(residuals: Tensor, fingerprints: Tensor) -> Tensor:
    """Return the cosines (B, K) in [-1, 1] of residuals (B, H, W) with fingerprints (K, H, W)."""
    rows, columns = (functional.normalize(planes.flatten(1), dim=1) for planes in (residuals, fingerprints))
    return rows @ columns.T


@dataclass(frozen=True)
class Setting:
    """One cell of the grid; `threshold` is the correlation below which an image is real, None: real's own counts."""

    levels: int
    sigma: float
    threshold: float | None = None

    def scores(self, correlations: Tensor) -> Tensor:
        """Return scores (B, K) from correlations (B, K), the first column being real's fingerprint."""
        if self.threshold is None:
            return correlations
        constant = correlations.new_full((len(correlations), 1), self.threshold)
        return torch.cat([constant, correlations[:, 1:]], dim=1)


class PRNU(Attributor):
    """Attribution to the source whose fingerprint correlates best with the image's noise residual.

    Photographs of many cameras share no fingerprint, so the option `real_by` allows real to be what correlates with
    no generator's, which is ours and not the paper's.
    """

    spec = SPEC
    config: PRNUConfig

    @classmethod
    def called(cls, config: AttributorConfig) -> str:
        """Name our rule where it may decide what is real."""
        ours = isinstance(config, PRNUConfig) and "threshold" in config.real_by
        return "prnu+threshold" if ours else cls.spec.name

    def __init__(self, config: PRNUConfig, sources: Sequence[str]) -> None:
        super().__init__(config, sources)
        side = config.view.size
        self.device = torch.device("cpu")
        self.fingerprints = torch.zeros(len(self.sources), side, side)
        self.setting = Setting(config.levels[0], config.sigmas[0])
        self.inverse_temperature = 1.0

    def fit(self, train: LabelledImages, val: LabelledImages, run: Run) -> Mapping[str, Any]:
        """Estimate all settings' fingerprints in one pass; keep the setting that is best on validation."""
        began = time.monotonic()
        filters = list(product(self.config.levels, self.config.sigmas))
        sums = FingerprintSums(filters, len(self.sources))
        accumulate(sums, train, self.config, run, name="fingerprints")
        candidates = sums.fingerprints()

        def correlations(images: Tensor) -> Tensor:
            levels = images.float()
            each = [
                correlate(clean_residuals(levels, levels=depth, sigma=sigma), fingerprints)
                for (depth, sigma), fingerprints in zip(filters, candidates, strict=True)
            ]
            return torch.stack(each, dim=1)

        found, labels = answer_validation(correlations, val, self.config, run)
        settings, trials = [], []
        grid = list(product(range(len(filters)), self.config.real_by))
        for number, (place, real_by) in enumerate(grid):
            setting = Setting(*filters[place])
            if real_by == "threshold":
                threshold = _best_threshold(found[:, place], labels, self.config.monitor)
                setting = replace(setting, threshold=threshold)
            scores = setting.scores(torch.from_numpy(found[:, place])).numpy()
            settings.append((setting, place, scores))
            shown = {name: value for name, value in asdict(setting).items() if value is not None}
            trials.append(report_trial(shown, scores, labels, run, (number + 1, len(grid))))
        best = best_trial(trials, self.config.monitor)
        self.setting, place, scores = settings[best]
        self.fingerprints = candidates[place]
        self.inverse_temperature = fit_inverse_temperature(scores, labels)
        return {"seconds": time.monotonic() - began, "details": grid_details(trials, best, self.sources)}

    def predict(self, images: Tensor) -> Prediction:
        """Answer for uint8 RGB images (B, 3, S, S); the logits are correlations, sharpened."""
        self.check_images(images)
        with torch.inference_mode():
            correlations = correlate(self._residuals(images), self.fingerprints)
            return Prediction(attribution=self.inverse_temperature * self.setting.scores(correlations))

    def state(self) -> dict[str, Tensor]:
        """Return fingerprints, the setting they were made with, and the inverse temperature of the logits."""
        numbers = {name: value for name, value in asdict(self.setting).items() if value is not None}
        numbers["sharpness"] = self.inverse_temperature
        return {"fingerprints": self.fingerprints} | {name: torch.tensor(value) for name, value in numbers.items()}

    def load_state(self, tensors: Mapping[str, Tensor]) -> None:
        """Take what `state` gave; raise WeightsError where names or shapes do not fit."""
        absent = {"fingerprints", "levels", "sigma", "sharpness"} - tensors.keys()
        # A level is a few bytes, and each takes time and memory.
        deep = not absent and not 1 <= int(tensors["levels"]) <= MOST_LEVELS
        if absent or deep or tensors["fingerprints"].shape != self.fingerprints.shape:
            raise WeightsError(
                f"The tensors are not those of {len(self.sources)} fingerprints of {self.config.view.size} px.",
                "The card's configuration and the tensors must come from the same training.",
            )
        self.fingerprints = tensors["fingerprints"].to(self.device)
        threshold = float(tensors["threshold"]) if "threshold" in tensors else None
        self.setting = Setting(int(tensors["levels"]), float(tensors["sigma"]), threshold)
        self.inverse_temperature = float(tensors["sharpness"])

    def to(self, device: str) -> "PRNU":
        """Move the fingerprints to a device; residuals are computed there."""
        self.device = torch.device(device)
        self.fingerprints = self.fingerprints.to(self.device)
        return self

    def explain(self, image: Tensor) -> list[Panel]:
        """Return the image's residual and the fingerprint of each source, with its correlation."""
        residual = self._residuals(image[None])
        values = correlate(residual, self.fingerprints)[0].tolist()
        panels = [Panel("cleaned noise residual", residual[0].cpu().numpy(), diverging=True)]
        for source, fingerprint, value in zip(self.sources, self.fingerprints, values, strict=True):
            panels.append(Panel(f"{source}: correlation {value:+.4f}", fingerprint.cpu().numpy(), diverging=True))
        return panels

    def _residuals(self, images: Tensor) -> Tensor:
        return clean_residuals(images.to(self.device).float(), levels=self.setting.levels, sigma=self.setting.sigma)


def _best_threshold(correlations: np.ndarray, labels: np.ndarray, monitor: str) -> float:
    """Return the correlation below which calling images (N, K) real serves `monitor` best."""
    strongest = correlations[:, 1:].max(1)
    named = correlations[:, 1:].argmax(1) + 1
    candidates = np.unique(np.quantile(strongest, np.linspace(0, 1, THRESHOLDS)))
    found = [judge(np.where(strongest < each, 0, named), labels)[monitor] for each in candidates]
    return float(candidates[int(np.argmax(found))])


def _intensity(levels: Tensor) -> Tensor:
    """Return intensities in 0..1 that fall again where a sensor would saturate."""
    falling = torch.exp(-((levels - DARKEST_SATURATED) ** 2) / SATURATION_WIDTH)
    return torch.where(levels < DARKEST_SATURATED, levels / DARKEST_SATURATED, falling)


def _unclipped(levels: Tensor) -> Tensor:
    """Return each pixel's weight: 1 where it can carry a trace, 0 where it is clipped, flat at a channel's limit.

    As in the public code, of whose fingerprints ours are equals: an image that is nowhere bright counts in full, and in
    one that is, a channel that stays below the limit counts only where it is flat.
    """
    right, below = levels != levels.roll(1, 3), levels != levels.roll(1, 2)
    flat = ~(right & below & right.roll(-1, 3) & below.roll(-1, 2))
    brightest = levels.amax((2, 3), keepdim=True)
    weights = torch.where(brightest > CLIPPED, ~(flat & (levels == brightest)), flat)
    nowhere_bright = levels.amax((1, 2, 3), keepdim=True) < CLIPPED
    return (weights | nowhere_bright).float()
