"""One resumable pass over perturbed training images, for methods without epochs."""

import hashlib
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from ganprint.attributor import Progress, Run
from ganprint.data import BatchSampler
from ganprint.data.loading import Batch
from ganprint.errors import TrainingError
from ganprint.models.config import TrainingConfig
from ganprint.perturbation import parse_policy
from ganprint.processes import is_main_process
from ganprint.training.batches import VALIDATION_SEED, Batches, PerturbedImages
from ganprint.training.checkpoint import Place, read_place, read_tensors, write_tensors
from ganprint.training.interruption import Interruption


class Accumulator(Protocol):
    """Something that sees each image once and keeps what it learned in named tensors of fixed meaning."""

    def update(self, images: Tensor, labels: Tensor) -> None:
        """Take in uint8 images (B, 3, S, S) and labels int64 (B,)."""

    def tensors(self) -> dict[str, Tensor]:
        """Return all there is to resume from."""

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """Go on from what `tensors` gave."""


def stream(
    images: Any, config: TrainingConfig, run: Run, *, seed: int, batch_size: int = 64, start: int = 0
) -> Iterator[Batch]:
    """Yield the centre crops of a manifest's images in order, perturbed under the configuration's policy.

    Begins at batch `start`. Which perturbation an image gets depends on `seed` and its row alone.
    """
    views = PerturbedImages(
        images, config.view, parse_policy(config.policy), at=config.perturb_at, augment=False, seed=seed
    )
    draws = BatchSampler(views.labels, batch_size=batch_size, shuffle=False)
    batches = Batches(views, draws, workers=run.workers, device=torch.device("cpu"), hold=False)
    for batch, _ in batches.epoch(0, start=start):
        yield batch


def accumulate(
    accumulator: Accumulator, images: Any, config: TrainingConfig, run: Run, *, name: str, batch_size: int = 64
) -> None:
    """Show every image to an accumulator once, with checkpoints under `name` in the run's folder.

    With `run.resume` a pass resumes from its checkpoint, to the same numbers; a finished one is not
    repeated. Raises TrainingError where the checkpoint is of another configuration, data or seed,
    KeyboardInterrupt, with a checkpoint, where asked.
    """
    path = run.folder / "checkpoints" / f"{name}.safetensors"
    place = Place(fingerprint=_fingerprint(config, images, run, name))
    if run.resume and path.is_file():
        reached = read_place(path)
        if reached.fingerprint != place.fingerprint:
            raise TrainingError(
                f"The checkpoint {path} is of another configuration, data or seed.",
                "Resume with exactly those of the first start; the folder's config.yaml holds them.",
            )
        place = reached
        accumulator.load(read_tensors(path))
    elif is_main_process():
        path.unlink(missing_ok=True)
    steps = -(-len(images) // batch_size)
    began, first, saved = time.monotonic(), place.step, time.monotonic()

    def save() -> None:
        if is_main_process():
            write_tensors(path, place, {key: each.contiguous() for key, each in accumulator.tensors().items()})

    with Interruption(run.stop) as interruption:
        for batch in stream(images, config, run, seed=run.seed, batch_size=batch_size, start=first):
            accumulator.update(batch.images, batch.labels)
            place.step += 1
            rate = (place.step - first) / (time.monotonic() - began)
            if is_main_process():
                left = (steps - place.step) / rate
                speed = rate * batch_size
                run.report(Progress(1, 1, place.step, steps, speed, left, stage=name))
            if interruption.asked:
                save()
                raise KeyboardInterrupt
            if time.monotonic() - saved > run.checkpoint_seconds:
                save()
                saved = time.monotonic()
    if place.step > first:
        save()


def answer_validation(
    scores: Callable[[Tensor], Tensor], images: Any, config: TrainingConfig, run: Run
) -> tuple[np.ndarray, np.ndarray]:
    """Return scores (N, K) of validation images, perturbed as in every epoch of a network's, and labels (N,)."""
    found, labels = [], []
    for batch in stream(images, config, run, seed=VALIDATION_SEED):
        found.append(scores(batch.images).cpu().numpy())
        labels.append(batch.labels.cpu().numpy())
    return np.concatenate(found), np.concatenate(labels)


def _fingerprint(config: TrainingConfig, images: Any, run: Run, name: str) -> str:
    text = "\0".join([config.model_dump_json(), images.sha256, str(run.seed), name])
    return hashlib.sha256(text.encode()).hexdigest()
