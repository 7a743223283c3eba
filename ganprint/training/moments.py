"""Mean and variance of each value over a stream of batches, exact for any batch sizes."""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor


class Moments:
    """Running mean and sum of squared deviations of each value of some features of images.

    Batches are merged by Chan, Golub and LeVeque's update (1979), which does not cancel as sums of squares do.
    """

    def __init__(self, features: Callable[[Tensor], Tensor]) -> None:
        self.features = features
        self.count = 0
        self._mean = self._squares = torch.zeros((), dtype=torch.float64)

    def update(self, images: Tensor, labels: Tensor) -> None:
        """Take in the features (B, ...) of images (B, 3, S, S)."""
        values = self.features(images).to("cpu", torch.float64)
        here = values.mean(0)
        squares = (values - here).square().sum(0)
        total = self.count + len(values)
        apart = here - self._mean
        self._squares = self._squares + squares + apart.square() * (self.count * len(values) / total)
        self._mean = self._mean + apart * (len(values) / total)
        self.count = total

    @property
    def mean(self) -> Tensor:
        """The mean of each value, float32."""
        return self._mean.float()

    @property
    def deviation(self) -> Tensor:
        """The standard deviation of each value over all images seen (not one less), float32."""
        return (self._squares / max(1, self.count)).sqrt().float()

    def tensors(self) -> dict[str, Tensor]:
        """Return count, mean and squared deviations."""
        return {"count": torch.tensor(self.count), "mean": self._mean, "squares": self._squares}

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """Go on from what `tensors` gave."""
        self.count = int(tensors["count"])
        self._mean, self._squares = tensors["mean"], tensors["squares"]
