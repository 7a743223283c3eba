"""Reference outputs of the public codes, the inputs that gave them, and how far ours are from them."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

Arrays = dict[str, np.ndarray]
Close = Callable[..., None]
Outputs = Callable[[str], Arrays]
SOURCES = ("real", "a", "b", "c", "d", "e", "f", "g")
"""Of the networks that the references were made by; some have fewer."""


def tensor(values: np.ndarray) -> torch.Tensor:
    found = torch.from_numpy(values)
    return found.long() if found.dtype == torch.int16 else found


def count(module: torch.nn.Module) -> int:
    """Return the number of parameters."""
    return sum(parameter.numel() for parameter in module.parameters())


@pytest.fixture(scope="session")
def outputs() -> Outputs:
    """Return a function that gives the outputs of one run of public code, integers and floats, by name."""
    with np.load(Path(__file__).with_name("methods.npz")) as file:
        every = dict(file)

    def of(run: str) -> Arrays:
        return {name.removeprefix(f"{run}/"): each for name, each in every.items() if name.startswith(f"{run}/")}

    return of


@pytest.fixture
def close(request: pytest.FixtureRequest) -> Close:
    """Return a check of arrays against a reference, which prints a row of the table in docs/results/parity.md.

    The difference is the largest one, over the reference's largest value where that is above 1.
    """

    def check(what: str, found: Any, expected: Any, tolerance: float) -> None:
        ours, theirs = (
            np.asarray(each.detach() if isinstance(each, torch.Tensor) else each, dtype=np.float64)
            for each in (found, expected)
        )
        assert ours.shape == theirs.shape
        difference = float(np.abs(ours - theirs).max()) / max(1.0, float(np.abs(theirs).max()))
        print(f"| {what} | {tolerance:.0e} | {difference:.1e} |")
        assert difference <= tolerance, what

    return check


def seeded(shapes: Iterable[tuple[str, tuple[int, ...]]], seed: int, *, means: float = 0.1) -> Arrays:
    """Return the parameters that the references of torch code were made with: He's scale, drawn in order.

    `means` is the deviation of running means.
    """
    random, drawn = np.random.RandomState(seed), {}
    for name, shape in shapes:
        if name.endswith("num_batches_tracked"):
            continue
        if name.endswith("running_mean"):
            values = means * random.randn(*shape)
        elif name.endswith("running_var"):
            values = 0.5 + random.rand(*shape)
        elif name.endswith("weight") and len(shape) == 1:
            values = 0.5 + 0.5 * random.rand(*shape)
        elif name.endswith("bias"):
            values = 0.1 * random.randn(*shape)
        else:
            values = random.randn(*shape) * np.sqrt(2 / np.prod(shape[1:]))
        drawn[name] = values.astype(np.float32)
    return drawn


def load_in_order(module: torch.nn.Module, values: Iterable[np.ndarray]) -> None:
    """Copy arrays into a module's parameters and buffers, in their order; counters of batches stay."""
    state = {name: each for name, each in module.state_dict().items() if "num_batches" not in name}
    for (name, tensor), array in zip(state.items(), values, strict=True):
        assert tensor.shape == array.shape, name
        tensor.copy_(torch.from_numpy(np.ascontiguousarray(array)))


def from_tensorflow(values: np.ndarray) -> np.ndarray:
    """Return a kernel as torch has it: (O, I, H, W) of (H, W, I, O), (O, I) of (I, O), a bias as it is."""
    axes = {4: (3, 2, 0, 1), 2: (1, 0), 1: (0,)}[values.ndim]
    return values.transpose(axes)
