"""A method with its weights and all that a verdict needs."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ganprint.attributor import Attributor
from ganprint.calibration.answer import Answer, answer_images
from ganprint.calibration.open_set import Known
from ganprint.errors import WeightsError
from ganprint.forensics.conclusion import make_verdict
from ganprint.forensics.gallery import Gallery, list_galleries
from ganprint.forensics.verdict import Verdict
from ganprint.images import ImageFile
from ganprint.weights import Card, load_attributor, load_reference

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class WeightsPredictor:
    """A method with weights, where they place known images (None where they do not say), and enrolled sources."""

    attributor: Attributor
    card: Card
    known: Known | None = None
    galleries: Sequence[Gallery] = ()

    def answer(self, images: "Sequence[Tensor]") -> list[Answer]:
        """Answer for images given as their crops, uint8 (k, 3, S, S) each."""
        answers = answer_images(self.attributor, images)
        if self.known is not None and any(
            len(answer.embedding) != self.known.embeddings.shape[1] for answer in answers
        ):
            raise WeightsError(
                f"{self.card.name} does not match its in-distribution reference.",
                "ganprint calibrate --record makes the reference again.",
            )
        return answers

    def decide(self, image: ImageFile, answer: Answer, places: Sequence[tuple[int, int]] = ()) -> Verdict:
        """Turn an answer into the verdict on an image whose crops lie at these rows and columns."""
        return make_verdict(image, answer, self.card, known=self.known, galleries=self.galleries, places=places)


def load_predictor(name_or_path: str | Path, *, device: str = "cpu", enrolled: bool = True) -> WeightsPredictor:
    """Load weights with all that a verdict needs; with `enrolled`, also the sources that were enrolled for them.

    Raises WeightsError and PluginError as load_attributor does, and if a file that a verdict needs is damaged.
    """
    attributor, card = load_attributor(name_or_path, device=device)
    if card.judgement is None:
        return WeightsPredictor(attributor, card)
    known = known_from(load_reference(name_or_path, card))
    return WeightsPredictor(attributor, card, known, list_galleries(card) if enrolled else ())


def known_from(arrays: dict[str, np.ndarray]) -> Known:
    """Return where weights place known images, from the arrays of their reference file; WeightsError for others."""
    shapes = {name: array.shape for name, array in arrays.items()}
    images, size = (*shapes.get("embeddings", ()), 0, 0)[:2]
    needed = {"embeddings": (images, size), "labels": (images,), "images": (images,), "largest_logit": ()}
    if not images or not needed.items() <= shapes.items():
        raise WeightsError(
            "The reference of the weights is not embeddings with their labels and images.",
            "ganprint calibrate --record makes it again.",
        )
    return Known(
        embeddings=arrays["embeddings"].astype(np.float32),
        labels=arrays["labels"],
        images=arrays["images"],
        largest_logit=float(arrays["largest_logit"]),
    )


def known_arrays(known: Known) -> dict[str, np.ndarray]:
    """Return the arrays of a reference file, embeddings halved, unless that would be too small for them."""
    halved = known.embeddings.astype(np.float16)
    return {
        "embeddings": halved if np.isfinite(halved).all() else known.embeddings.astype(np.float32),
        "labels": known.labels.astype(np.int32),
        "images": known.images.astype(np.int32),
        "largest_logit": np.asarray(known.largest_logit),
    }
