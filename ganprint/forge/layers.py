"""Layers that several families share: equalised weights, minibatch deviation, smooth resampling."""

import torch
from torch import Tensor, nn
from torch.nn import functional

SLOPE = 0.2
"""Of the leaky ReLU below zero, in all families that have one."""


class Equalised(nn.Module):
    """A convolution or linear layer with weights of deviation 1, scaled when used (Karras et al. 2018, section 4.1).

    A kernel of 0 is a linear layer. `rate` scales how fast the layer learns.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int = 0, *, gain: float = 2**0.5, rate: float = 1.0) -> None:
        super().__init__()
        shape = (outputs, inputs, kernel, kernel) if kernel else (outputs, inputs)
        self.weight = nn.Parameter(torch.randn(shape) / rate)
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.scale = gain * rate / self.weight[0].numel() ** 0.5
        self.rate = rate

    def forward(self, values: Tensor) -> Tensor:
        """Map (B, inputs, ...) to (B, outputs, ...), a convolution at the same side."""
        weight, bias = self.weight * self.scale, self.bias * self.rate
        if weight.ndim == 2:
            return functional.linear(values, weight, bias)
        return functional.conv2d(values, weight, bias, padding=weight.shape[-1] // 2)


class MinibatchDeviation(nn.Module):
    """Adds a channel: the features' mean deviation over the batch (Karras et al. 2018, section 3)."""

    def forward(self, features: Tensor) -> Tensor:
        """Map (B, C, H, W) to (B, C + 1, H, W)."""
        deviation = features.float().var(0, unbiased=False).add(1e-8).sqrt().mean()
        channel = deviation.to(features.dtype).expand(len(features), 1, *features.shape[2:])
        return torch.cat([features, channel], dim=1)


def precise(features: Tensor) -> Tensor:
    """Return features in float32, or as they are in float64: sums of bfloat16 lose too much."""
    return features.to(torch.promote_types(features.dtype, torch.float32))


def enlarge(features: Tensor) -> Tensor:
    """Return features of twice the side, bilinearly: zeros between, then the filter 1, 3, 3, 1, edges repeated."""
    return functional.interpolate(features, scale_factor=2, mode="bilinear")


def smooth(features: Tensor, taps: tuple[float, ...]) -> Tensor:
    """Return features through a separable filter of an odd number of taps."""
    line = torch.tensor(taps, device=features.device, dtype=features.dtype)
    kernel = torch.outer(line, line) / line.sum() ** 2
    count = features.shape[1]
    return functional.conv2d(features, kernel.expand(count, 1, -1, -1), padding=len(taps) // 2, groups=count)


def leaky(features: Tensor) -> Tensor:
    """Return leaky ReLU."""
    return functional.leaky_relu(features, SLOPE)
