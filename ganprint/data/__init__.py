"""Manifests, splits and checks, and the loaders that feed training and evaluation.

Each name is imported when it is first asked for, as torch and pyarrow take long.
"""

from typing import TYPE_CHECKING

from ganprint.lazy import lazy_names

if TYPE_CHECKING:
    from ganprint.data.batching import BatchSampler as BatchSampler
    from ganprint.data.dataset import Draw as Draw
    from ganprint.data.dataset import ImageDataset as ImageDataset
    from ganprint.data.dataset import SourceImages as SourceImages
    from ganprint.data.loading import loader as loader
    from ganprint.data.manifest import Manifest as Manifest
else:
    __getattr__ = lazy_names(__name__)
