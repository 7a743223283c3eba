"""Conditions: how images are perturbed before methods see them, and the perturbed images."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ganprint.attributor import View
from ganprint.data import Draw, Manifest, SourceImages
from ganprint.devices import Precision
from ganprint.errors import ImageError
from ganprint.images.views import answerable_crops
from ganprint.perturbation import AnyPolicy, Attack, Chain, DrawnChain, Engine, Policy, perturb

PUBLISHED_SIZE = 224
"""Side at which the published protocol perturbs (Bui et al. 2022, section 4.1)."""


@dataclass(frozen=True)
class Condition:
    """What happens to the images before a method sees them; `at` None perturbs at their own size.

    `precision` is that of a network's arithmetic, where the method has one.
    """

    policy: AnyPolicy
    seed: int = 0
    at: int | None = None
    engine: Engine = "torch"
    precision: Precision = "fp32"

    @classmethod
    def of(
        cls,
        policy: AnyPolicy,
        view: View,
        *,
        seed: int = 0,
        at: int | None = None,
        engine: Engine = "torch",
        precision: Precision = "fp32",
    ) -> "Condition":
        """Return the condition for weights of a view: `at` None is the published protocol's side, 0 the image's own.

        A chain changes every image in the same way at its own size, so only precision remains to be stated.
        An attack, and a chain whose values are drawn, are at their own size, too.
        """
        if isinstance(policy, Chain):
            return cls(policy, precision=precision)
        if isinstance(policy, Attack | DrawnChain):
            return cls(policy, seed, precision=precision)
        published = PUBLISHED_SIZE if view.kind == "resize" and policy.probability > 0 else None
        return cls(policy, seed, published if at is None else at or None, engine, precision)

    def treat(self, images: Tensor, rows: Sequence[int]) -> Sequence[Tensor | ImageError]:
        """Return images uint8 (B, 3, H, W), of these rows of a manifest, as they are in this condition.

        An image that a step of a chain fails on is its error. Under an attack they stay as they are: it needs
        a method, and comes after.
        """
        if isinstance(self.policy, Attack):
            return list(images)
        if isinstance(self.policy, Policy):
            drawn = [self.policy.draw(self.seed, row) for row in rows]
            return list(perturb(images, drawn, engine=self.engine, at=self.at))
        return [_chained(self.policy.draw(self.seed, row), image) for row, image in zip(rows, images, strict=True)]

    def describe(self, row: int) -> tuple[str, int | None, int | None]:
        """Return what happens to the image of a row: its name, severity and seed, as far as there are any."""
        if isinstance(self.policy, DrawnChain):
            return str(self.policy.draw(self.seed, row)), None, self.seed
        if not isinstance(self.policy, Policy):
            return str(self.policy), None, None
        drawn = self.policy.draw(self.seed, row)
        return (drawn.kind, drawn.severity, drawn.seed) if drawn.kind else ("", None, None)


def _chained(chain: Chain, image: Tensor) -> Tensor | ImageError:
    try:
        return chain.apply(image)
    except ImageError as error:
        return error


class Kept(dict[Path | str, Tensor]):
    """Decoded images uint8 (3, H, W) by path, for another condition: the first ones that fit into `limit` bytes.

    All are asked for again in the same order, so that giving up the oldest would keep none of use.
    """

    def __init__(self, limit: int = 2**28) -> None:
        super().__init__()
        self.left = limit

    def add(self, path: Path | str, image: Tensor) -> None:
        """Keep an image if there is room."""
        if image.nbytes <= self.left:
            self.left -= image.nbytes
            self[path] = image


class ConditionedViews(SourceImages):
    """Images perturbed at their own size: `items` gives each as a tuple of the Crops of each preprocessing.

    All is computed where the image is decoded. An image that cannot be read is its ImageError. Under an attack an item
    is the image itself (3, H, W).
    """

    def __init__(
        self, manifest: Manifest, views: Sequence[View], condition: Condition, kept: Kept | None = None
    ) -> None:
        super().__init__(manifest)
        self.views, self.condition, self.kept = tuple(views), condition, kept

    def items(self, indices: Sequence[int | Draw]) -> list[tuple[Any, int, int]]:
        """Return the items of a batch; images of one size are perturbed together, which is quicker."""
        rows = [index.row if isinstance(index, Draw) else int(index) for index in indices]
        found: list[Any] = [self._read(row) for row in rows]
        sizes: dict[Any, list[int]] = {}
        for place, image in enumerate(found):
            if isinstance(image, Tensor):
                sizes.setdefault(image.shape, []).append(place)
        for places in sizes.values():
            images = torch.stack([found[place] for place in places])
            treated = self.condition.treat(images, [rows[place] for place in places])
            for place, image in zip(places, treated, strict=True):
                # Under an attack an image is cropped after it.
                if isinstance(image, ImageError) or isinstance(self.condition.policy, Attack):
                    found[place] = image
                else:
                    found[place] = tuple(answerable_crops(image, view) for view in self.views)
        return [(item, int(self.labels[row]), row) for item, row in zip(found, rows, strict=True)]

    def failure(self, row: int) -> ImageError | None:
        """Return why the image of a row has no answer, None where it can have one."""
        (item,) = self.items([row])
        return item[0] if isinstance(item[0], ImageError) else None

    def _read(self, row: int) -> Tensor | ImageError:
        path = self.manifest.path(row)
        image = self.kept.get(path) if self.kept is not None else None
        if image is not None:
            return image
        try:
            image = self.read(row)
        except ImageError as error:
            return error
        if self.kept is not None:
            self.kept.add(path, image)
        return image
