"""Manifests, splits and checks, and the loaders that feed training and evaluation.

Each name is imported when it is first asked for, as torch and pyarrow take long.
"""

from typing import TYPE_CHECKING

from ganprint.lazy import lazy_names

if TYPE_CHECKING:
    from ganprint.data.batching import BatchSampler
    from ganprint.data.dataset import Draw, ImageDataset, SourceImages
    from ganprint.data.loading import loader
    from ganprint.data.manifest import Manifest
else:
    _HOMES = {
        "BatchSampler": "batching",
        "Draw": "dataset",
        "ImageDataset": "dataset",
        "Manifest": "manifest",
        "SourceImages": "dataset",
        "loader": "loading",
    }
    __getattr__ = lazy_names(__name__, {name: f"ganprint.data.{home}" for name, home in _HOMES.items()})
