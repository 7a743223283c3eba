"""Answers of methods for a manifest's images; each image is read and perturbed once for all methods."""

import csv
import io
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ganprint.attributor import Attributor
from ganprint.calibration.answer import VIEWS_AT_ONCE, Answer, answer_images
from ganprint.data import BatchSampler, Manifest, loader
from ganprint.errors import ImageError, UsageError, check_count
from ganprint.evaluation.adversarial import attack_images, attack_seeds
from ganprint.evaluation.conditions import Condition, ConditionedViews, Kept
from ganprint.evaluation.unfinished import Notebook, Unfinished
from ganprint.files import atomic_file, os_errors_as
from ganprint.images.views import Crops, answerable_crops
from ganprint.perturbation import Attack
from ganprint.plain_text import cell
from ganprint.processes import gather, place
from ganprint.weights import Card

VIEWS_ON_GPU = 256


@dataclass(frozen=True, kw_only=True)
class Computing:
    """How answers are computed: the device that the methods are on, images a batch, and processes that read images.

    With `divided`, processes that torchrun started answer for every n-th batch each, and all get the answers of all.
    """

    device: str = "cpu"
    batch_size: int = 32
    workers: int = 0
    divided: bool = False

    def __post_init__(self) -> None:
        check_count("batch_size", self.batch_size, least=1)

    @property
    def views_at_once(self) -> int:
        """How many crops a method gets at once."""
        return VIEWS_AT_ONCE if torch.device(self.device).type == "cpu" else VIEWS_ON_GPU


ON_CPU = Computing()


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


