"""The statistics of a manifest's crops, plain and post-processed; resumable."""

import hashlib
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ganprint.plugin_api import (
    AnyPolicy,
    Attack,
    Chain,
    Draw,
    DrawnChain,
    ImageError,
    Interruption,
    LabelledImages,
    Place,
    Policy,
    Progress,
    Run,
    SourceImages,
    TrainingError,
    View,
    find_crops,
    loader,
    parse_any_policy,
    perturb,
    read_place,
    read_tensors,
    write_tensors,
)
from ganprint_plugins.residual_statistics.features import NUMERICS, columns, describe, precise_device
from ganprint_plugins.residual_statistics.spec import ResidualStatisticsConfig

IMAGES_AT_ONCE = 16


@dataclass(frozen=True)
class Rows:
    """Training crops: statistics float32 (N, F), and of each its label, int64, its group, the number of its image, its
    weight, which draw it is of, 0 being the image as its file has it, and whether JPEG was the last thing that it met:
    1, 0, or -1 where that is not known.
    """

    statistics: Tensor
    labels: np.ndarray
    groups: np.ndarray
    images: np.ndarray
    weights: np.ndarray
    draws: np.ndarray
    compressed: np.ndarray


class PerturbedCrops(SourceImages):
    """The crops with a vote of a manifest's images after one draw of a policy: item i is (crops, label, row)."""

    def __init__(self, images: Any, view: View, policy: AnyPolicy | None, seed: int) -> None:
        super().__init__(images)
        self.view, self.policy, self.seed = view, policy, seed

    def __getitem__(self, index: int | Draw) -> tuple[Tensor, int, int]:
        row = index.row if isinstance(index, Draw) else int(index)
        image = self.read(row)
        if isinstance(self.policy, Policy):
            image = perturb(image[None], [self.policy.draw(self.seed, row)])[0]
        elif isinstance(self.policy, Chain | DrawnChain):
            # An image that is too large or small for a step cannot have met it.
            with suppress(ImageError):
                image = self.policy.draw(self.seed, row).apply(image)
        return find_crops(image, self.view).pixels, int(self.labels[row]), row


def collect(splits: Sequence[LabelledImages], config: ResidualStatisticsConfig, run: Run) -> Rows:
    """Return the statistics of all crops of the splits' images, plain and under each of the configured draws.

    A drawn image gives one crop, a plain one up to `view.crops`, which share its weight. Each pass is kept in the run's
    folder, and with `run.resume` not repeated. Raises ConfigError as `check_draws`, TrainingError for an attack, and
    KeyboardInterrupt, what is finished being kept, where asked.
    """
    config.check_draws()
    policies: list[tuple[str, AnyPolicy | None]] = [("plain", None)]
    for text in config.draws:
        drawn = parse_any_policy(text)
        if isinstance(drawn, Attack):
            raise TrainingError(f"{text} needs weights to attack.", "Draw corruptions or post-processing.")
        policies.append((text, drawn))
    parts: list[dict[str, Tensor]] = []
    total = len(policies) * sum(map(len, splits))
    progress = _Progress(run, total)
    for number, (text, policy) in enumerate(policies):
        view = config.view if policy is None else config.view.model_copy(update={"crops": 1})
        for place, images in enumerate(splits):
            path = run.folder / "checkpoints" / f"statistics-{number}-{place}.safetensors"
            computed = f"{columns(config.frozen)} {NUMERICS}"
            facts = "\0".join([text, view.model_dump_json(), images.sha256, str(run.seed), computed])
            mark = hashlib.sha256(facts.encode()).hexdigest()
            if run.resume and path.is_file() and read_place(path).fingerprint == mark:
                part = read_tensors(path)
                progress.advance(len(images))
            else:
                crops = PerturbedCrops(images, view, policy, run.seed + number)
                part = _pass(crops, run, progress, frozen=config.frozen)
                write_tensors(path, Place(fingerprint=mark), part)
            parts.append(part)
    generated = {"plain": 1.0} | config.draws
    photographs = generated | config.draws_of_photographs
    draw_weights = np.array([[photographs[text], generated[text]] for text, _ in policies])
    return _rows(parts, splits, policies, draw_weights)


