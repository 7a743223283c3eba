"""Read and write tensors: halved where that loses nothing, written completely or not at all."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ganprint.errors import WeightsError
from ganprint.files import atomic_folder, atomic_write, atomic_write_all, read_file

if TYPE_CHECKING:
    from torch import Tensor

MAX_MODEL_BYTES = 4 << 30
"""The largest network of timm takes as much."""
CHECK_ROOM = "Check the free space and the permissions there."
"""Hint where a folder cannot be written."""
HALF_ERROR = 2.0**-10
"""Largest rounding error of a halved tensor, relative to its largest value; float16 proper costs 2**-11."""


def stored_tensors(tensors: Mapping[str, "Tensor"], *, half: bool = True) -> dict[str, "Tensor"]:
    """Return tensors as they are stored: those of two and more dimensions float16 with `half`, others float32.

    Those that float16 would change by more than HALF_ERROR of their largest value stay float32. Raises WeightsError
    where one holds NaN, infinity or complex numbers or is no tensor, or there are none.
    """
    from torch import Tensor

    if not tensors:
        raise WeightsError("There are no tensors to save.", "Fit the method first; its state() must give one at least.")
    stored = {}
    for name in sorted(tensors):
        if not isinstance(tensors[name], Tensor) or tensors[name].is_complex():
            raise WeightsError(
                f"{name} cannot be saved: it is no tensor of real numbers.",
                "state() of a method gives such tensors; a number is one without dimensions, as torch.tensor(3).",
            )
        tensor = tensors[name].detach().cpu().contiguous()
        if tensor.is_floating_point():
            tensor = tensor.float()
            if not tensor.isfinite().all():
                raise WeightsError(
                    f"The tensor {name} holds NaN or infinity: training diverged.", "Lower the learning rate."
                )
            if half and tensor.ndim >= 2:
                tensor = _halved(tensor)
        # A copy, as safetensors refuses tensors that share memory.
        stored[name] = tensor.clone()
    return stored


def packed(stored: Mapping[str, "Tensor"]) -> tuple[bytes, dict[str, object]]:
    """Return the file of stored tensors, and what a card says of it: `sha256` and `parameters`."""
    from safetensors.torch import save

    content = save(stored, metadata={"format": "pt"})
    return content, {"sha256": hashlib.sha256(content).hexdigest(), "parameters": count_parameters(stored)}


def read_model(path: Path, sha256: str, hint: str) -> dict[str, "Tensor"]:
    """Return the tensors of a file, floating ones in float32, others as stored.

    Raises WeightsError, with the hint, where the file is missing or no safetensors, its SHA-256 is another, or a tensor
    holds NaN or infinity.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        content = read_file(path, limit=MAX_MODEL_BYTES)
    except FileNotFoundError:
        raise WeightsError(f"{path.parent} has no {path.name}.", hint) from None
    except OSError as cause:
        raise WeightsError(f"{path} cannot be read: {cause.strerror}.", "Check its permissions.") from cause
    if hashlib.sha256(content).hexdigest() != sha256:
        raise WeightsError(f"{path} is damaged: its SHA-256 is not the one in its card.", hint)
    try:
        tensors = load(content)
    except (SafetensorError, KeyError, ValueError, RuntimeError) as cause:
        raise WeightsError(f"{path} is not a safetensors file: {cause}.", hint) from cause
    for name, tensor in tensors.items():
        if tensor.is_complex() or not bool(tensor.isfinite().all()):
            raise WeightsError(
                f"The tensor {name} has numbers that are not finite.", "Restore the weights from their origin."
            )
    return {name: tensor.float() if tensor.is_floating_point() else tensor for name, tensor in tensors.items()}


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
    if folder.is_dir():
        atomic_write_all({folder / name: content for name, content in files.items()})
        return
    with atomic_folder(folder) as made:
        for name, content in files.items():
            atomic_write(made / name, content)
