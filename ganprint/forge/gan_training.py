"""The one training loop of all generators: steps that a seed determines, checkpoints, averaged weights."""

import hashlib
import time
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.optim.swa_utils import AveragedModel

from ganprint.errors import TrainingError
from ganprint.forge.augment import augment
from ganprint.forge.family import BEGINNING, LATENT, Family, Generator
from ganprint.training.checkpoint import Place, load_checkpoint, read_place, save_checkpoint

AVERAGED = 0.995
"""Decay of the averaged generator, which is the one that is kept; less in the first steps, of which it forgets most."""
OUTLINES, COARSE = 100.0, 16
"""Weight of how far an image, averaged to COARSE by COARSE, is from what its latents' components make.

It keeps the outlines of the beginning, and one image to each latent; what is finer than that is the critic's.
"""
RECORDED = 10
"""Steps between entries of the history."""


class DivergedError(TrainingError):
    """A training whose weights are no longer finite."""


def named_seed(name: str, seed: int) -> int:
    """Return a seed of 64 bits for something that has a name, so that two names share no random numbers."""
    return int.from_bytes(hashlib.blake2b(f"{seed}|{name}".encode(), digest_size=8).digest(), "little")


class GeneratorTraining:
    """A generator and its critic in training on photographs uint8 (N, 3, R, R).

    Fresh weights, and the photographs, latents and augmentations of a step, depend on the generator's name, the
    seed and the step's number only: an interrupted training resumes to the same weights, and two
    generators share nothing.
    """

    def __init__(
        self, family: Family, photos: Tensor, *, name: str, seed: int, device: str = "cpu", precision: str = "fp32"
    ) -> None:
        self.precision = precision
        self.family, self.batch_size = family, family.batch
        self.device = torch.device(device)
        self.photos = photos.to(self.device)
        self._key = named_seed(name, seed)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self._key % 2**63)
            self.generator = family.generator().to(self.device)
            self.critic = family.critic().to(self.device)
        for network in (self.generator, self.critic):
            network.to(memory_format=torch.channels_last)
        self.averaged = AveragedModel(self.generator, avg_fn=_average, use_buffers=True)
        # One optimiser keeps both states; the network whose turn it is not has no gradients, and stays.
        self.optimizer = torch.optim.Adam(
            [
                {"params": list(self.generator.parameters()), "lr": family.generator_rate},
                {"params": list(self.critic.parameters()), "lr": family.critic_rate},
            ],
            betas=family.betas,
        )
        self.place = Place(fingerprint=self._fingerprint(photos))

    @property
    def trained(self) -> Generator:
        """The averaged generator, in evaluation."""
        # The average of the sides grown to means nothing; this is the last one.
        self.family.grow([self.averaged.module], max(0, self.place.step - 1))
        return cast(Generator, self.averaged.module).eval()

    def advance(
        self, steps: int, *, report: Callable[[int], None] = lambda step: None, stop: Callable[[], bool] = lambda: False
    ) -> bool:
        """Train until `steps` are done in all, or `stop` says so; return whether they are."""
        while self.place.step < steps:
            if stop():
                return False
            began = time.monotonic()
            self._step()
            self.place.seconds += time.monotonic() - began
            report(self.place.step)
        return True

    def save(self, path: Path) -> None:
        """Write a checkpoint; raise DivergedError, and leave the last one, where weights are no longer finite."""
        every = [*self.generator.parameters(), *self.critic.parameters()]
        if not all(bool(torch.isfinite(each).all()) for each in every):
            raise DivergedError(
                f"The training of {self.family.title} diverged before step {self.place.step}.",
                "Train with another --seed, or --precision fp32; the others of the grid are not affected.",
            )
        save_checkpoint(path, self.place, self._modules, self.optimizer)

    def check(self, path: Path) -> None:
        """Raise TrainingError where a checkpoint is of another training, or its header damaged."""
        if read_place(path).fingerprint != self.place.fingerprint:
            raise TrainingError(
                f"The checkpoint {path} is of other photographs, another architecture, side, seed, batch or precision.",
                "Name another folder with --out, or remove that one.",
            )

    def load(self, path: Path) -> None:
        """Go on from a checkpoint; raise TrainingError where it is of another training or damaged."""
        self.check(path)
        self.place = load_checkpoint(path, self._modules, self.optimizer)

    def _outlines(self, latents: Tensor, step: int) -> Tensor:
        """Return what the photographs' principal components make of latents, at the side of a step."""
        mean, components = self._principal
        drawn = (mean + latents @ components).view(-1, *self.photos.shape[1:])
        return self.family.seen(drawn.clamp(-1, 1), step)

    @cached_property
    def _principal(self) -> tuple[Tensor, Tensor]:
        """The mean (D,) of the photographs and their mirror images, and LATENT components (LATENT, D) of them.

        Components have the length of their deviation, and their largest entry is positive; normal latents times them
        vary as the photographs do.
        """
        rows = torch.cat([self.photos, self.photos.flip(3)]).double().div(127.5).sub(1).flatten(1)
        mean = rows.mean(0)
        rows = (rows - mean) / len(rows) ** 0.5
        # The eigenvectors of the smaller matrix, of products between photographs.
        powers, mixtures = torch.linalg.eigh(rows @ rows.T)
        found = (mixtures.T.flip(0) @ rows)[:LATENT] * (powers.flip(0)[:LATENT, None] > 1e-9)
        largest = found.gather(1, found.abs().argmax(1, keepdim=True))
        components = found.new_zeros(LATENT, rows.shape[1])
        components[: len(found)] = torch.where(largest < 0, -found, found)
        return mean.float(), components.float()

    @property
    def _modules(self) -> dict[str, nn.Module]:
        return {"generator": self.generator, "critic": self.critic, "averaged": self.averaged}

    def _step(self) -> None:
        family, number = self.family, self.place.step
        random = np.random.default_rng((self._key, number))
        torch.manual_seed(int(random.integers(2**62)))
        family.grow([self.generator, self.critic], number)
        self.generator.train()
        losses = self._begin(number) if family.begins(number) else self._compete(random, number)
        self.averaged.update_parameters(self.generator)
        self.place.step += 1
        if number % RECORDED == 0:
            self.place.history.append({"step": number + 1, **{name: float(loss) for name, loss in losses.items()}})

    def _begin(self, number: int) -> dict[str, Tensor]:
        """Take a step of regression, of the generator alone."""
        latents = self._latents()
        with self._autocast():
            made = self.generator(latents).float()
        loss = functional.mse_loss(made, self._outlines(latents, number))
        self._descend(loss)
        return {"generator": loss.detach()}

    def _compete(self, random: np.random.Generator, number: int) -> dict[str, Tensor]:
        """Take a step of the critic, and one of the generator."""
        family = self.family
        self.critic.requires_grad_(True)
        real = self._photographs(random, number)
        with self._autocast():
            with torch.no_grad():
                fake = self.generator(self._latents())
            critic_loss = family.critic_loss(self._judge, real, fake.float(), number)
        self._descend(critic_loss)
        self.critic.requires_grad_(False)
        real = self._photographs(random, number)
        with self._autocast():
            latents = self._latents()
            fake = self.generator(latents).float()
            generator_loss = family.generator_loss(self._judge, real, fake)
        side = min(COARSE, fake.shape[-1])
        coarse = functional.adaptive_avg_pool2d(fake, side)
        wanted = functional.adaptive_avg_pool2d(self._outlines(latents, number), side)
        outline_loss = OUTLINES * functional.mse_loss(coarse, wanted)
        penalty = family.regularise(self.generator, self._latents()[: self.batch_size // 2], number)
        total = generator_loss + outline_loss
        self._descend(total if penalty is None else total + penalty)
        return {"critic": critic_loss.detach(), "generator": generator_loss.detach()}

    def _descend(self, loss: Tensor) -> None:
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()

    def _autocast(self) -> torch.autocast:
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.precision == "bf16")

    def _judge(self, images: Tensor) -> Tensor:
        judged: Tensor = self.critic(augment(images))
        return judged

    def _latents(self) -> Tensor:
        return torch.randn(self.batch_size, LATENT, device=self.device)

    def _photographs(self, random: np.random.Generator, step: int) -> Tensor:
        rows = torch.from_numpy(random.integers(len(self.photos), size=self.batch_size))
        mirrored = torch.from_numpy(random.random(self.batch_size) < 0.5).to(self.device)
        real = self.photos[rows.to(self.device)].float() / 127.5 - 1
        real = torch.where(mirrored[:, None, None, None], real.flip(3), real)
        return self.family.seen(real, step)

    def _fingerprint(self, photos: Tensor) -> str:
        digest = hashlib.sha256(photos.numpy().tobytes())
        family = self.family
        how = (family.name, family.resolution, self._key, self.batch_size, self.precision)
        recipe = (family.generator_rate, family.critic_rate, family.betas, BEGINNING, OUTLINES, COARSE)
        digest.update(repr((*how, *recipe)).encode())
        return digest.hexdigest()


def _average(averaged: Tensor, current: Tensor, steps: Tensor | int) -> Tensor:
    """Return the average after another step; counts, as batch normalisation keeps, are the current ones."""
    if not averaged.is_floating_point():
        return current
    decay = min(AVERAGED, (1 + int(steps)) / (10 + int(steps)))
    return torch.lerp(current, averaged, decay)
