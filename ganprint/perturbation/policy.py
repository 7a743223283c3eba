"""Policies: the perturbation of an image as a pure function of a seed and its index."""

from dataclasses import dataclass
from hashlib import blake2b

import numpy as np

from ganprint.errors import PerturbationError, did_you_mean
from ganprint.perturbation.kinds import (
    IMMUNISING,
    KINDS,
    SEEN,
    SEVERITIES,
    UNSEEN,
    UNTOUCHED,
    Perturbation,
    check_kind,
    check_severity,
)

TRAIN_PROBABILITY = 0.95
"""The share of training images that RepMix perturbs (Bui et al. 2022, section 4.1)."""

SETS: dict[str, tuple[tuple[str, ...], float]] = {
    "train": (SEEN, TRAIN_PROBABILITY),
    "test-seen": (SEEN, 1.0),
    "test-unseen": (UNSEEN, 1.0),
    "immunise": (IMMUNISING, 1.0),
    "none": ((), 0.0),
}
"""Named policies: the kinds drawn from, and the probability that an image is perturbed."""


@dataclass(frozen=True)
class Policy:
    """A distribution of perturbations: with `probability`, one of `kinds` at one of `severities`, all alike.

    PerturbationError says which value is not valid.
    """

    name: str
    probability: float
    kinds: tuple[str, ...]
    severities: tuple[int, ...] = SEVERITIES

    def __post_init__(self) -> None:
        for kind in self.kinds:
            check_kind(kind)
        for severity in self.severities:
            check_severity(severity)
        if not 0 <= self.probability <= 1:
            raise PerturbationError(
                f"{self.probability} is not a probability.", "A policy's probability lies in 0..1, as in train:0.6."
            )
        if self.probability > 0 and not (self.kinds and self.severities):
            raise PerturbationError(f"The policy {self.name!r} has nothing to draw from.")

    def __str__(self) -> str:
        return self.name

    def draw(self, seed: int, index: int) -> Perturbation:
        """Return what happens to image `index` under `seed`: the same in every process, order and version."""
        text = f"{self.probability!r}|{','.join(self.kinds)}|{self.severities}|{seed}|{index}"
        key = int.from_bytes(blake2b(text.encode(), digest_size=16).digest(), "little")
        generator = np.random.Generator(np.random.Philox(key=key))
        if generator.random() >= self.probability:
            return UNTOUCHED
        kind = self.kinds[int(generator.integers(len(self.kinds)))]
        severity = self.severities[int(generator.integers(len(self.severities)))]
        # Readers of JSON that know only doubles keep whole numbers below 2^53.
        return Perturbation(kind, severity, int(generator.integers(2**53)))


def parse_policy(text: str) -> Policy:
    """Return the policy that `text` names.

    `train`, `test-seen`, `test-unseen`, `immunise`, `none`; `train:0.6` is the same with another probability;
    `jpeg_compression` draws the severity and `jpeg_compression:3` fixes it. PerturbationError lists
    the valid names.
    """
    name, colon, value = text.partition(":")
    if name in SETS:
        kinds, probability = SETS[name]
        try:
            return Policy(text, float(value) if colon else probability, kinds)
        except ValueError:
            raise PerturbationError(
                f"The policy {text!r} does not end in a probability.", "Write it as in train:0.6."
            ) from None
    if name in KINDS:
        if colon and value not in map(str, SEVERITIES):
            raise PerturbationError(
                f"There is no severity {value!r}, as the policy {text!r} has.",
                "Severities: 1, 2, 3, 4, 5, as in jpeg_compression:3.",
            )
        return Policy(text, 1.0, (name,), (int(value),) if colon else SEVERITIES)
    raise PerturbationError(
        f"There is no policy {text!r}.",
        f"{did_you_mean(name, [*SETS, *KINDS])}Policies: {', '.join(SETS)}, or a corruption: {', '.join(KINDS)}.",
    )
