"""Manifests, splits and checks, and the loaders that feed training and evaluation.

Each name is imported when it is first asked for, as torch and pyarrow take long.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ganprint.data.batching import BatchSampler
    from ganprint.data.dataset import Draw, ImageDataset, SourceImages
    from ganprint.data.loading import Batch, ImageLoader, loader
    from ganprint.data.manifest import Manifest

__all__ = [
    "Batch",
    "BatchSampler",
    "Draw",
    "ImageDataset",
    "ImageLoader",
    "Manifest",
    "SourceImages",
    "loader",
]

_HOMES = {
    "Batch": "loading",
    "BatchSampler": "batching",
    "Draw": "dataset",
    "ImageDataset": "dataset",
    "ImageLoader": "loading",
    "Manifest": "manifest",
    "SourceImages": "dataset",
    "loader": "loading",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
