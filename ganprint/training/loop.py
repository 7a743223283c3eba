"""The one training loop: any device, precision and number of processes; checkpoints and early stop."""

import hashlib
import json
import math
import time
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from ganprint import processes
from ganprint.attributor import Attributor, LabelledImages, Progress, Run
from ganprint.data.loading import Batch
from ganprint.errors import TrainingError
from ganprint.files import atomic_write
from ganprint.models.config import NeuralConfig
from ganprint.models.neural import Losses, NeuralAttributor, Step
from ganprint.training.batches import VALIDATION_SEED, Batches, BatchSettings
from ganprint.training.checkpoint import Place, load_checkpoint, read_place, save_checkpoint
from ganprint.training.interruption import Interruption
from ganprint.training.trials import ONLY, judge, only_answer

LAST, BEST, HISTORY = "checkpoints/last.safetensors", "checkpoints/best.safetensors", "history.jsonl"


def fit_attributor(attributor: Attributor, train: LabelledImages, val: LabelledImages, run: Run) -> Mapping[str, Any]:
    """Train any attributor: a neural one by the loop, another by its own `fit`; return what its card should hold."""
    if isinstance(attributor, NeuralAttributor):
        return train_network(attributor, train, val, run)
    return attributor.fit(train, val, run)


def train_network(attributor: NeuralAttributor, train: Any, val: Any, run: Run) -> Mapping[str, Any]:
    """Train an attributor's network in place and leave it with its best weights.

    `train` and `val` are manifests' images. Returns epochs, best epoch, seconds and the history of losses.
    Raises TrainingError where a loss is not finite, or a checkpoint does not fit. KeyboardInterrupt leaves a
    checkpoint from which `run.resume` resumes to the same numbers.
    """
    attributor.measure(train, run)
    return _Trainer(attributor, train, val, run).run()


class _Trainee(nn.Module):
    """What several processes wrap: the network, with the loss as its forward pass."""

    def __init__(self, attributor: NeuralAttributor) -> None:
        super().__init__()
        self.network = attributor.network
        self._loss = attributor.loss

    def forward(self, images: Tensor, labels: Tensor, step: Step | None) -> Losses:
        return self._loss(images, labels, step)


