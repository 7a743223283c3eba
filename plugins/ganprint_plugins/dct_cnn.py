"""DCT-CNN: a small network on log-scaled cosine spectra (Frank et al., ICML 2020)."""

import torch
from torch import Tensor, nn

from ganprint.plugin_api import LabelledImages, Moments, NeuralAttributor, Panel, Run, accumulate, log_dct
from ganprint_plugins.dct_cnn_spec import SPEC, DCTCNNConfig

FLATTEST = 1e-3
"""Least standard deviation of a coefficient's logarithm that is divided by."""


class SpectrumNetwork(nn.Module):
    """Standardised log-spectra (B, 3, S, S) to logits (B, K), with the statistics that standardise them."""

    mean: Tensor
    deviation: Tensor

    def __init__(self, config: DCTCNNConfig, sources: int) -> None:
        super().__init__()
        size = config.view.size
        self.register_buffer("mean", torch.zeros(3, size, size))
        self.register_buffer("deviation", torch.ones(3, size, size))
        self.layers = nn.Sequential(
            *(nn.Conv2d(3, 3, 3, padding=1), nn.ReLU()),
            *(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.AvgPool2d(2)),
            *(nn.Conv2d(8, 16, 3, padding=1), nn.ReLU(), nn.AvgPool2d(2)),
            *(nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Dropout(config.dropout)),
            nn.Linear(32 * (size // 4) ** 2, sources),
        )
        # Keras's default, with which the public code starts.
        for layer in self.layers:
            if isinstance(layer, nn.Conv2d | nn.Linear):
                nn.init.xavier_uniform_(layer.weight)
                nn.init.zeros_(layer.bias)  # type: ignore[arg-type]

    def forward(self, spectra: Tensor) -> Tensor:
        """Map standardised spectra (B, 3, S, S) to logits (B, K)."""
        logits: Tensor = self.layers(spectra)
        return logits

    @property
    def is_measured(self) -> bool:
        """Whether the statistics are those of some images."""
        return bool((self.deviation != 1).any())

    def standardise(self, spectra: Tensor) -> Tensor:
        """Bring each coefficient to mean 0 and deviation 1 over the training images (section 5.1)."""
        return (spectra - self.mean) / self.deviation.clamp(min=FLATTEST)


class DCTCNN(NeuralAttributor):
    """Attribution by a network that sees an image's cosine spectrum."""

    spec = SPEC
    feature_places = "frequencies"
    config: DCTCNNConfig
    network: SpectrumNetwork

    def build(self) -> SpectrumNetwork:
        """Return the network with fresh weights and no statistics."""
        return SpectrumNetwork(self.config, len(self.sources))

    def scale(self, images: Tensor) -> Tensor:
        """Map uint8 images to standardised log-spectra, float (B, 3, S, S)."""
        # Sums over 128 rows, then columns, would feel bf16's eight bits.
        with torch.autocast(images.device.type, enabled=False):
            return self.network.standardise(log_dct(images.float()))

    def measure(self, train: LabelledImages, run: Run) -> None:
        """Measure the spectra's mean and deviation in one pass, unless finetuning brought them."""
        if self.network.is_measured:
            return
        moments = Moments(lambda images: log_dct(images.float()))
        accumulate(moments, train, self.config, run, name="spectra")
        self.network.mean.copy_(moments.mean)
        self.network.deviation.copy_(moments.deviation)

    def explain(self, image: Tensor) -> list[Panel]:
        """Return how the image's log-spectrum departs from the training images'."""
        departure = self.scale(image[None].to(self.device))[0].mean(0)
        return [Panel("spectrum: deviations from training's", departure.cpu().numpy(), diverging=True)]
