"""A compact residual network with a fixed high-pass front end, fast on a CPU and to import."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

FRONTS = ("dual", "highpass", "none")
GAIN = 4.0
"""Brings the standard deviation of a high-pass residual of photographs near that of the image."""


class Stem(nn.Module):
    """A strided convolution on the image, on what a 3x3 mean filter takes from it, or on both apart.

    Generator traces lie in the high frequencies, and content, which hides them, in the low ones. In a
    `dual` stem each half has its own normalisation, so that neither drowns the other.
    """

    def __init__(self, front: str, width: int, stride: int) -> None:
        super().__init__()
        share = width // 2 if front == "dual" else width
        self.image = _convolution(share, stride) if front != "highpass" else None
        self.residual = _convolution(share, stride) if front != "none" else None

    def forward(self, images: Tensor) -> Tensor:
        """Map (B, 3, H, W) to (B, width, ceil(H / stride), ceil(W / stride))."""
        parts = []
        if self.image is not None:
            parts.append(self.image(images))
        if self.residual is not None:
            mean = functional.avg_pool2d(functional.pad(images, (1, 1, 1, 1), mode="reflect"), 3, stride=1)
            parts.append(self.residual(GAIN * (images - mean)))
        return torch.cat(parts, dim=1) if len(parts) > 1 else parts[0]


def _convolution(width: int, stride: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(3, width, 5, stride, 2, bias=False), nn.BatchNorm2d(width), nn.ReLU(inplace=True))


class Block(nn.Module):
    """The basic residual block of He et al. (CVPR 2016), the shortcut of a strided one averaged first."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(outputs)
        # Each block starts as its shortcut, which steadies the first epochs.
        nn.init.zeros_(self.norm2.weight)
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or inputs != outputs:
            self.shortcut = nn.Sequential(
                nn.AvgPool2d(stride, ceil_mode=True) if stride != 1 else nn.Identity(),
                nn.Conv2d(inputs, outputs, 1, bias=False),
                nn.BatchNorm2d(outputs),
            )

    def forward(self, features: Tensor) -> Tensor:
        """Map (B, inputs, H, W) to (B, outputs, ceil(H / stride), ceil(W / stride))."""
        inner = functional.relu(self.norm1(self.conv1(features)))
        return functional.relu(self.norm2(self.conv2(inner)) + self.shortcut(features))


class CompactResNet(nn.Module):
    """A stem with a high-pass path, residual stages, global average pooling.

    Maps float images (B, 3, H, W) in [-1, 1] to features (B, widths[-1]). `depths` counts the blocks of
    each stage; every stage but the first halves the resolution.
    """

    def __init__(
        self,
        *,
        front: str = "dual",
        widths: Sequence[int] = (32, 64, 128, 256),
        depths: Sequence[int] = (1, 1, 1, 1),
        stem_stride: int = 2,
    ) -> None:
        super().__init__()
        self.stem = Stem(front, widths[0], stem_stride)
        self.stages = nn.Sequential()
        inputs = widths[0]
        for number, (width, depth) in enumerate(zip(widths, depths, strict=True)):
            blocks = [Block(inputs, width, 1 if number == 0 else 2)]
            blocks += [Block(width, width, 1) for _ in range(depth - 1)]
            self.stages.append(nn.Sequential(*blocks))
            inputs = width
        self.num_features = inputs

    def forward(self, images: Tensor) -> Tensor:
        """Return the pooled features of a batch of images."""
        features: Tensor = self.stages(self.stem(images))
        return features.mean(dim=(2, 3))
