"""Checkpoints laid out as the published code of RepMix writes them."""

import io
import sys
import types
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from ganprint_plugins.repmix import RepMix
from ganprint_plugins.repmix_spec import RepMixConfig

from ganprint.api.importing import import_checkpoint
from ganprint.errors import WeightsError

SOURCES = ("real", "progan", "stylegan")
PUBLISHED = {
    "d_embed": 256, "num_classes": len(SOURCES), "mixup_level": 5, "img_rsize": 240, "img_csize": 224,
    "img_mean": 0.5, "img_std": [0.5, 0.5, 0.5], "lr": 1e-4,
}  # fmt: skip


@contextmanager
def lightning() -> Iterator[tuple[type, type]]:
    """Stand in for the two Lightning classes that a checkpoint names, while it is pickled only."""
    parsing, callbacks = "pytorch_lightning.utilities.parsing", "pytorch_lightning.callbacks.model_checkpoint"
    attribute_dict = type("AttributeDict", (dict,), {"__module__": parsing})
    callback = type("ModelCheckpoint", (), {"__module__": callbacks})
    with pytest.MonkeyPatch.context() as patch:
        for name in ("pytorch_lightning", "pytorch_lightning.utilities", "pytorch_lightning.callbacks"):
            patch.setitem(sys.modules, name, types.ModuleType(name))
        for each in (attribute_dict, callback):
            module = types.ModuleType(each.__module__)
            setattr(module, each.__name__, each)
            patch.setitem(sys.modules, each.__module__, module)
        yield attribute_dict, callback


@pytest.fixture(scope="session")
def network() -> dict[str, torch.Tensor]:
    """Return random weights by our names: a timm ResNet-50, the embedding layer and both heads."""
    torch.manual_seed(0)
    state = RepMix(RepMixConfig(), SOURCES).state()
    for name, tensor in state.items():
        # Away from the zeros and ones that normalisation starts with, so that a swap would show.
        if tensor.ndim < 2:
            state[name] = tensor + 7 if tensor.dtype == torch.long else tensor + torch.rand_like(tensor) / 10
    return state


def official_name(ours: str) -> str:
    for start, theirs in (
        ("backbone.conv1.", "backbone.model.0.0."),
        ("backbone.bn1.", "backbone.model.0.1."),
        ("backbone.layer", "backbone.model."),
        ("embedding.", "backbone.model.6.2."),
    ):
        if ours.startswith(start):
            return theirs + ours.removeprefix(start)
    return ours


def checkpoint(network: dict[str, torch.Tensor], *, settings: dict[str, Any] | None = None, **extra: Any) -> bytes:
    state = OrderedDict((official_name(name), tensor) for name, tensor in network.items())
    state["det_ce.weight"] = torch.tensor([1.0, 0.5])
    buffer = io.BytesIO()
    with lightning() as (attribute_dict, callback):
        content = {
            "epoch": 12,
            "global_step": 4000,
            "pytorch-lightning_version": "1.4.9",
            "state_dict": state,
            "callbacks": {callback: {"best_model_score": torch.tensor(0.1), "best_model_path": "a.ckpt"}},
            "optimizer_states": [{"state": {0: {"exp_avg": torch.zeros(4)}}, "param_groups": [{"lr": 1e-4}]}],
            "hyper_parameters": attribute_dict(PUBLISHED if settings is None else settings),
            **extra,
        }
        torch.save(content, buffer)
    return buffer.getvalue()


@pytest.fixture(scope="session")
def official(network: dict[str, torch.Tensor], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("official") / "official.ckpt"
    path.write_bytes(checkpoint(network))
    return path


def load(path: Path, out: Path, **options: Any) -> Any:
    return import_checkpoint(path, name="official", sources=SOURCES, out=out, **options)


@pytest.fixture
def refused(tmp_path: Path) -> Callable[..., str]:
    """Return a function that finds a checkpoint refused, with nothing written, and returns what is said."""

    def find(content: bytes, says: str | None = None) -> str:
        path = tmp_path / "evil.ckpt"
        path.write_bytes(content)
        with pytest.raises(WeightsError, match=says) as error:
            load(path, tmp_path / "out")
        assert sorted(tmp_path.iterdir()) == [path]
        return error.value.message

    return find