def answer_manifest(
    attributors: Sequence[Attributor],
    manifest: Manifest,
    condition: Condition,
    *,
    victim: Attributor | None = None,
    computing: Computing = ON_CPU,
    kept: Kept | None = None,
    notebook: Notebook | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[Answers]:
    """Answer for every image of a manifest under a condition, with each of several methods.

    An image is read and perturbed once; methods with the same preprocessing share its crops. An attack is made on
    `victim`. `progress` is told images done and in all; `kept` holds images read before, where there are no workers.
    With a notebook the answers so far are stored there for a later run to resume from. Raises the first ImageError
    where no image at all can be read.
    """
    views = list(dict.fromkeys(attributor.config.view for attributor in attributors))
    images = ConditionedViews(manifest, views, condition, None if computing.workers else kept)
    found = notebook.read() if notebook else Unfinished(len(attributors))
    again = [images.failure(row) for row in found.failed]
    if None in again:
        # An image that could not be read is mended meanwhile: it is to be answered for, in its place.
        found, again = Unfinished(len(attributors)), []
    failures = [error for error in again if error is not None]
    batches = BatchSampler(manifest.labels, batch_size=computing.batch_size, shuffle=False)
    rank, processes = place() if computing.divided else (0, 1)
    batches.set_epoch(0, start=found.batches + rank, step=processes)
    began = noted = time.monotonic()
    for batch in loader(images, batch_size=computing.batch_size, sampler=batches, workers=computing.workers):
        failures += [item for item in batch.images if isinstance(item, ImageError)]
        whole = [number for number, item in enumerate(batch.images) if not isinstance(item, ImageError)]
        found.failed += batch.rows[sorted(set(range(len(batch.rows))) - set(whole))].tolist()
        found.rows += batch.rows[whole].tolist()
        items = [batch.images[place] for place in whole]
        if isinstance(condition.policy, Attack):
            seeds = attack_seeds(condition.seed, batch.rows[whole].tolist())
            labels = batch.labels[whole].tolist()
            attacked = attack_images(_differentiable(victim), items, labels, condition.policy, seeds)
            items = [tuple(answerable_crops(image, view) for view in views) for image in attacked]
        now = time.monotonic()
        found.shared += now - began
        for number, attributor in enumerate(attributors):
            view = views.index(attributor.config.view)
            pixels: list[Tensor] = [item[view].pixels for item in items]
            found.probabilities[number] += _probabilities(attributor, pixels, condition, computing)
            now, before = time.monotonic(), now
            found.seconds[number] += now - before
        found.batches += 1
        progress(len(found.rows) + len(found.failed), len(manifest))
        if notebook and now - noted > notebook.every:
            notebook.write(found)
            noted = time.monotonic()
        began = time.monotonic()
    if computing.divided:
        found, failures = _of_all(found, failures)
    if not found.rows:
        raise failures[0]
    return list(_answers(found, manifest, condition, failures))


def whole_answers(
    attributor: Attributor,
    manifest: Manifest,
    condition: Condition,
    computing: Computing = ON_CPU,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[np.ndarray, list[Answer], list[ImageError]]:
    """Return the rows (N,) of a manifest's images that could be read, their whole answers, and the others' errors.

    The condition is no attack. An answer holds crops and embedding, which `answer_manifest` lets go. Raises the first
    ImageError where no image can be read.
    """
    images = ConditionedViews(manifest, [attributor.config.view], condition)
    rows: list[int] = []
    answers: list[Answer] = []
    failures: list[ImageError] = []
    for batch in loader(images, batch_size=computing.batch_size, workers=computing.workers):
        whole: list[Crops] = []
        for item, row in zip(batch.images, batch.rows.tolist(), strict=True):
            if isinstance(item, ImageError):
                failures.append(item)
            else:
                whole.append(item[0])
                rows.append(row)
        found = answer_images(attributor, [crops.pixels for crops in whole], batch_size=computing.views_at_once)
        answers += [answer.about(crops) for answer, crops in zip(found, whole, strict=True)]
        progress(len(rows) + len(failures), len(manifest))
    if failures and not rows:
        raise failures[0]
    return np.array(rows, dtype=np.int64), answers, failures


def _differentiable(victim: Attributor | None) -> Attributor:
    assert victim is not None, "an attack is on some weights"
    if not victim.differentiable:
        raise UsageError(
            f"{victim.spec.title} has no gradients to attack along.",
            "compare attacks it through other weights: --adversarial, and --surrogate names them.",
        )
    return victim


def _probabilities(
    attributor: Attributor, pixels: Sequence[Tensor], condition: Condition, computing: Computing
) -> list[np.ndarray]:
    """Return a method's answer for each image, given as its crops, in the condition's arithmetic."""
    halved = condition.precision == "bf16" and attributor.differentiable
    with torch.autocast(torch.device(computing.device).type, torch.bfloat16, enabled=halved):
        return [each.probabilities for each in answer_images(attributor, pixels, batch_size=computing.views_at_once)]


def _of_all(found: Unfinished, failures: list[ImageError]) -> tuple[Unfinished, list[ImageError]]:
    """Return the answers and failures of all processes, in the order of the rows."""
    parts = gather([(found, failures)])
    union = Unfinished(found.methods)
    answered = [(row, part, number) for part, _ in parts for number, row in enumerate(part.rows)]
    for row, part, number in sorted(answered, key=itemgetter(0)):
        union.rows.append(row)
        for all_answers, answers in zip(union.probabilities, part.probabilities, strict=True):
            all_answers.append(answers[number])
    union.shared = sum(part.shared for part, _ in parts)
    union.seconds = [sum(each) for each in zip(*(part.seconds for part, _ in parts), strict=True)]
    failed = [pair for part, errors in parts for pair in zip(part.failed, errors, strict=True)]
    return union, [error for _, error in sorted(failed, key=itemgetter(0))]


def _answers(
    found: Unfinished, manifest: Manifest, condition: Condition, failures: list[ImageError]
) -> Iterator[Answers]:
    rows = np.array(found.rows)
    for each, seconds in zip(found.probabilities, found.seconds, strict=True):
        probabilities = np.stack(each)
        took = seconds + found.shared / found.methods
        predicted = probabilities.argmax(1)
        yield Answers(rows, manifest.labels[rows], predicted, probabilities, condition, took, failures)


def write_predictions(path: Path, card: Card, manifest: Manifest, answers: Answers) -> None:
    """Write one CSV row per image: path, true and predicted source, probabilities, what was done to it.

    The file appears whole or not at all. Raises UsageError where it cannot be written.
    """
    with os_errors_as(UsageError, f"{path} cannot be written", "Name another file."), atomic_file(path) as file:
        text = io.TextIOWrapper(file, "utf-8", newline="")
        writer, names = csv.writer(text), manifest.column("source")
        head = ["path", "source", "predicted", *(f"p_{name}" for name in card.sources)]
        writer.writerow([*head, "corruption", "severity", "seed"])
        for number, row in enumerate(answers.rows.tolist()):
            what = answers.condition.describe(row)
            shares = [f"{p:.6f}" for p in answers.probabilities[number]]
            predicted = card.sources[answers.predicted[number]]
            writer.writerow([cell(str(manifest.path(row))), cell(names[row]), predicted, *shares, *what])
        text.detach()