class _Trainer:
    def __init__(self, attributor: NeuralAttributor, train: Any, val: Any, run: Run) -> None:
        self.config: NeuralConfig = attributor.config
        self.attributor, self.run_settings = attributor, run
        self.rank, self.processes = processes.place()
        self.device = torch.device(processes.join(run.device))
        attributor.to(str(self.device))
        attributor.network.to(memory_format=torch.channels_last)
        self.ema: AveragedModel | None = None
        if self.config.ema:
            average = get_ema_multi_avg_fn(self.config.ema)  # type: ignore[no-untyped-call]
            self.ema = AveragedModel(attributor.network, multi_avg_fn=average, use_buffers=True)
        make = torch.optim.AdamW if self.config.optimizer == "adamw" else torch.optim.Adam
        self.optimizer = make(
            attributor.network.parameters(),
            lr=self.config.learning_rate,
            betas=self.config.betas,
            eps=self.config.epsilon,
            weight_decay=self.config.weight_decay,
        )
        self.trainee: nn.Module = _Trainee(attributor)
        if self.processes > 1:
            self.trainee = DistributedDataParallel(self.trainee)
        self.train, self.val = self._batches(train, val)
        self.place = Place(fingerprint=self._fingerprint(train, val))
        self.last_save = time.monotonic()
        self.steps_per_second = 0.0
        self.only: int | None = None

    def _batches(self, train: Any, val: Any) -> tuple[Batches, Batches]:
        config = self.config
        if config.batch_size % self.processes:
            raise TrainingError(
                f"A batch of {config.batch_size} samples does not divide over {self.processes} processes.",
                f"Set batch_size to a multiple of {self.processes}.",
            )
        hold = self.attributor.changes_raw
        given = BatchSettings(config, self.run_settings, self.device, config.images_per_sample, hold)
        return given.training(train, share=(self.rank, self.processes)), given.validation(val)

    def _fingerprint(self, train: Any, val: Any) -> str:
        """A hash of all that a resumed training must share with the one that it resumes."""
        parts = [self.config.model_dump_json(), self.attributor.sources, train.sha256, val.sha256]
        how = [self.run_settings.seed, self.run_settings.precision]
        return hashlib.sha256(json.dumps([*parts, *how]).encode()).hexdigest()

    def _autocast(self) -> torch.autocast:
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.run_settings.precision == "bf16")

    @property
    def _modules(self) -> dict[str, nn.Module]:
        return {"network": self.attributor.network} | ({"ema": self.ema} if self.ema else {})

    def run(self) -> Mapping[str, Any]:
        if self.run_settings.resume:
            self._resume()
        elif self.rank == 0:
            for name in (LAST, BEST, HISTORY):
                (self.run_settings.folder / name).unlink(missing_ok=True)
        with Interruption(self.run_settings.stop) as interruption:
            while self.place.epoch < self.config.epochs and not self._out_of_patience():
                self._train_epoch(interruption)
                epoch, every = self.place.epoch + 1, self.config.validate_every
                due = epoch % every == 0 or epoch == self.config.epochs
                self._close_epoch(self._validate(interruption) if due else None)
        if self.config.keep == "best":
            load_checkpoint(self.run_settings.folder / BEST, {"network": self.attributor.network}, None)
        elif self.ema is not None:
            self.attributor.network.load_state_dict(self.ema.module.state_dict())
        self.attributor.network.eval()
        history, only = self.place.history, self.place.only
        return {
            "epochs": self.place.epoch,
            "best_epoch": self.place.best_epoch if self.config.keep == "best" else None,
            "seconds": self.place.seconds,
            "losses": {key: [round(row[key], 6) for row in history if key in row] for key in ("train_loss", "loss")},
            "details": {} if only is None else {ONLY: self.attributor.sources[only]},
        }

    def _resume(self) -> None:
        path = self.run_settings.folder / LAST
        if not path.is_file() and any(path.parent.glob("*.safetensors")):
            return  # Interrupted in a pass over the images that comes before the network's first step.
        if not path.is_file():
            raise TrainingError(
                f"There is no checkpoint in {self.run_settings.folder}.", "Leave out --resume to start again."
            )
        if read_place(path).fingerprint != self.place.fingerprint:
            raise TrainingError(
                f"The checkpoint in {self.run_settings.folder} is of another configuration, data, seed or precision.",
                "Resume with exactly those of the first start; the folder's config.yaml holds them.",
            )
        self.place = load_checkpoint(path, self._modules, self.optimizer)
        self._write_history()  # The process may have ended between the checkpoint and this.

    def _learning_rate(self, epoch: int, step: int, steps: int) -> float:
        done = epoch * steps + step
        rate = self.config.learning_rate * min(1.0, (done + 1) / max(1, self.config.warmup_steps))
        if self.config.schedule == "exponential":
            return rate * self.config.learning_rate_decay**epoch
        return rate * 0.5 * (1 + math.cos(math.pi * done / (steps * self.config.epochs)))

    def _train_epoch(self, interruption: Interruption) -> None:
        place, settings = self.place, self.run_settings
        steps = self.train.sampler.batches
        first, began = place.step, time.monotonic()
        before = place.seconds
        for batch, draws in self.train.epoch(place.epoch, start=first):
            self._train_step(batch, draws, steps)
            place.step += 1
            elapsed = time.monotonic() - began
            place.seconds = before + elapsed
            self.steps_per_second = (place.step - first) / elapsed
            self._report(place.step, steps)
            self._stop_if_asked(interruption)
            if time.monotonic() - self.last_save > settings.checkpoint_seconds:
                self.save()

    def _stop_if_asked(self, interruption: Interruption) -> None:
        """Leave a checkpoint and stop where an interruption was asked for, in all processes at the same step."""
        if processes.any_of(interruption.asked, self.device):
            self.save()
            raise KeyboardInterrupt

    def _train_step(self, batch: Batch, draws: list[Any], steps: int) -> None:
        place = self.place
        step = Step(self.run_settings.seed, place.epoch, place.step, self.rank, self.processes)
        # Dropout and the like draw from torch's own stream; set so, a resumed step draws the same.
        torch.manual_seed(int(step.random().integers(2**62)))
        images = self._scaled(self.train, batch, draws, step)
        for group in self.optimizer.param_groups:
            group["lr"] = self._learning_rate(place.epoch, place.step, steps)
        self.trainee.train()
        try:
            with self._autocast():
                losses = self.trainee(images, batch.labels, step)
        except ValueError as error:
            if "more than 1 value per channel" not in str(error):
                raise
            raise TrainingError(
                f"This network cannot normalise a batch of one image of {self.config.view.size} px.",
                "Raise batch_size or view.size.",
            ) from None
        value = float(losses.total.detach())
        if not math.isfinite(value):
            raise TrainingError(
                f"The loss became {value} in epoch {place.epoch + 1}, step {place.step + 1}.",
                "Lower learning_rate, or use --precision fp32.",
            )
        self.optimizer.zero_grad()
        losses.total.backward()
        self.optimizer.step()
        if self.ema is not None:
            self.ema.update_parameters(self.attributor.network)
        place.loss_sum += value * len(losses.labels)
        place.correct += float((losses.logits.detach().argmax(1) == losses.labels).sum())
        place.samples += len(losses.labels)

    def _scaled(self, batches: Batches, batch: Batch, draws: list[Any], step: Step | None) -> Tensor:
        """Return a batch's images as the network takes them: mixed, where that comes first, perturbed and scaled."""
        if self.attributor.changes_raw and step is not None:
            batch = batch._replace(images=self.attributor.mix_raw(batch.images, batch.labels, step))
            draws = draws[:: self.config.images_per_sample]
        images = self.attributor.scale(batches.perturbed(batch, draws))
        return images.contiguous(memory_format=torch.channels_last)

    def _validate(self, interruption: Interruption) -> dict[str, float]:
        """Evaluate the answering weights on the validation images; every process sees them all."""
        answering = self.ema.module if self.ema is not None else self.attributor.network
        trained, self.attributor.network = self.attributor.network, answering
        answering.eval()
        moves, epoch = self.config.validation == "as-training", self.place.epoch
        loss, predicted, labels = 0.0, [], []
        with torch.inference_mode():
            for number, (batch, draws) in enumerate(self.val.epoch(epoch if moves else 0)):
                step = Step(VALIDATION_SEED, epoch, number) if moves else None
                images = self._scaled(self.val, batch, draws, step)
                # Only the loss: a loader's workers, forked here, would inherit autocast.
                with self._autocast():
                    losses = self.attributor.loss(images, batch.labels, step)
                loss += float(losses.total) * len(losses.labels)
                predicted.append(losses.logits.argmax(1).cpu().numpy())
                labels.append(losses.labels.cpu().numpy())
                if interruption.asked and self.processes == 1:
                    break
        self.attributor.network = trained
        self._stop_if_asked(interruption)
        found, truth = np.concatenate(predicted), np.concatenate(labels)
        judged = {"loss": loss / len(truth), **judge(found, truth)}
        self.only = only_answer(found, truth)
        # Each process has its own batch statistics; were each to judge by its own, they might stop apart.
        return processes.of_first(judged)

    def _close_epoch(self, validation: dict[str, float] | None) -> None:
        place, folder = self.place, self.run_settings.folder
        row = {
            "epoch": place.epoch + 1,
            "train_loss": place.loss_sum / place.samples,
            "train_accuracy": place.correct / place.samples,
            "seconds": round(place.seconds, 1),
            **(validation or {}),
        }
        place.history.append(row)
        steps = place.step
        if validation is not None:
            self._keep_best(validation)
        self._report(steps, steps, validation)
        place.epoch, place.step = place.epoch + 1, 0
        place.loss_sum, place.correct, place.samples = 0.0, 0.0, 0
        self.save()
        self._write_history()
        if self.rank == 0:
            _write_tensorboard(folder, row)
        # Nobody goes on before the files are there.
        processes.gather([None])

    def _write_history(self) -> None:
        if self.rank == 0:
            lines = [json.dumps(each) + "\n" for each in self.place.history]
            atomic_write(self.run_settings.folder / HISTORY, "".join(lines).encode())

    def _keep_best(self, validation: dict[str, float]) -> None:
        place, balanced = self.place, self.config.monitor == "balanced_accuracy"
        score = validation["balanced_accuracy"] if balanced else -validation["loss"]
        # Nothing is greater than a score that is no number.
        better = place.best_score is None or math.isnan(place.best_score) or score > place.best_score
        if better or self.config.keep == "last":
            place.only = self.only
        if not better:
            return
        place.best_score, place.best_epoch = score, place.epoch + 1
        if self.rank == 0:
            answering = self.ema.module if self.ema is not None else self.attributor.network
            save_checkpoint(self.run_settings.folder / BEST, place, {"network": answering}, None)

    def _out_of_patience(self) -> bool:
        best, patience = self.place.best_epoch, self.config.patience * self.config.validate_every
        return best is not None and self.place.epoch - best >= patience

    def save(self) -> None:
        """Write the last checkpoint."""
        if self.rank == 0:
            save_checkpoint(self.run_settings.folder / LAST, self.place, self._modules, self.optimizer)
        self.last_save = time.monotonic()

    def _report(self, step: int, steps: int, validation: dict[str, float] | None = None) -> None:
        if self.rank:
            return
        place = self.place
        left = (self.config.epochs - place.epoch) * steps - step
        self.run_settings.report(
            Progress(
                epoch=place.epoch + 1,
                epochs=self.config.epochs,
                step=step,
                steps=steps,
                loss=place.loss_sum / max(1, place.samples),
                accuracy=place.correct / max(1, place.samples),
                images_per_second=self.steps_per_second * self.train.sampler.batch_size,
                seconds_left=left / self.steps_per_second if self.steps_per_second else 0.0,
                validation=validation,
            )
        )


def _write_tensorboard(folder: Any, row: dict[str, float]) -> None:
    """Add the epoch to TensorBoard's log where it is installed."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return
    with SummaryWriter(str(folder / "tensorboard")) as writer:
        for key, value in row.items():
            writer.add_scalar(key, value, int(row["epoch"]))
