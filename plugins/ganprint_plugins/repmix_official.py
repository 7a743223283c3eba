"""Import of the official RepMix checkpoints (PyTorch Lightning 1.4; METHODS.md, section 1)."""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError

from ganprint.plugin_api import (
    Attributes,
    ImportedWeights,
    StoredCheckpoint,
    StoredTensor,
    View,
    WeightsError,
    build_backbone,
    printable,
)

_LOSS_STATE = "det_ce.weight"
_NAMES = (
    (r"(attribution|detection)\.(weight|bias)", r"\1.\2"),
    (r"backbone\.model\.0\.0\.(.+)", r"backbone.conv1.\1"),
    (r"backbone\.model\.0\.1\.(.+)", r"backbone.bn1.\1"),
    (r"backbone\.model\.([1-4])\.([0-9]{1,2})\.(.+)", r"backbone.layer\1.\2.\3"),
    (r"backbone\.model\.6\.[0-9]{1,2}\.(weight|bias)", r"embedding.\1"),
)
"""Patterns of a checkpoint's names, and what they are called here."""


def import_official(checkpoint: StoredCheckpoint, sources: Sequence[str]) -> ImportedWeights:
    """Return what an official RepMix checkpoint holds, its tensors as they are.

    `sources` name the classes in the checkpoint's order, real first. The loss's class weights, the optimiser's state
    and hyperparameters without a counterpart are left behind; the notes say so. Raises WeightsError where the file is
    not of this layout, or does not have as many sources.
    """
    path, content = checkpoint.path, checkpoint.content
    state = content.get("state_dict") if isinstance(content, dict) else None
    if not isinstance(state, dict):
        raise _misfit(path, "it has no state_dict")
    settings = content.get("hyper_parameters", {})
    settings = settings.values if isinstance(settings, Attributes) else settings
    if not isinstance(settings, dict):
        raise _misfit(path, "its hyper_parameters are not named values")
    stored = _renamed(path, state)
    config, left = _config(path, settings, stored, sources)
    _check_shapes(path, stored, config, sources)
    tensors = {ours: checkpoint.tensor(tensor) for ours, tensor in stored.items()}
    facts = ("epoch", "global_step", "pytorch-lightning_version")
    details = {key: content[key] for key in facts if _is_small(content.get(key))}
    return ImportedWeights(
        config,
        tensors,
        {**details, "hyper_parameters": left},
        f"Its {_LOSS_STATE} and optimiser state were dropped. mix_count, mix_concentration and compound are the "
        "paper's: the file does not say.",
    )


def _renamed(path: Path, state: Mapping[Any, Any]) -> dict[str, StoredTensor]:
    renamed: dict[str, StoredTensor] = {}
    for key, tensor in state.items():
        if key == _LOSS_STATE:
            continue
        if not isinstance(key, str) or not isinstance(tensor, StoredTensor):
            raise _misfit(path, "its state_dict is not of tensors by name")
        ours = _our_name(key)
        if ours is None:
            raise _misfit(path, f"its state has {printable(key)}, which is not of a RepMix ResNet-50")
        if ours in renamed:
            raise _misfit(path, f"its state has two tensors for {ours}")
        renamed[ours] = tensor
    return renamed


def _our_name(key: str) -> str | None:
    for pattern, ours in _NAMES:
        if match := re.fullmatch(pattern, key):
            return match.expand(ours)
    return None


def _check_shapes(
    path: Path, stored: Mapping[str, StoredTensor], config: Mapping[str, Any], sources: Sequence[str]
) -> None:
    expected = dict(_expected_shapes(config["embedding"], len(sources)))
    for name in sorted(expected.keys() | stored.keys()):
        # BatchNorm's counter is absent from states that older versions of torch wrote.
        if name not in stored and name.endswith("num_batches_tracked"):
            continue
        if name not in stored or name not in expected:
            problem = "lacks" if name in expected else "has a superfluous"
            raise _misfit(path, f"it {problem} {printable(name)}")
        if ("float" in stored[name].source.dtype) == name.endswith("num_batches_tracked"):
            raise _misfit(path, f"{name} is of the type {stored[name].source.dtype}")
        if stored[name].shape != expected[name]:
            raise _misfit(path, f"{name} is {stored[name].shape}, not {expected[name]}")


def _expected_shapes(embedding: int, classes: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Yield the names and shapes of RepMix's tensors on a ResNet-50, of which none takes memory."""
    with torch.device("meta"):
        backbone = build_backbone("timm:resnet50")
    for name, tensor in backbone.network.state_dict().items():
        yield f"backbone.{name}", tuple(tensor.shape)
    for layer, outputs, inputs in (
        ("embedding", embedding, backbone.features),
        ("attribution", classes, embedding),
        ("detection", 2, embedding),
    ):
        yield f"{layer}.weight", (outputs, inputs)
        yield f"{layer}.bias", (outputs,)


def _config(
    path: Path, settings: Mapping[Any, Any], stored: Mapping[str, StoredTensor], sources: Sequence[str]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return RepMix's configuration, and the plain hyperparameters that have no place in it."""
    sizes = []
    for key, name in (("num_classes", "attribution.weight"), ("d_embed", "embedding.weight")):
        if name not in stored or len(stored[name].shape) != 2:
            raise _misfit(path, f"it lacks {name}")
        sizes.append(stored[name].shape[0])
        if settings.get(key, sizes[-1]) != sizes[-1]:
            raise _misfit(path, f"its {key} is not the size of {name}")
    classes, embedding = sizes
    left = {key: value for key, value in settings.items() if isinstance(key, str) and _is_small(value)}
    if classes != len(sources):
        raise WeightsError(
            f"{path} has {classes} sources, and {len(sources)} were named: {', '.join(sources)}.",
            "Name as many with --sources, in the checkpoint's order, real first.",
        )
    for key in ("img_mean", "img_std"):
        value = settings.get(key, 0.5)
        parts = value if isinstance(value, list | tuple) else (value,)
        if any(type(part) is not float or part != 0.5 for part in parts):
            raise _misfit(path, f"its {key} is not 0.5, and only the scaling to [-1, 1] is supported")
    level, size = settings.get("mixup_level", 5), settings.get("img_csize", 224)
    resized = settings.get("img_rsize", 256)
    if type(level) is not int or not -1 <= level <= 5:
        raise _misfit(path, "its mixup_level is not an integer from -1 to 5")
    try:
        view = View.model_validate({"kind": "resize", "size": size})
    except ValidationError:
        raise _misfit(path, "its img_csize is not a side from 32 to 2048") from None
    if type(resized) is not int or not view.size <= resized <= 2 * view.size:
        raise _misfit(path, f"its img_rsize is not a side from {view.size} to {2 * view.size}")
    view = view.model_copy(update={"training_scale": resized / view.size})
    for key in ("num_classes", "img_mean", "img_std", "mixup_level", "img_csize", "img_rsize", "d_embed"):
        left.pop(key, None)
    return {
        "view": view.model_dump(mode="json"),
        "backbone": "timm:resnet50",
        "embedding": embedding,
        "mix_level": level,
        "mix_count": 2,
        "mix_concentration": 0.4,
        "compound": True,
        "pretrained": False,
    }, left


def _is_small(value: object) -> bool:
    if type(value) is int:
        return abs(value) < 1 << 63
    return type(value) in (float, bool) or (type(value) is str and len(value) <= 200)


def _misfit(path: Path, reason: str) -> WeightsError:
    return WeightsError(
        f"{path} is not an official RepMix checkpoint: {reason}.",
        "Only ResNet-50 checkpoints of the published code, PyTorch Lightning 1.4, are imported.",
    )
