"""Features of crops by the first stages of a network that was trained on ImageNet and is not fitted here.

EfficientNet-Lite0 (Tan and Le, ICML 2019; Google's TPU repository, Apache License 2.0) up to its fifth stage, batch
normalisation folded into the convolutions. It sees a crop's residual, and then the crop itself. Features are pooled
over the crop, so they say which textures it has, not where: means and standard deviations of channels, and of early
stages which channels answer together (as the Gram matrices of Gatys, Ecker and Bethge, NIPS 2015, equation 2).
"""

import hashlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import torch
from safetensors.torch import load
from torch import Tensor
from torch.nn.functional import avg_pool2d, conv2d, pad, relu6

from ganprint.plugin_api import WeightsError

FILE = Path(__file__).with_name("efficientnet_lite0_stages.safetensors")
"""Written by benchmarks/frozen_stages.py."""
SHA256 = "f5045e263c5a2c34e6b2665aa9fd990dd726cbdc8599d44ecc3c584ee8c64d57"
STEM = 32
STAGES = ((1, 3, 1, 1, 16), (2, 3, 2, 6, 24), (2, 5, 2, 6, 40), (3, 3, 2, 6, 80), (3, 5, 1, 6, 112))
"""Of each stage: blocks, side of their kernels, stride of the first, expansion of channels, and channels in the end."""
CORRELATED = 3
"""Stages, the first ones, after which channels are correlated; the next would have 3,160 pairs."""
INPUTS = ("residual", "crop")
POOLED = 2 * (STEM + sum(stage[-1] for stage in STAGES))
"""Features of an input: a mean and a standard deviation of every channel after the stem and after each stage."""
OF_INPUT = POOLED + sum(channels * (channels - 1) // 2 for *_, channels in STAGES[:CORRELATED])
"""These and the correlations, which follow them."""
FEATURES = OF_INPUT * len(INPUTS)
SCALE = 8.0
"""Grey levels of a residual that a value of 1 stands for."""
FARTHEST = 3.0
CENTRE, SPREAD = 127.0, 128.0
"""Grey levels that the network was trained with as 0 and as 1 more."""
FAINT = 1e-4
"""Added to the product of two standard deviations that a covariance is divided by."""
CROPS_AT_ONCE = 4
"""On a CPU: more leave its cache, and their memory is returned to the system each time."""


def frozen_features(crops: Tensor) -> Tensor:
    """Return features, float32 (B, FEATURES), of uint8 RGB crops (B, 3, H, W): by the residual, then by the crop.

    Raises WeightsError where the network's file is not the one that this version was made with.
    """
    layers = [(weight.to(crops.device), bias.to(crops.device)) for weight, bias in _layers()]
    at_once = CROPS_AT_ONCE if crops.device.type == "cpu" else max(1, len(crops))
    found = [torch.empty(0, FEATURES, device=crops.device)]
    for some in torch.split(crops, at_once) if len(crops) else ():
        pixels = some.float()
        means = avg_pool2d(pad(pixels, (1, 1, 1, 1), mode="reflect"), 3, 1)
        residuals = ((pixels - means) / SCALE).clamp(-FARTHEST, FARTHEST)
        by_input = [pooled_stages(each, layers) for each in (residuals, (pixels - CENTRE) / SPREAD)]
        found.append(torch.cat(by_input, 1))
    return torch.cat(found)


def pooled_stages(images: Tensor, layers: list[tuple[Tensor, Tensor]]) -> Tensor:
    """Return means and standard deviations of the channels after the stem and each stage, then the correlations of
    each two channels after the first stages: (B, OF_INPUT).

    `images` are (B, 3, H, W); `layers` are weights and biases of all convolutions in order.
    """
    rest = iter(layers)
    last = images.contiguous(memory_format=torch.channels_last)
    values = relu6(_convolved(last, rest, side=3, stride=2), inplace=True)
    found, correlations = [*_pooled(values)[:2]], []
    for stage, (blocks, side, stride, expansion, channels) in enumerate(STAGES):
        for number in range(blocks):
            values = _block(values, rest, side, 1 if number else stride, expansion, channels)
        means, deviations, centred = _pooled(values)
        found += [means, deviations]
        if stage < CORRELATED:
            correlations.append(_correlations(centred, deviations))
    return torch.cat(found + correlations, 1)


def _pooled(values: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return means and standard deviations (B, C) of channels, and values less the means, (B, H * W, C).

    Torch's own deviations take four times as long, channels last.
    """
    places = values.permute(0, 2, 3, 1).flatten(1, 2)
    means = places.mean(1)
    centred = places - means[:, None]
    squares = centred.square().sum(1)
    return means, (squares / (places.shape[1] - 1)).sqrt(), centred


def _correlations(centred: Tensor, deviations: Tensor) -> Tensor:
    """Return correlations (B, C (C - 1) / 2) of values (B, N, C) less their means, whose deviations are (B, C)."""
    covariances = centred.transpose(1, 2) @ centred / (centred.shape[1] - 1)
    scales = deviations[:, :, None] * deviations[:, None] + FAINT
    first, second = torch.triu_indices(len(scales[0]), len(scales[0]), 1)
    return (covariances / scales)[:, first, second]


def _block(
    values: Tensor, layers: Iterator[tuple[Tensor, Tensor]], side: int, stride: int, expansion: int, channels: int
) -> Tensor:
    """Return what an inverted residual block (Sandler et al., CVPR 2018, table 1) makes of values (B, C, H, W)."""
    found = values if expansion == 1 else relu6(_convolved(values, layers), inplace=True)
    found = _convolved(found, layers, side=side, stride=stride, groups=found.shape[1])
    found = relu6(found, inplace=True)
    found = _convolved(found, layers)
    return values + found if stride == 1 and values.shape[1] == channels else found


def _convolved(
    values: Tensor, layers: Iterator[tuple[Tensor, Tensor]], *, side: int = 1, stride: int = 1, groups: int = 1
) -> Tensor:
    """Return a convolution padded as TensorFlow does: with a stride, the odd row and column come last."""
    weight, bias = next(layers)
    if stride == 1:
        return conv2d(values, weight, bias, padding=side // 2, groups=groups)
    before = (side - stride) // 2
    margins = (before, side - stride - before)
    return conv2d(pad(values, margins * 2), weight, bias, stride, groups=groups)


@cache
def _layers() -> tuple[tuple[Tensor, Tensor], ...]:
    content = FILE.read_bytes()
    if hashlib.sha256(content).hexdigest() != SHA256:
        raise WeightsError(
            f"{FILE.name} is not the file that this version of ganprint was made with.",
            "Install ganprint again.",
        )
    tensors = {name: tensor.float() for name, tensor in load(content).items()}
    count = len(tensors) // 2
    return tuple(
        (tensors[f"{number}.weight"].contiguous(memory_format=torch.channels_last), tensors[f"{number}.bias"])
        for number in range(count)
    )
