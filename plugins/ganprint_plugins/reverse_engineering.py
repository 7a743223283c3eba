"""Reverse Engineering of generative models: a fingerprint estimation network (Asnani et al., TPAMI 2023)."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from ganprint.plugin_api import Losses, NeuralAttributor, Panel, Prediction, Step
from ganprint_plugins.reverse_engineering_spec import SPEC, ReverseEngineeringConfig

MEAN, DEVIATION = 0.649, 0.1269
"""Of the public code's images in 0..1."""

LOW, REPETITION, ENERGY, SYMMETRY = 0.05, -0.001, 0.01, 0.1
"""Weights of the four losses on the fingerprint (section 3.2; the public code's values in training)."""

GREY = (0.299, 0.587, 0.114)
"""Weights of red, green and blue."""


class FingerprintEstimator(nn.Module):
    """DnCNN (Zhang et al., TIP 2017): images (B, 3, S, S) to fingerprints of their size."""

    def __init__(self, depth: int, width: int) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(3, width, 3, padding=1), nn.ReLU(inplace=True)]
        for _ in range(depth - 2):
            layers += [nn.Conv2d(width, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU(inplace=True)]
        layers.append(nn.Conv2d(width, 3, 3, padding=1))
        self.layers = nn.Sequential(*layers)
        for layer in layers:
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")

    def forward(self, images: Tensor) -> Tensor:
        """Return the fingerprints, which the network gives as they are: no image is subtracted."""
        residuals: Tensor = self.layers(images)
        return residuals


class ReverseNetwork(nn.Module):
    """The fingerprint network, and a head that reads attribution off the fingerprint's spectrum."""

    def __init__(self, config: ReverseEngineeringConfig, sources: int) -> None:
        super().__init__()
        first, second = config.head_widths
        self.estimator = FingerprintEstimator(config.depth, config.width)
        # The spectrum's magnitudes spread over decades and grow with the image's side.
        self.spectrum_norm = nn.BatchNorm2d(1) if config.normalise_spectrum else nn.Identity()
        self.head = nn.Sequential(
            *(nn.Conv2d(1, first, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Conv2d(first, second, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Flatten(), nn.Dropout(0.5)),
            *(nn.Linear(second * (config.view.size // 4) ** 2, config.hidden), nn.ReLU()),
            nn.Linear(config.hidden, sources),
        )

    def fingerprint(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return the residuals' luma (B, S, S) and its centred spectrum's magnitudes (B, S, S), float32."""
        estimated = self.estimator(images).float()
        residual = (estimated * estimated.new_tensor(GREY).view(3, 1, 1)).sum(dim=1)
        # The public code moves by half a side, rounded down, to the left: at odd sides the inverse shift.
        spectrum = torch.fft.ifftshift(torch.fft.fft2(residual), dim=(-2, -1)).abs()
        return residual, spectrum

    def classify(self, spectrum: Tensor) -> Tensor:
        """Return attribution logits (B, K) of spectra (B, S, S)."""
        logits: Tensor = self.head(self.spectrum_norm(spectrum[:, None]))
        return logits.float()

    def forward(self, images: Tensor) -> Tensor:
        """Return attribution logits (B, K)."""
        return self.classify(self.fingerprint(images)[1])


def fingerprint_losses(residual: Tensor, spectrum: Tensor, low: int) -> dict[str, Tensor]:
    """Return the four weighted losses on fingerprints, mean squares but for one (section 3.2, equations 2 to 5).

    `residual` (B, S, S) is the residual's luma, `spectrum` (B, S, S) its centred spectrum's magnitudes. `low`:
    the central `low` x `low` frequencies are to vanish; `repetition`: the largest magnitude of the whole batch
    outside them is to stand out; `energy`: the residual is to be small; `symmetry`: the spectrum is to equal its
    transpose.
    """
    size = spectrum.shape[-1]
    low = min(low, size)
    start = size // 2 - low // 2
    centre = torch.zeros(size, size, dtype=torch.bool, device=spectrum.device)
    centre[start : start + low, start : start + low] = True
    return {
        "low": LOW * spectrum[:, centre].square().mean(),
        "repetition": REPETITION * spectrum.masked_fill(centre, 0.0).max(),
        "energy": ENERGY * residual.square().mean(),
        "symmetry": SYMMETRY * (spectrum - spectrum.mT).square().mean(),
    }


class ReverseEngineering(NeuralAttributor):
    """Attribution from the spectrum of a fingerprint that a network estimates."""

    spec = SPEC
    feature_places = "frequencies"
    config: ReverseEngineeringConfig
    network: ReverseNetwork

    def build(self) -> ReverseNetwork:
        """Return the fingerprint network and the head with fresh weights."""
        return ReverseNetwork(self.config, len(self.sources))

    def scale(self, images: Tensor) -> Tensor:
        """Map uint8 to float with the public code's mean and deviation."""
        return images.to(torch.float32).div_(255).sub_(MEAN).div_(DEVIATION)

    def loss(self, images: Tensor, labels: Tensor, step: Step | None) -> Losses:
        """Return the fingerprint's four losses plus the weighted cross-entropy (section 3.4)."""
        residual, spectrum = self.network.fingerprint(images)
        logits = self.network.classify(spectrum)
        judged = logits.sigmoid() if self.config.sigmoid else logits
        losses = fingerprint_losses(residual, spectrum, self.config.low_frequencies)
        attribution = self.config.attribution_weight * functional.cross_entropy(judged, labels)
        return Losses(attribution + torch.stack(list(losses.values())).sum(), logits, labels)

    def answer(self, images: Tensor) -> Prediction:
        """Answer from the fingerprint; logits after the sigmoid where training judged them so."""
        logits = self.network(images)
        return Prediction(attribution=logits.sigmoid() if self.config.sigmoid else logits)

    def explain(self, image: Tensor) -> list[Panel]:
        """Return the estimated residual and the logarithm of its spectrum."""
        self.network.eval()
        with torch.inference_mode():
            residual, spectrum = self.network.fingerprint(self.scale(image[None].to(self.device)))
        return [
            Panel("estimated fingerprint (residual's luma)", residual[0].cpu().numpy(), diverging=True),
            Panel("its spectrum (log magnitude)", spectrum[0].add(1e-6).log().cpu().numpy()),
        ]
