"""The base class of neural attributors, which provide a network, a loss and an answer, and a step as a loss sees it."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from ganprint.attributor import Attributor, AttributorConfig, LabelledImages, Prediction, Run
from ganprint.errors import ConfigError, WeightsError
from ganprint.models.config import NeuralConfig


@dataclass(frozen=True)
class Step:
    """One optimisation step as a loss sees it.

    All random choices of a loss come from `random()`, a pure function of seed, epoch and step that is the
    same in every process; a process takes the part of a global draw that `share` gives it.
    """

    seed: int
    epoch: int
    index: int
    rank: int = 0
    world_size: int = 1

    def random(self) -> np.random.Generator:
        """Return the step's random stream, at its start."""
        return np.random.default_rng((self.seed, self.epoch, self.index))

    def share(self, drawn: np.ndarray) -> np.ndarray:
        """Return this process's rows of an array drawn for the whole batch."""
        return np.array_split(drawn, self.world_size)[self.rank]


@dataclass(frozen=True)
class Losses:
    """A loss to minimise and the answers it judged.

    The mean of `total` over processes is the loss of their whole batch. `logits` is (M, K) for M samples,
    `labels` (M,) the source that each is judged by for the running accuracy.
    """

    total: Tensor
    logits: Tensor
    labels: Tensor


class NeuralAttributor(Attributor):
    """An attributor whose state is a network trained by gradient descent.

    A subclass implements `build`, and `loss` and `answer` unless its network maps images to attribution
    logits that cross-entropy judges. All images reach them as float (B, 3, S, S), scaled by `scale` to
    [-1, 1] unless it is overridden. `ganprint.training.loop` trains it.
    """

    differentiable = True
    config: NeuralConfig

    def __init__(self, config: AttributorConfig, sources: Sequence[str]) -> None:
        super().__init__(config, sources)
        if not isinstance(config, NeuralConfig):
            raise ConfigError(f"{type(self).__name__} needs a NeuralConfig, not {type(config).__name__}.")
        self.network = self.build()
        self.device = torch.device("cpu")

    @abstractmethod
    def build(self) -> nn.Module:
        """Return the network with fresh weights."""

    def loss(self, images: Tensor, labels: Tensor, step: Step | None) -> Losses:
        """Return the loss of a batch, labels int64 (B,); on validation images `step` is None and nothing is random."""
        logits = self.network(images).float()
        return Losses(functional.cross_entropy(logits, labels), logits, labels)

    def answer(self, images: Tensor) -> Prediction:
        """Answer for scaled images, without gradients switched off."""
        return Prediction(attribution=self.network(images))

    def mix_raw(self, images: Tensor, labels: Tensor, step: Step) -> Tensor:
        """Change uint8 images (B, 3, S, S) before they are perturbed; by default not at all."""
        return images

    @property
    def changes_raw(self) -> bool:
        """Whether `mix_raw` does anything, so that perturbation has to wait for it."""
        return False

    def scale(self, images: Tensor) -> Tensor:
        """Map uint8 to float in [-1, 1]."""
        return images.to(torch.float32).div_(127.5).sub_(1.0)

    def measure(self, train: LabelledImages, run: Run) -> None:
        """Learn from the training images what the network needs before its first step; by default nothing."""

    def predict(self, images: Tensor) -> Prediction:
        """Answer for uint8 RGB images (B, 3, S, S); raise UsageError for others."""
        self.check_images(images)
        self.network.eval()
        with torch.inference_mode():
            scaled = self.scale(images.to(self.device)).contiguous(memory_format=torch.channels_last)
            return self.answer(scaled)

    def differentiate(self, images: Tensor) -> Prediction:
        """Answer as `predict` does for float images (B, 3, S, S) in 0..255, with gradients to the images."""
        self.network.eval()
        # Not the images themselves: `scale` may work in place.
        scaled = self.scale(images.to(self.device) * 1.0).contiguous(memory_format=torch.channels_last)
        return self.answer(scaled)

    def state(self) -> dict[str, Tensor]:
        """Return the network's parameters and buffers."""
        return {name: tensor.detach() for name, tensor in self.network.state_dict().items()}

    def load_state(self, tensors: Mapping[str, Tensor]) -> None:
        """Load parameters and buffers; raise WeightsError where names or shapes differ."""
        try:
            self.network.load_state_dict(dict(tensors), strict=True)
        except RuntimeError as cause:
            lines = [line.strip() for line in str(cause).splitlines()[1:3]]
            raise WeightsError(
                f"The tensors do not fit {type(self).__name__} with this configuration: {' '.join(lines)}",
                "The card's configuration and the tensors must come from the same training.",
            ) from cause
        self.network.to(memory_format=torch.channels_last)

    def to(self, device: str) -> "NeuralAttributor":
        """Move the network to a device."""
        self.device = torch.device(device)
        self.network.to(self.device)
        return self
