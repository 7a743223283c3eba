"""Datasets that decode an image of a manifest on request and hold none."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from ganprint.attributor import View
from ganprint.errors import ImageNotFoundError
from ganprint.images import read_image
from ganprint.images.views import crop_views, random_view

if TYPE_CHECKING:
    from ganprint.data.manifest import Manifest


class Draw(NamedTuple):
    """One draw of a sampler: which image, in which epoch, and how often it was drawn there before.

    It carries all that the random crop depends on, so that a worker process needs to know nothing else.
    """

    row: int
    epoch: int = 0
    repeat: int = 0


class SourceImages(Dataset[tuple[Tensor, int, int]]):
    """Images at their own size: item i is (uint8 (3, H, W), label, row). What evaluation reads."""

    def __init__(self, manifest: "Manifest") -> None:
        self.manifest = manifest
        self.sources = manifest.sources
        self.labels = manifest.labels

    def __len__(self) -> int:
        return len(self.manifest)

    def __getitem__(self, index: int | Draw) -> tuple[Tensor, int, int]:
        row = index.row if isinstance(index, Draw) else int(index)
        return self.read(row), int(self.labels[row]), row

    def items(self, indices: Sequence[int | Draw]) -> list[tuple[Tensor, int, int]]:
        """Return the items of a batch: what a loader asks for, so that a subclass can work on them together."""
        return [self[index] for index in indices]

    def read(self, row: int) -> Tensor:
        """Return the pixels of a row's image, uint8 (3, H, W); raise ImageError naming its file."""
        try:
            pixels = read_image(self.manifest.path(row)).pixels
        except ImageNotFoundError as error:
            hint = "--images names the folder where relative paths start; ganprint data check lists what is missing."
            raise ImageNotFoundError(error.message, hint) from None
        return torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1)))


class ImageDataset(SourceImages):
    """Images through a view: item i is (uint8 (3, S, S), label, row).

    With `augment` the crop is random (place and mirror), a pure function of `seed`, the epoch, the
    row and how often the row was drawn in that epoch; else it is the centre view. A plain index is the first draw of
    epoch 0.
    """

    def __init__(self, manifest: "Manifest", view: View, *, augment: bool = False, seed: int = 0) -> None:
        super().__init__(manifest)
        self.view = view
        self.augment = augment
        self.seed = seed
        self._centre = view.model_copy(update={"crops": 1})

    def __getitem__(self, index: int | Draw) -> tuple[Tensor, int, int]:
        draw = index if isinstance(index, Draw) else Draw(int(index))
        pixels = self.read(draw.row)
        if self.augment:
            random = np.random.default_rng((self.seed, draw.epoch, draw.row, draw.repeat))
            image = random_view(pixels, self.view, random)
        else:
            image = crop_views(pixels, self._centre)[0]
        return image, int(self.labels[draw.row]), draw.row
