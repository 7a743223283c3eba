"""Several processes that share a comparison, as torchrun starts them."""

import atexit
import os
from datetime import timedelta
from typing import TypeVar

from ganprint.errors import UsageError

T = TypeVar("T")


def place() -> tuple[int, int]:
    """Return the number of this process, and how many there are."""
    return int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))


def join(device: str) -> str:
    """Join the other processes, waiting for them however long it takes, and return this one's device."""
    import torch
    from accelerate import Accelerator
    from accelerate.utils import InitProcessGroupKwargs

    here = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    if device.startswith("cuda") and here > torch.cuda.device_count():
        raise UsageError(
            f"{here} processes are to share {torch.cuda.device_count()} GPUs.",
            "Start one process for each GPU at most.",
        )
    patience = InitProcessGroupKwargs(timeout=timedelta(days=30))
    joined = Accelerator(cpu=device == "cpu", kwargs_handlers=[patience])
    # A process that ends while threads of the group are alive is aborted, and takes the others along.
    atexit.register(joined.end_training)
    return str(joined.device)


def gather(results: list[T]) -> list[T]:
    """Return the results of all processes, in each of them."""
    from accelerate.utils import gather_object

    gathered: list[T] = gather_object(results)
    return gathered
