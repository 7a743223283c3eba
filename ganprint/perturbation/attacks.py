"""Adversarial attacks: changes of at most a few levels of 255 that are chosen to mislead a method."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

from ganprint.errors import PerturbationError

if TYPE_CHECKING:
    from torch import Tensor

PREFIX = "attack:"
STEPS = 10
"""Of PGD, where no other number is given."""
EPSILONS = (2, 4, 8, 16, 24, 32)
"""Largest changes, in levels of 255, that are measured where none is named."""
REACH = 2.5
"""All steps together are this times the largest change (Madry et al., ICLR 2018, supplementary code)."""

Kind = Literal["fgsm", "pgd"]
Target = Literal["attribution", "detection"]


@dataclass(frozen=True)
class Attack:
    """An L-infinity attack: no pixel's channel changes by more than `epsilon` of 255.

    `fgsm` is one step along the sign of the loss's gradient (Goodfellow et al., ICLR 2015); `pgd` takes `steps` smaller
    ones from a random start, each brought back within `epsilon` (Madry et al., ICLR 2018). `target` says which
    answer is to become wrong. PerturbationError says which value is not valid.
    """

    kind: Kind
    epsilon: int
    target: Target = "attribution"
    steps: int = STEPS

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind):
            raise PerturbationError(f"There is no attack {self.kind!r}.", f"Attacks: {', '.join(get_args(Kind))}.")
        if self.target not in get_args(Target):
            raise PerturbationError(
                f"An attack cannot aim at {self.target!r}.", f"Targets: {', '.join(get_args(Target))}."
            )
        if not 1 <= self.epsilon <= 255:
            raise PerturbationError(
                f"{self.epsilon} is not a valid largest change.", "It is in levels of 255, as in attack:pgd=8."
            )
        if self.steps < 1:
            raise PerturbationError(f"{self.steps} steps are too few.", "PGD takes one step or more.")
        if self.kind == "fgsm" and self.steps != STEPS:
            raise PerturbationError("FGSM is a single step.", "Leave steps out, or attack with pgd.")

    def __str__(self) -> str:
        parts = [f"{PREFIX}{self.kind}={self.epsilon}"]
        if self.target != "attribution":
            parts.append(f"target={self.target}")
        if self.steps != STEPS:
            parts.append(f"steps={self.steps}")
        return "+".join(parts)

    def apply(self, images: "Tensor", loss: "Callable[[Tensor], Tensor]", seeds: Sequence[int]) -> "Tensor":
        """Return images uint8 (B, 3, H, W) changed so that their loss grows, uint8.

        `loss` maps float images in 0..255 to a value for each (B,), of that image alone. Each image's random start
        depends on its seed only.
        """
        from ganprint.perturbation.stream import Stream, uniform_fields

        clean = images.float()
        low, high = (clean - self.epsilon).clamp_(min=0), (clean + self.epsilon).clamp_(max=255)
        if self.kind == "fgsm":
            moved = clean + self.epsilon * _direction(clean, loss)
            return _levels(moved, low, high)
        streams = [Stream(seed, images.device) for seed in seeds]
        start = uniform_fields(streams, *images.shape[1:]).mul_(2).sub_(1)
        moved = (clean + self.epsilon * start).clamp_(0, 255)
        length = REACH * self.epsilon / self.steps
        for _ in range(self.steps):
            moved = (moved + length * _direction(moved, loss)).clamp_(low, high)
        return _levels(moved, low, high)


def _direction(images: "Tensor", loss: "Callable[[Tensor], Tensor]") -> "Tensor":
    """Return the sign of the gradient of each image's loss."""
    import torch

    with torch.enable_grad():
        leaf = images.detach().requires_grad_()
        (gradient,) = torch.autograd.grad(loss(leaf).sum(), leaf)
    # A gradient that is not finite, as of a logarithm at 0, points nowhere.
    return gradient.nan_to_num_(0.0, 0.0, 0.0).sign_()


def _levels(moved: "Tensor", low: "Tensor", high: "Tensor") -> "Tensor":
    """Round to whole levels, which are as near as the bounds are whole: the image is one that a file can hold."""
    return moved.clamp(low, high).round_().byte()


def parse_attack(text: str) -> Attack:
    """Return the attack that `text` names, as in `attack:pgd=8+target=detection+steps=20`."""
    first, *rest = text.removeprefix(PREFIX).split("+")
    kind, _, epsilon = first.partition("=")
    values = dict(part.partition("=")[::2] for part in rest)
    try:
        if values.keys() - {"target", "steps"} or len(values) < len(rest):
            raise ValueError
        return Attack(
            kind,  # type: ignore[arg-type]
            int(epsilon),
            values.get("target", "attribution"),  # type: ignore[arg-type]
            int(values.get("steps", STEPS)),
        )
    except ValueError:
        raise PerturbationError(
            f"{text!r} is not an attack.", "Write attack:pgd=8, and after a + target=detection or steps=20."
        ) from None
