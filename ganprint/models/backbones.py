"""Backbones by name: any timm model, torchvision's AlexNet, or the compact network of this package."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
import torch.utils.hooks
from torch import Tensor, nn

from ganprint.errors import ConfigError
from ganprint.models.backbone_options import OPTIONS, option_fault
from ganprint.models.compact import CompactResNet
from ganprint.models.pretrained import load_packaged, packaged_weights


@dataclass(frozen=True)
class Backbone:
    """A network from images (B, 3, H, W) to features (B, `features`).

    `cuts` names the modules whose output ends the stem and each stage, shallowest first: where a
    method may reach between two parts of the network.
    """

    network: nn.Module
    features: int
    cuts: tuple[str, ...]


def build_backbone(name: str, *, pretrained: bool = False, options: Mapping[str, Any] | None = None) -> Backbone:
    """Build `compact`, `alexnet` or `timm:<model>` (the prefix may be left out).

    `options` are those of OPTIONS, which go to the model's constructor. `pretrained` loads ImageNet weights from an
    installed package, from timm's cache, or where its hub can be reached. Raises ConfigError on an unknown name or
    option, or without them.
    """
    arguments = dict(options or {})
    kind = name if name in OPTIONS else "timm"
    fault = option_fault(kind, arguments)
    if fault is not None:
        raise _not_built(f"timm's {name.removeprefix('timm:')}" if kind == "timm" else name, arguments, fault)
    if name == "compact":
        return _compact(arguments, pretrained)
    if name == "alexnet":
        return _alexnet(arguments, pretrained)
    return _timm(name.removeprefix("timm:"), arguments, pretrained)


def _compact(options: dict[str, Any], pretrained: bool) -> Backbone:
    if pretrained:
        raise ConfigError("The compact backbone has no pretrained weights.", "Set pretrained=false.")
    try:
        network = CompactResNet(**options)
    except ValueError as cause:
        raise _not_built("The compact backbone", options, cause) from cause
    cuts = ("stem", *(f"stages.{number}" for number in range(len(network.stages))))
    return Backbone(network, network.num_features, cuts)


def _alexnet(options: dict[str, Any], pretrained: bool) -> Backbone:
    from torchvision.models import AlexNet_Weights, alexnet

    try:
        network = alexnet(weights=AlexNet_Weights.DEFAULT if pretrained else None, **options)
    except OSError as cause:
        raise _no_pretrained("alexnet", cause) from cause
    # Everything but the last layer, which names ImageNet's classes.
    features = network.classifier[-1].in_features
    network.classifier[-1] = nn.Identity()
    return Backbone(network, features, ("features.2", "features.5", "features.7", "features.9", "features.12"))


def _timm(name: str, options: dict[str, Any], pretrained: bool) -> Backbone:
    import timm

    packaged = packaged_weights(name) if pretrained else None
    stages = options.pop("stages", None)
    if not timm.is_model(name):
        close = ", ".join(timm.list_models(f"*{name}*")[:8]) or "resnet50, resnet18, vgg16, convnext_tiny"
        raise ConfigError(f"timm has no model called {name}.", f"Backbones: compact, alexnet, or timm's: {close}, ...")
    try:
        network = timm.create_model(name, pretrained=pretrained and not packaged, num_classes=0, **options)
    except TypeError as cause:
        raise _not_built(f"timm's {name}", options, cause) from cause
    except (OSError, RuntimeError) as cause:
        if not pretrained:
            raise
        raise _no_pretrained(name, cause) from cause
    if packaged:
        load_packaged(network, packaged)
    if stages is not None:
        return _first_stages(name, network, stages)
    features = int(getattr(network, "head_hidden_size", None) or network.num_features)
    return Backbone(network, features, _timm_cuts(network))


def _first_stages(name: str, network: Any, stages: int) -> Backbone:
    """Keep the first stages of a timm model, their features averaged over places."""
    try:
        network.prune_intermediate_layers([stages - 1], prune_head=True)
        network.reset_classifier(0, "avg")
        cuts, last = _timm_cuts(network), network.feature_info[stages - 1]
        return Backbone(network, int(last["num_chs"]), cuts[: cuts.index(last["module"]) + 1])
    except (AttributeError, AssertionError, NotImplementedError, ValueError) as cause:
        reason = f"timm cannot cut it after {stages} stages"
        raise _not_built(f"timm's {name}", {"stages": stages}, reason) from cause


def _timm_cuts(network: nn.Module) -> tuple[str, ...]:
    """Return the ends of stem and stages that timm records, the stem of a ResNet being its max-pooling."""
    modules = dict(network.named_modules())
    recorded: list[str] = [entry["module"] for entry in getattr(network, "feature_info", [])]
    cuts = [name for name in recorded if name in modules and not name.startswith("pre_logits")]
    if "maxpool" in modules and cuts and cuts[0] == "act1":
        cuts[0] = "maxpool"
    elif "stem" in modules and "stem" not in cuts:
        cuts.insert(0, "stem")
    return tuple(cuts)


def _not_built(name: str, options: Mapping[str, Any], cause: Exception | str) -> ConfigError:
    given = ", ".join(options) or "none"
    return ConfigError(
        f"{name} cannot be built: {cause}.",
        f"Its options are {given}; others are set with backbone_options={{...}}, none with {{}}.",
    )


def _no_pretrained(name: str, cause: Exception) -> ConfigError:
    reason = (str(cause).strip().splitlines() or [type(cause).__name__])[0]
    return ConfigError(
        f"The ImageNet weights of {name} are not available: {reason}",
        "Give --set pretrained=false to start from random weights, or fill the hub's cache where there is a network.",
    )


def replace_output(
    network: nn.Module, cut: str, replace: Callable[[Tensor], Tensor]
) -> torch.utils.hooks.RemovableHandle:
    """Let `replace(features)` stand for the output of the module `cut` until the handle is removed."""
    return network.get_submodule(cut).register_forward_hook(lambda module, inputs, output: replace(output))
