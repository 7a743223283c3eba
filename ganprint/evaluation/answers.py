"""Answers of methods for a manifest's images: each read and perturbed once for all methods that are asked."""

import csv
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from ganprint.attributor import Attributor, View
from ganprint.data import Draw, Manifest, SourceImages, loader
from ganprint.errors import ImageError, UsageError
from ganprint.forensics.answer import answer_images
from ganprint.images.formats import cell
from ganprint.images.views import crop_views
from ganprint.perturb import Engine, Policy, Sharing, perturb
from ganprint.training import NeuralAttributor
from ganprint.weights import Card

PUBLISHED_SIZE = 224
"""Side at which the published protocol perturbs (Bui et al. 2022, section 4.1)."""

Precision = Literal["fp32", "bf16"]


@dataclass(frozen=True)
class Condition:
    """What happens to the images before a method sees them; `at` None perturbs at their own size.

    `precision` is that of a network's arithmetic, where the method has one.
    """

    policy: Policy | Sharing
    seed: int = 0
    at: int | None = None
    engine: Engine = "torch"
    precision: Precision = "fp32"

    @classmethod
    def of(
        cls,
        policy: Policy | Sharing,
        view: View,
        *,
        seed: int = 0,
        at: int | None = None,
        engine: Engine = "torch",
        precision: Precision = "fp32",
    ) -> "Condition":
        """Return the condition for weights of a view: `at` None is the published protocol's side, 0 the image's own.

        A chain of sharing happens to all images alike, at their own size: nothing but precision is left to say.
        """
        if isinstance(policy, Sharing):
            return cls(policy, precision=precision)
        size = default_size(view, policy) if at is None else at or None
        return cls(policy, seed, size, engine, precision)

    def treat(self, images: Tensor, rows: Sequence[int]) -> Sequence[Tensor | ImageError]:
        """Return images uint8 (B, 3, H, W), of these rows of a manifest, as they are in this condition.

        An image that a step of sharing cannot be done to is its error.
        """
        if isinstance(self.policy, Sharing):
            return [_shared(self.policy, image) for image in images]
        drawn = [self.policy.draw(self.seed, row) for row in rows]
        return list(perturb(images, drawn, engine=self.engine, at=self.at))

    def describe(self, row: int) -> tuple[str, int | None, int | None]:
        """Return what happens to the image of a row: its name, severity and seed, as far as there are any."""
        if isinstance(self.policy, Sharing):
            return str(self.policy), None, None
        drawn = self.policy.draw(self.seed, row)
        return (drawn.kind, drawn.severity, drawn.seed) if drawn.kind else ("", None, None)


def _shared(sharing: Sharing, image: Tensor) -> Tensor | ImageError:
    try:
        return sharing.apply(image)
    except ImageError as error:
        return error


@dataclass(frozen=True)
class Answers:
    """One row per image that could be read: its row in the manifest, true and predicted labels (N,),
    probabilities (N, K); `condition` says what was done to it, `failures` why the others could not be.

    `seconds` is the method's own time and its share of reading and perturbing.
    """

    rows: np.ndarray
    labels: np.ndarray
    predicted: np.ndarray
    probabilities: np.ndarray
    condition: Condition
    seconds: float
    failures: list[ImageError]


def default_size(view: View, policy: Policy | Sharing) -> int | None:
    """Return the side at which a policy perturbs for weights of this view: the published protocol's or None."""
    perturbs = isinstance(policy, Policy) and policy.probability > 0
    return PUBLISHED_SIZE if view.kind == "resize" and perturbs else None


class _ConditionedViews(SourceImages):
    """Images perturbed at their own size, as a tuple of each view's squares (k, 3, S, S).

    All is computed where the image is decoded. In a batch, an image that cannot be read is its ImageError.
    """

    def __init__(self, manifest: Manifest, views: Sequence[View], condition: Condition) -> None:
        super().__init__(manifest)
        self.views = tuple(views)
        self.condition = condition

    def __getitem__(self, index: int | Draw) -> tuple[Any, int, int]:
        (item,) = self.items([index])
        if isinstance(item[0], ImageError):
            raise item[0]
        return item

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
                found[place] = (
                    image
                    if isinstance(image, ImageError)
                    else tuple(crop_views(image, view) for view in self.views)
                )
        return [(item, int(self.labels[row]), row) for item, row in zip(found, rows, strict=True)]

    def _read(self, row: int) -> Tensor | ImageError:
        try:
            return self.read(row)
        except ImageError as error:
            return error


def answer_manifest(
    attributors: Sequence[Attributor],
    manifest: Manifest,
    condition: Condition,
    *,
    device: str = "cpu",
    batch_size: int = 32,
    workers: int = 0,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[Answers]:
    """Answer for every image of a manifest under a condition, with each of several methods.

    An image is read and perturbed once; methods of the same view share its squares. `progress` is told images
    done and in all; `device` is where the methods are. Raises the first ImageError where no image at all can be read.
    """
    began = time.monotonic()
    views = list(dict.fromkeys(attributor.config.view for attributor in attributors))
    images = _ConditionedViews(manifest, views, condition)
    rows: list[int] = []
    found: list[list[np.ndarray]] = [[] for _ in attributors]
    seconds = [0.0] * len(attributors)
    failures: list[ImageError] = []
    for batch in loader(images, batch_size=batch_size, workers=workers):
        failures += [item for item in batch.images if isinstance(item, ImageError)]
        whole = [number for number, item in enumerate(batch.images) if not isinstance(item, ImageError)]
        rows += batch.rows[whole].tolist()
        for number, attributor in enumerate(attributors):
            view = views.index(attributor.config.view)
            start = time.monotonic()
            squares: list[Tensor] = [batch.images[place][view] for place in whole]
            kind = torch.device(device).type
            halved = condition.precision == "bf16" and isinstance(attributor, NeuralAttributor)
            with torch.autocast(kind, torch.bfloat16, enabled=halved):
                answers = answer_images(attributor, squares)
            found[number] += [answer.probabilities for answer in answers]
            seconds[number] += time.monotonic() - start
        progress(len(rows) + len(failures), len(manifest))
    if not rows:
        raise failures[0]
    shared = (time.monotonic() - began - sum(seconds)) / len(attributors)
    return [
        Answers(
            np.array(rows),
            manifest.labels[rows],
            (probabilities := np.stack(each)).argmax(1),
            probabilities,
            condition,
            shared + own,
            failures,
        )
        for each, own in zip(found, seconds, strict=True)
    ]


def write_predictions(path: Path, card: Card, manifest: Manifest, answers: Answers) -> None:
    """Write one CSV row per image: path, true and predicted source, probabilities, what was done to it.

    The file appears whole or not at all. Raises UsageError where it cannot be written.
    """
    partial = path.with_name(f".{path.name}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _write_rows(partial, card, manifest, answers)
        partial.replace(path)
    except OSError as cause:
        raise UsageError(f"{path} cannot be written: {cause.strerror}.", "Name another file.") from cause


def _write_rows(path: Path, card: Card, manifest: Manifest, answers: Answers) -> None:
    names = manifest.column("source")
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(
            [
                *("path", "source", "predicted"),
                *(f"p_{name}" for name in card.sources),
                *("corruption", "severity", "seed"),
            ]
        )
        for number, row in enumerate(answers.rows.tolist()):
            what = answers.condition.describe(row)
            shares = [f"{p:.6f}" for p in answers.probabilities[number]]
            predicted = card.sources[answers.predicted[number]]
            writer.writerow([cell(str(manifest.path(row))), cell(names[row]), predicted, *shares, *what])
