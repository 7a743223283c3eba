"""Checkpoints of a training: tensors in safetensors, the place reached as JSON in its header."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from ganprint.errors import TrainingError
from ganprint.files import atomic_write, open_file


@dataclass
class Place:
    """How far a training has come: the next epoch and step, its history, and the best so far.

    `only` is the label that the weights to be kept give to every validation image, if they do.
    """

    epoch: int = 0
    step: int = 0
    seconds: float = 0.0
    best_epoch: int | None = None
    best_score: float | None = None
    only: int | None = None
    loss_sum: float = 0.0
    correct: float = 0.0
    samples: int = 0
    history: list[dict[str, float]] = field(default_factory=list)
    fingerprint: str = ""


def save_checkpoint(
    path: Path, place: Place, modules: Mapping[str, nn.Module], optimizer: torch.optim.Optimizer | None
) -> None:
    """Write modules, optimizer and place; the old file stays until the new one is whole."""
    tensors = {
        f"{name}/{key}": tensor.detach().cpu().contiguous().clone()
        for name, module in modules.items()
        for key, tensor in module.state_dict().items()
    }
    if optimizer is not None:
        for number, state in optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer/{number}/{key}": value.cpu().contiguous() for key, value in state.items()}
    write_tensors(path, place, tensors)


def write_tensors(path: Path, place: Place, tensors: dict[str, Tensor]) -> None:
    """Write named tensors and the place reached; the old file stays until the new one is whole."""
    atomic_write(path, save(tensors, metadata={"place": json.dumps(asdict(place))}))


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Return the tensors of a checkpoint; raise TrainingError where the file is damaged."""
    with _resumed(path), safe_open(path, framework="pt") as file:
        return {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118


def read_place(path: Path) -> Place:
    """Return how far the training of a checkpoint came; raise TrainingError where the file is damaged."""
    with _resumed(path), safe_open(path, framework="pt") as file:
        return Place(**json.loads(file.metadata()["place"]))


def load_checkpoint(path: Path, modules: Mapping[str, nn.Module], optimizer: torch.optim.Optimizer | None) -> Place:
    """Read what `save_checkpoint` wrote into modules and optimizer, and return the place.

    Raises TrainingError where the file is damaged or belongs to another configuration.
    """
    place, tensors = read_place(path), read_tensors(path)
    with _resumed(path):
        for name, module in modules.items():
            module.load_state_dict(_below(tensors, f"{name}/"))
    if optimizer is not None:
        parameters = [each for group in optimizer.param_groups for each in group["params"]]
        state: dict[int, dict[str, Any]] = {}
        for key, tensor in _below(tensors, "optimizer/").items():
            number, name = key.split("/")
            like = parameters[int(number)]
            if tensor.shape == like.shape:
                # In the parameter's memory format, as the optimiser made it: the same arithmetic, bit by bit.
                tensor = torch.empty_like(like, dtype=tensor.dtype).copy_(tensor)
            state.setdefault(int(number), {})[name] = tensor
        optimizer.load_state_dict({**optimizer.state_dict(), "state": state})
    return place


@contextmanager
def _resumed(path: Path) -> Iterator[None]:
    """Raise TrainingError where the block cannot read the checkpoint, or that is no regular file."""
    try:
        open_file(path).close()  # a pipe would be waited for
        yield
    except (SafetensorError, OSError, KeyError, TypeError, ValueError, RuntimeError) as cause:
        raise TrainingError(
            f"The checkpoint {path} cannot be resumed: {(str(cause).splitlines() or [''])[0]}",
            "Resume with the configuration it was made with, or start again with --force.",
        ) from cause


def _below(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {key.removeprefix(prefix): tensor for key, tensor in tensors.items() if key.startswith(prefix)}
