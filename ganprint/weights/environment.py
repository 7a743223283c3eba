"""The software and machine that made the weights, for the card."""

import os
import platform
from importlib.metadata import PackageNotFoundError, version

from ganprint import plugins
from ganprint.weights.records import PluginRecord

PACKAGES = ("ganprint", "torch", "torchvision", "timm", "numpy", "scikit-learn", "safetensors")


def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that weights depend on, those installed."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def plugin_record(method: str) -> PluginRecord:
    """Return the distribution that the method's plug-in comes from; `unknown` where it is not installed."""
    for plugin in plugins.discover():
        if plugin.name == method:
            return PluginRecord(distribution=plugin.distribution, version=plugin.version)
    return PluginRecord(distribution="unknown", version="unknown")


def hardware(device: str = "cpu") -> str:
    """Return one line that names the processor, its cores, and the GPU where `device` is one."""
    processor = f"{platform.machine()}, {os.cpu_count()} cores"
    if not device.startswith("cuda"):
        return processor
    import torch

    return f"{processor}, {torch.cuda.get_device_name(device)}"