class _Progress:
    """Tells a run how many images are done."""

    def __init__(self, run: Run, total: int) -> None:
        self.run, self.total, self.done, self.computed = run, total, 0, 0
        self.began = time.monotonic()

    def advance(self, images: int, *, computed: bool = False) -> None:
        """Count images; only computed ones tell the speed."""
        self.done += images
        self.computed += images * computed
        rate = max(self.computed, 1) / max(time.monotonic() - self.began, 1e-9)
        left = (self.total - self.done) / rate
        self.run.report(Progress(1, 1, self.done, self.total, rate, left, stage="statistics"))


def _pass(crops: PerturbedCrops, run: Run, progress: _Progress, *, frozen: bool) -> dict[str, Tensor]:
    values, rows = [torch.empty(0, columns(frozen))], [torch.empty(0, dtype=torch.int64)]
    with Interruption(run.stop) as interruption, torch.inference_mode():
        for batch in loader(crops, batch_size=IMAGES_AT_ONCE, workers=run.workers):
            counts = torch.tensor([len(each) for each in batch.images])
            pixels = torch.cat(list(batch.images))
            values.append(describe(pixels.to(precise_device(run.device)), frozen=frozen).cpu())
            rows.append(batch.rows.repeat_interleave(counts))
            progress.advance(len(batch.rows), computed=True)
            if interruption.asked:
                raise KeyboardInterrupt
    return {"statistics": torch.cat(values), "rows": torch.cat(rows)}


def _rows(
    parts: list[dict[str, Tensor]],
    splits: Sequence[LabelledImages],
    policies: Sequence[tuple[str, AnyPolicy | None]],
    draw_weights: np.ndarray,
) -> Rows:
    """Return the rows of all parts, which are those of each of the `policies` in turn, a part for each split.

    `draw_weights` (policies, 2) are those of crops of photographs and of generated images.
    """
    found: list[dict[str, np.ndarray]] = []
    starts = np.cumsum([0, *map(len, splits)])
    for number, part in enumerate(parts):
        draw, place = divmod(number, len(splits))
        images, rows = splits[place], part["rows"].numpy()
        labels = images.labels[rows]
        named = np.asarray(images.groups, dtype=np.str_)[rows]
        # An image of no known group is a group of its own.
        alone = np.char.add(f"{place}/", rows.astype(np.str_))
        _, places, counts = np.unique(rows, return_inverse=True, return_counts=True)
        found.append(
            {
                "labels": labels,
                "groups": np.where(named == "", alone, named),
                "images": starts[place] + rows,
                "weights": draw_weights[draw, np.minimum(labels, 1)] / counts[places],
                "draws": np.full(len(rows), draw),
                "compressed": _compressed(policies[draw][1], labels),
            }
        )
    joined = {name: np.concatenate([each[name] for each in found]) for name in found[0]}
    return Rows(torch.cat([part["statistics"] for part in parts]), **joined)


def _compressed(policy: AnyPolicy | None, labels: np.ndarray) -> np.ndarray:
    """Return whether crops of labels (N,) show JPEG after a policy: 1, 0, or -1 where that is not known.

    As they are, generated images count as not compressed, which most are, and of photographs it is not known.
    """
    if policy is None:
        return np.where(labels > 0, 0, -1)
    if not isinstance(policy, Chain | DrawnChain):
        return np.full(len(labels), -1)
    steps = [step[0] for step in policy.steps]
    known = 1 if steps[-1] == "jpeg" else -1 if {"jpeg", "webp"} & set(steps) else 0
    return np.full(len(labels), known)
