"""Training batches: random crops, perturbed on the device or in the loader's workers."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from ganprint.attributor import Run, View
from ganprint.data import BatchSampler, Draw, ImageDataset, loader
from ganprint.data.loading import Batch
from ganprint.errors import TrainingError
from ganprint.models.config import NeuralConfig
from ganprint.perturbation import Perturbation, Policy, parse_policy, perturb

if TYPE_CHECKING:
    from ganprint.data import Manifest

EPOCH_STRIDE = 1 << 40
"""Keeps the streams of different epochs and repeats apart in one policy seed."""
SINGLE_VALUE = 32
"""Pixels of a side that networks reduce to a single value, which alone in its batch has no deviation to divide by."""
VALIDATION_SEED = 1
"""Validation images are perturbed the same way in every epoch of every training."""


class PerturbedImages(ImageDataset):
    """Views of a manifest's images; those of a batch are perturbed as the policy draws for each."""

    def __init__(
        self, manifest: "Manifest", view: View, policy: Policy, *, at: int | None, augment: bool, seed: int
    ) -> None:
        super().__init__(manifest, view, augment=augment, seed=seed)
        self.policy = policy
        self.at = at
        self.in_worker = True

    def draw(self, draw: Draw) -> Perturbation:
        """Return what happens to one draw: a pure function of seed, epoch, row and repeat."""
        return self.policy.draw(self.seed + draw.epoch * EPOCH_STRIDE, draw.row * 64 + draw.repeat % 64)

    def apply(self, images: Tensor, draws: Sequence[Draw]) -> Tensor:
        """Perturb a batch of crops (B, 3, S, S) on the device it is on."""
        if self.policy.probability == 0:
            return images
        return perturb(images, [self.draw(draw) for draw in draws], at=self.at)

    def items(self, indices: Sequence[int | Draw]) -> list[tuple[Tensor, int, int]]:
        """Return a batch's crops, perturbed together if that is a worker's part."""
        draws = [index if isinstance(index, Draw) else Draw(int(index)) for index in indices]
        views = super().items(draws)
        if not self.in_worker:
            return views
        images, labels, rows = zip(*views, strict=True)
        return list(zip(self.apply(torch.stack(images), draws), labels, rows, strict=True))


class Batches:
    """The batches of every epoch, the same for any number of workers and any place of the perturbation.

    On a CPU the workers perturb while the network trains; on an accelerator it is done there, batched.
    `hold` leaves perturbation to the caller, for a method that changes images first.
    """

    def __init__(
        self, images: PerturbedImages, sampler: BatchSampler, *, workers: int, device: torch.device, hold: bool
    ) -> None:
        images.in_worker = device.type == "cpu" and not hold
        self.images = images
        self.sampler = sampler
        self.device = device
        self._loader = loader(
            images, batch_size=sampler.batch_size, workers=workers, sampler=sampler, device=device.type
        )

    def epoch(self, epoch: int, *, start: int = 0) -> Iterator[tuple[Batch, list[Draw]]]:
        """Yield the batches of an epoch from number `start` on, with the draws that made them."""
        self.sampler.set_epoch(epoch, start=start)
        for draws, batch in zip(list(self.sampler), self._loader, strict=True):
            images, labels = (each.to(self.device, non_blocking=True) for each in (batch.images, batch.labels))
            yield Batch(images, labels, batch.rows), draws

    def perturbed(self, batch: Batch, draws: Sequence[Draw]) -> Tensor:
        """Return the batch's images perturbed, whether a worker did it already or not."""
        images: Tensor = batch.images
        return images if self.images.in_worker else self.images.apply(images, draws)


class AnchoredSampler(BatchSampler):
    """Batches of samples of `members` images: every image is an anchor once an epoch, beside random partners.

    The members of a sample are neighbours, its anchor first. Partners are drawn uniformly from all images, with
    replacement, the anchor itself included (RepMix's public code). `batch_size` counts images. The last, smaller batch
    is whole samples in a single process; several have to drop it. It has at least `least` samples, or is dropped.
    """

    def __init__(self, labels: np.ndarray, *, members: int, least: int = 1, **options: Any) -> None:
        super().__init__(labels, **options)
        self.members = members
        self.least = least

    @property
    def batches(self) -> int:
        """How many batches a whole epoch has."""
        whole, rest = divmod(self.draws * self.members, self.batch_size)
        return whole + (not self.drop_last and rest >= self.least * self.members)

    def order(self) -> np.ndarray:
        """Return the rows of this epoch's samples one after another, int64 (draws * members,)."""
        anchors = super().order()
        random = np.random.default_rng((self.seed, self.epoch, self.members))
        partners = random.integers(len(self.labels), size=(len(anchors), self.members - 1))
        return np.column_stack([anchors, partners]).ravel()


@dataclass(frozen=True)
class BatchSettings:
    """What the batches of one training have in common.

    `members` images make a sample; with `hold` they are mixed before they are perturbed.
    """

    config: NeuralConfig
    run: Run
    device: torch.device
    members: int
    hold: bool

    def training(self, images: "Manifest", *, share: tuple[int, int] = (0, 1)) -> Batches:
        """Return a process's share of the training batches; raise TrainingError where there is not one."""
        config, run = self.config, self.run
        seen = PerturbedImages(
            images,
            config.view,
            parse_policy(config.policy),
            at=config.perturb_at,
            augment=config.augment,
            seed=run.seed,
        )
        draws = AnchoredSampler(
            seen.labels,
            members=self.members,
            least=2 if config.view.size <= SINGLE_VALUE else 1,
            batch_size=config.batch_size * self.members,
            seed=run.seed,
            balanced=config.balanced,
            drop_last=self.members == 1 or share[1] > 1,
            share=share,
        )
        if not draws.batches:
            raise TrainingError(
                f"{len(seen)} training images are fewer than one batch of {config.batch_size}.",
                f"Set batch_size to at most {len(seen)}.",
            )
        return Batches(seen, draws, workers=run.workers, device=self.device, hold=self.hold)

    def validation(self, images: "Manifest") -> Batches:
        """Return the validation batches, as the configuration's `validation` has them."""
        config, policy = self.config, parse_policy(self.config.policy)
        moves = config.validation == "as-training"
        if moves and policy.probability > 0:
            policy = replace(policy, probability=1.0)
        held = PerturbedImages(images, config.view, policy, at=config.perturb_at, augment=moves, seed=VALIDATION_SEED)
        draws: BatchSampler = BatchSampler(held.labels, batch_size=64, shuffle=False)
        if moves:
            size, seed = config.batch_size * self.members, VALIDATION_SEED
            draws = AnchoredSampler(held.labels, members=self.members, batch_size=size, seed=seed, shuffle=False)
        workers, hold = min(self.run.workers, 1), moves and self.hold
        return Batches(held, draws, workers=workers, device=self.device, hold=hold)


def check_images(sources: Sequence[str], train: "Manifest", val: "Manifest") -> None:
    """Raise TrainingError unless every source has training images and no image is of another source."""
    for name, images in (("training", train), ("validation", val)):
        if not len(images):
            raise TrainingError(f"There are no {name} images.", "Name a manifest with train and val splits.")
        if (images.labels < 0).any():
            raise TrainingError(
                f"Some {name} images are of a generator outside the sources (label -1).",
                "Leave them out of the splits train and val, or give them a label of their own.",
            )
    present = np.unique(train.labels)
    missing = [name for label, name in enumerate(sources) if label not in present]
    if missing:
        raise TrainingError(
            f"There are no training images of {', '.join(missing)}.",
            "Every source to be distinguished needs some; a method needs at least real and one other.",
        )
