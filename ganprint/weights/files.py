"""Tensors and files as they are stored: halved where that costs nothing, written whole or not at all."""

import os
import shutil
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ganprint.errors import WeightsError

if TYPE_CHECKING:
    from torch import Tensor

HALF_ERROR = 2.0**-10
"""Largest rounding error of a halved tensor, relative to its largest value; float16 proper costs 2**-11."""


def stored_tensors(
    tensors: Mapping[str, "Tensor"], *, half: bool = True, keep: Collection[str] = ()
) -> dict[str, "Tensor"]:
    """Return tensors as they are stored: those of two and more dimensions float16 with `half`, others float32.

    Those named in `keep` stay float32, and those that float16 would change by more than HALF_ERROR of their largest
    value. Raises WeightsError where one holds NaN or there are none.
    """
    if not tensors:
        raise WeightsError("There are no tensors to save.", "Fit the method first.")
    stored = {}
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu().contiguous()
        if tensor.is_floating_point():
            tensor = tensor.float()
            if tensor.isnan().any():
                raise WeightsError(
                    f"The tensor {name} holds NaN: training diverged.", "Lower the learning rate."
                )
            if half and tensor.ndim >= 2 and name not in keep:
                tensor = _halved(tensor)
        # A copy, as safetensors refuses tensors that share memory.
        stored[name] = tensor.clone()
    return stored


def _halved(tensor: "Tensor") -> "Tensor":
    if tensor.numel() == 0:
        return tensor.half()
    half = tensor.half()
    error = (half.float() - tensor).abs().max()
    # An infinite error, or NaN from infinity itself, fails the comparison.
    return half if bool(error <= HALF_ERROR * tensor.abs().max()) else tensor


def count_parameters(tensors: Mapping[str, "Tensor"]) -> int:
    """Return how many elements all floating tensors have together."""
    return sum(tensor.numel() for tensor in tensors.values() if tensor.is_floating_point())


def write_folder(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write files into a folder: a new one appears at once, in an existing one each is replaced whole."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    if folder.is_dir():
        partials = {folder / f".{name}.{os.getpid()}.partial": folder / name for name in files}
        try:
            for partial, target in partials.items():
                _write_through(partial, files[target.name])
            for partial, target in partials.items():
                partial.replace(target)
        finally:
            for partial in partials:
                partial.unlink(missing_ok=True)
        return
    beside = folder.parent / f".{folder.name}.{os.getpid()}.partial"
    try:
        beside.mkdir()
        for name, content in files.items():
            _write_through(beside / name, content)
        beside.rename(folder)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _write_through(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
