"""Several processes, started by torchrun, that share one training or comparison."""

import atexit
import os
from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar

from ganprint.errors import UsageError

if TYPE_CHECKING:
    import torch

T = TypeVar("T")


def place() -> tuple[int, int]:
    """Return the number of this process, and how many there are."""
    return int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))


def is_main_process() -> bool:
    """Return whether this is the first, or the only one, of the processes."""
    return place()[0] == 0


def join(device: str) -> str:
    """Join the other processes, waiting for them however long it takes, and return this one's device.

    On CUDA each has a GPU of its own. Raises UsageError where there are fewer.
    """
    import torch
    import torch.distributed as group

    count = place()[1]
    if torch.device(device).type == "cuda":
        here = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
        if here > torch.cuda.device_count():
            fault = f"{here} processes are to share {torch.cuda.device_count()} GPUs."
            raise UsageError(fault, "Start one process for each GPU at most.")
        if count > 1:
            device = f"cuda:{os.environ.get('LOCAL_RANK', '0')}"
        if torch.device(device).index is not None:  # else it is the current one, which torch will not be told
            torch.cuda.set_device(device)
    if count > 1 and not group.is_initialized():
        # Objects are exchanged on the CPU, gradients where the network is.
        nccl = group.is_nccl_available() and torch.device(device).type == "cuda"
        backend = "cpu:gloo,cuda:nccl" if nccl else "gloo"
        group.init_process_group(backend, timeout=timedelta(days=30))
        # A process that ends while threads of the group are alive is aborted, and takes the others along.
        atexit.register(group.destroy_process_group)
    return device


def gather(results: list[T]) -> list[T]:
    """Return the results of all processes, in each of them."""
    count = place()[1]
    if count == 1:
        return results
    from torch.distributed import all_gather_object

    gathered: list[list[T]] = [[] for _ in range(count)]
    all_gather_object(gathered, results)
    return [each for part in gathered for each in part]


def of_first(value: T) -> T:
    """Return the first process's value, in each of them."""
    return gather([value])[0]


def any_of(flag: bool, device: "torch.device") -> bool:
    """Return whether the flag is set in any of the processes."""
    if place()[1] == 1:
        return flag
    import torch
    from torch.distributed import all_reduce

    total = torch.tensor(float(flag), device=device)
    all_reduce(total)
    return bool(total > 0)
