"""Attacks on images through a method's own gradients, preprocessing included."""

import math
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from ganprint.attributor import Attributor
from ganprint.images.views import differentiable_views
from ganprint.perturbation import Attack
from ganprint.perturbation.attacks import Target

PIXELS_AT_ONCE = 8 * 256**2
"""Of so many, at least one image, a deep network's features and their gradients fit into a gigabyte or two."""


def attack_images(
    victim: Attributor, images: Sequence[Tensor], labels: Sequence[int], attack: Attack, seeds: Sequence[int]
) -> list[Tensor]:
    """Return images uint8 (3, H, W) changed so that the victim's answer for them becomes wrong, on their device.

    `labels` are indices of the victim's sources, -1 for an image of another generator, whose detection is attacked
    whatever the target. What an image becomes depends on its seed, not on the others.
    """
    sizes: dict[torch.Size, list[int]] = {}
    for place, image in enumerate(images):
        sizes.setdefault(image.shape, []).append(place)
    attacked = list(images)
    for (_, height, width), alike in sizes.items():
        at_once = min(8, max(1, PIXELS_AT_ONCE // (height * width)))
        for start in range(0, len(alike), at_once):
            places = alike[start : start + at_once]
            batch = torch.stack([images[place] for place in places]).to(victim.device)
            loss = answer_loss(victim, [labels[place] for place in places], attack.target)
            moved = attack.apply(batch, loss, [seeds[place] for place in places])
            for place, image in zip(places, moved.to(images[0].device), strict=True):
                attacked[place] = image
    return attacked


def answer_loss(victim: Attributor, labels: Sequence[int], target: Target) -> Callable[[Tensor], Tensor]:
    """Return how wrong the victim's answer for float images (B, 3, H, W) in 0..255 is: a function to (B,).

    It is minus the logarithm of the probability that the answer, the mean over crops, gives to the right source,
    or, for detection, to real or synthetic, whichever is right.
    """
    view = victim.config.view
    truth = torch.tensor(labels, device=victim.device)
    by_source = (truth >= 0) & (target == "attribution")

    def loss(images: Tensor) -> Tensor:
        crops = differentiable_views(images, view)
        views = victim.differentiate(torch.cat(crops)).attribution.float().log_softmax(1)
        by_image = torch.split(views, [len(each) for each in crops])
        answer = torch.stack([each.logsumexp(0) - math.log(len(each)) for each in by_image])
        right_source = answer.gather(1, truth.clamp(min=0)[:, None])[:, 0]
        right_side = torch.where(truth == 0, answer[:, 0], answer[:, 1:].logsumexp(1))
        return -torch.where(by_source, right_source, right_side)

    return loss


def attack_seeds(seed: int, rows: Sequence[int]) -> list[int]:
    """Return the seed of each row's random start."""
    return [int(np.random.default_rng((seed, row)).integers(2**53)) for row in rows]
