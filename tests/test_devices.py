"""Devices: the one that is chosen is one that there is, and arithmetic is a device's own."""

import pytest
import torch

from ganprint.devices import find_device, quick_precision
from ganprint.errors import UsageError
from ganprint.processes import join


def test_auto_takes_an_accelerator_before_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert find_device() == "cpu"
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert find_device() == "mps"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert find_device() == "cuda"


@pytest.mark.parametrize("name", ["gpu", "cuda:", "cuda:x", "", "cpu "])
def test_what_is_no_device_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="no device called"):
        find_device(name)


@pytest.mark.parametrize(("having", "expected"), [("amx_bf16", "bf16"), ("avx2", "fp32")])
def test_bf16_is_for_processors_that_multiply_it(having: str, expected: str, monkeypatch) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {having: True})
    assert quick_precision("cpu") == expected


@pytest.mark.parametrize(("name", "chosen"), [("cuda", []), ("cuda:0", [0])])
def test_one_process_trains_on_the_gpu_that_is_named_and_else_on_the_current_one(
    name: str, chosen: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    found: list[int] = []
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch._C, "_cuda_setDevice", found.append, raising=False)
    assert join(name) == name
    assert found == chosen
