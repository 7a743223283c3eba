"""Answers of a method for whole images: the mean over their crops, and its spread."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from ganprint.attributor import Attributor
from ganprint.errors import WeightsError
from ganprint.images.content import Emptiness

if TYPE_CHECKING:
    from torch import Tensor

    from ganprint.images.views import Crops


@dataclass(frozen=True)
class Answer:
    """What a method says of one image, over K sources and k views.

    `each` (k, K) is the softmax of the attribution logits of each crop, `energy` the mean over crops of the logarithm
    of the sum of the logits' exponentials, `largest_logit` that of the largest logit, `embedding` (D,) the mean of the
    embeddings, or of the attribution logits where a method has none. `reasons` (k, R) are what R named kinds of
    evidence add to each crop's log-odds of synthetic, none where a method cannot tell. What follows is of the crops, as
    `about` notes it: `nothing` says why an image has none that shows anything, the middle of it standing in;
    `reflected` that it is smaller than a crop; `grey` that they have no colour. `detail` is the mean of their
    `fine_detail`, decibels.
    """

    each: np.ndarray
    energy: float
    largest_logit: float
    embedding: np.ndarray
    reason_names: tuple[str, ...] = ()
    reasons: np.ndarray | None = None
    nothing: Emptiness | None = None
    reflected: bool = False
    grey: bool = False
    detail: float = 0.0

    @property
    def probabilities(self) -> np.ndarray:
        """The mean over crops, (K,)."""
        return self.each.mean(0)  # type: ignore[no-any-return]

    @property
    def spread(self) -> np.ndarray:
        """The standard deviation over crops, (K,)."""
        return self.each.std(0)  # type: ignore[no-any-return]

    def about(self, crops: "Crops") -> "Answer":
        """Return the answer with what the crops that it is for say of the image."""
        from ganprint.images.spectrum import fine_detail

        pixels = crops.pixels
        return replace(
            self,
            nothing=crops.nothing,
            reflected=crops.reflected,
            grey=bool((pixels == pixels[:, :1]).all()),
            detail=float(fine_detail(pixels).mean()),
        )


VIEWS_AT_ONCE = 16
"""Features of more crops leave a CPU's cache: the compact network at 128 px takes 2.6 ms a crop so, 4.0 of 64."""


def answer_images(
    attributor: Attributor, images: "Sequence[Tensor]", *, batch_size: int = VIEWS_AT_ONCE
) -> list[Answer]:
    """Answer for images given as their crops, uint8 (k, 3, S, S) each, `batch_size` crops at a time."""
    if not images:
        return []
    import torch

    logits, embeddings, reasons = [], [], []
    names: tuple[str, ...] = ()
    for some in torch.split(torch.cat(list(images)), batch_size):
        found = attributor.predict(some)
        attributor.check_answer(found, len(some))
        placed = found.attribution if found.embedding is None else found.embedding
        if not (found.attribution.isfinite().all() and placed.isfinite().all()):
            raise WeightsError(
                f"The weights of {attributor.spec.title} answer with numbers that are not finite.",
                "They are damaged; restore them from their origin, or name others.",
            )
        logits.append(found.attribution.float().cpu())
        embeddings.append(placed.float().cpu())
        if found.reasons is not None:
            names = found.reasons.names
            reasons.append(found.reasons.values.float().cpu())
    counts = [len(image) for image in images]
    return [
        Answer(
            each=each.softmax(1).numpy().astype(np.float64),
            energy=float(each.logsumexp(1).mean()),
            largest_logit=float(each.amax(1).mean()),
            embedding=embedding.mean(0).numpy(),
            reason_names=names,
            reasons=told.numpy() if told is not None else None,
        )
        for each, embedding, told in zip(
            torch.split(torch.cat(logits), counts),
            torch.split(torch.cat(embeddings), counts),
            torch.split(torch.cat(reasons), counts) if reasons else [None] * len(counts),
            strict=True,
        )
    ]
