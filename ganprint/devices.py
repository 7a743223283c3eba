"""Devices by name: which are available, which is the best, and its fastest arithmetic for training."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Literal

from ganprint.errors import UsageError, check_count
from ganprint.lazy import without_collections

Precision = Literal["fp32", "bf16"]
"""The arithmetic of a network."""
_NAME = re.compile(r"auto|cpu|mps|cuda(:\d{1,3})?")


def check_device_name(device: str) -> str:
    """Return a device's name as it is; raise UsageError, without importing torch, where none is called so."""
    if not _NAME.fullmatch(device):
        raise UsageError(f"There is no device called {device!r}.", "Devices: auto, cpu, cuda, cuda:N, mps.")
    return device


def find_device(device: str = "auto") -> str:
    """Return the device of a name as torch takes it; `auto` is CUDA, else MPS, else the CPU.

    Raises UsageError where there is no such device, here or at all.
    """
    check_device_name(device)
    with without_collections():
        import torch

    cuda, mps = torch.cuda.is_available(), torch.backends.mps.is_available()
    if device == "auto":
        return "cuda" if cuda else "mps" if mps else "cpu"
    kind = torch.device(device).type
    number = torch.device(device).index or 0
    there = {"cpu": True, "mps": mps, "cuda": cuda and number < torch.cuda.device_count()}
    if not there[kind]:
        raise UsageError(f"The device {device} is not available here.", "Use --device auto, or --device cpu.")
    return device


def use_threads(threads: int | None) -> None:
    """Let torch use so many threads for one computation on the CPU; None leaves it at as many as there are cores."""
    if threads is not None:
        check_count("threads", threads, least=1)
        import torch

        torch.set_num_threads(threads)


@contextmanager
def one_thread_each() -> Iterator[Callable[[], None]]:
    """Give what a thread calls to have its computations of torch use one thread each.

    Threads that start within the block do the same; those that start later use as many as before.
    """
    import torch

    before = torch.get_num_threads()
    try:
        yield partial(torch.set_num_threads, 1)
    finally:
        torch.set_num_threads(before)


def quick_precision(device: str) -> Precision:
    """Return bf16 where a device multiplies such numbers in hardware, else fp32."""
    import torch

    kind = torch.device(device).type
    if kind == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp32"
    able = torch.cpu.get_capabilities() if kind == "cpu" else {}
    return "bf16" if able.get("amx_bf16") or able.get("avx512_bf16") else "fp32"
