"""Scores that compare images with the in-distribution reference; a larger score means more alike."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ganprint.calibration.answer import Answer

NEIGHBOURS = 5
"""The neighbour whose similarity is the score: fewer hang on single images, more hide small sources."""
AT_ONCE = 4096
"""Embeddings that are compared with all known ones at a time."""
SUBSPACE = 64
"""Directions of the embedding that ViM takes for the known, of those there are at most half."""


@dataclass(frozen=True)
class Known:
    """Where a method places images of the sources that it knows: the reference that others are compared with.

    `embeddings` (N, D), `labels` (N,) the source of each, `images` (N,) which image it is a version of, and
    `largest_logit` the mean over them of the largest logit.
    """

    embeddings: np.ndarray
    labels: np.ndarray
    images: np.ndarray
    largest_logit: float

    @cached_property
    def directions(self) -> np.ndarray:
        """The embeddings scaled to length 1, (N, D)."""
        return unit(self.embeddings)

    @cached_property
    def _precision(self) -> tuple[np.ndarray, np.ndarray]:
        """The sources' means (K', D), and the inverse of the covariance (D, D) that they share, shrunk."""
        from sklearn.covariance import LedoitWolf

        present, places = np.unique(self.labels, return_inverse=True)
        means = np.stack([self.embeddings[self.labels == label].mean(0) for label in present])
        covariance = LedoitWolf(assume_centered=True).fit(self.embeddings - means[places]).covariance_
        return means, np.linalg.pinv(covariance)

    @cached_property
    def _residual(self) -> tuple[np.ndarray, np.ndarray, float]:
        """The mean (D,), the directions (D, R) outside the principal subspace, and ViM's scale."""
        centre = self.embeddings.mean(0)
        _, axes = np.linalg.eigh(np.cov(self.embeddings.T))
        outside = axes[:, : -min(SUBSPACE, max(1, axes.shape[1] // 2))]
        lengths = np.linalg.norm((self.embeddings - centre) @ outside, axis=1)
        return centre, outside, self.largest_logit / max(float(lengths.mean()), 1e-9)

    def similarity(self, embeddings: np.ndarray, *, images: np.ndarray | None = None) -> np.ndarray:
        """Return for embeddings (M, D) the cosine with the NEIGHBOURS-th nearest known one, (M,).

        With `images` (M,) versions of the same image are not neighbours.
        """
        found = [np.empty(0, embeddings.dtype)]
        for start in range(0, len(embeddings), AT_ONCE):
            here = slice(start, start + AT_ONCE)
            cosines = unit(embeddings[here]) @ self.directions.T
            if images is not None:
                cosines[images[here, None] == self.images[None]] = -1
            found.append(nth_largest(cosines))
        return np.concatenate(found)

    def mahalanobis(self, embeddings: np.ndarray) -> np.ndarray:
        """Return minus the squared Mahalanobis distance (M,) of embeddings (M, D) from the nearest source's mean."""
        means, precision = self._precision
        distances = [np.einsum("md,de,me->m", embeddings - mean, precision, embeddings - mean) for mean in means]
        return -np.min(distances, axis=0)  # type: ignore[no-any-return]

    def residual(self, embeddings: np.ndarray) -> np.ndarray:
        """Return the scaled length (M,) of the part of embeddings (M, D) outside the principal subspace."""
        centre, outside, scale = self._residual
        return scale * np.linalg.norm((embeddings - centre) @ outside, axis=1)  # type: ignore[no-any-return]


def unit(vectors: np.ndarray) -> np.ndarray:
    """Return vectors (..., D) scaled to length 1."""
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12)  # type: ignore[no-any-return]


def nth_largest(cosines: np.ndarray) -> np.ndarray:
    """Return of each row of cosines (M, N) the NEIGHBOURS-th largest, the smallest where there are fewer."""
    place = min(NEIGHBOURS, cosines.shape[1])
    return np.partition(cosines, -place, axis=1)[:, -place]


def _embeddings(answers: Sequence[Answer]) -> np.ndarray:
    return np.stack([answer.embedding for answer in answers])


def _energies(answers: Sequence[Answer]) -> np.ndarray:
    return np.array([answer.energy for answer in answers])


SCORES: dict[str, Callable[[Known, Sequence[Answer]], np.ndarray]] = {
    # Hendrycks and Gimpel, ICLR 2017.
    "max-probability": lambda known, answers: np.array([answer.probabilities.max() for answer in answers]),
    # Liu et al., Energy-based Out-of-distribution Detection, NeurIPS 2020, equation 4 with temperature 1.
    "energy": lambda known, answers: _energies(answers),
    # Lee et al., NeurIPS 2018, equation 2, on the embedding.
    "mahalanobis": lambda known, answers: known.mahalanobis(_embeddings(answers)),
    # Sun et al., Out-of-Distribution Detection with Deep Nearest Neighbors, ICML 2022, section 3.
    "knn": lambda known, answers: known.similarity(_embeddings(answers)),
    # Wang et al., ViM: Out-Of-Distribution with Virtual-logit Matching, CVPR 2022, as energy less the virtual logit;
    # about the mean of known embeddings, as a method need not end in the linear layer whose origin the paper takes.
    "vim": lambda known, answers: _energies(answers) - known.residual(_embeddings(answers)),
}
"""Each score by its name: from the reference and M answers to (M,), larger where an image is more like known ones."""
