"""Select the samples of a benchmark: no flat, odd or repeated ones, balanced kinds (Bui et al. 2022, section 4)."""

import numpy as np
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

from ganprint.forge.quality import spectral_features

FLATTEST = 4.0
"""Least standard deviation of an image's levels, of 255."""
ODDEST = 6.0
"""Largest distance from the median of all, in median absolute deviations of the distances."""
ALIKE = 0.995
"""Cosine of two thumbnails, each less its mean, from which images are near-duplicates."""
THUMBNAIL = 16
KINDS = 8
"""Clusters of thumbnails that images are drawn from in equal numbers."""


def flat(images: Tensor) -> np.ndarray:
    """Return which images uint8 (N, 3, R, R) show next to nothing, bool (N,)."""
    return (images.float().flatten(1).std(1) < FLATTEST).numpy()


def odd(images: Tensor) -> np.ndarray:
    """Return which images have a spectrum unlike the others', as torn or saturated ones do, bool (N,)."""
    features = spectral_features(images)
    middle = np.median(features, axis=0)
    spread = np.median(np.abs(features - middle), axis=0) + 1e-6
    distances = np.sqrt(np.square((features - middle) / spread).mean(1))
    centre = np.median(distances)
    found: np.ndarray = distances > centre + ODDEST * np.median(np.abs(distances - centre))
    return found


def repeated(images: Tensor) -> np.ndarray:
    """Return which images nearly repeat one before them, bool (N,)."""
    thumbnails = thumbnails_of(images)
    thumbnails -= thumbnails.mean(1, keepdims=True)
    thumbnails /= np.maximum(np.linalg.norm(thumbnails, axis=1, keepdims=True), 1e-6)
    found = np.zeros(len(images), dtype=bool)
    for number in range(1, len(images)):
        before = thumbnails[:number][~found[:number]]
        found[number] = bool((before @ thumbnails[number] > ALIKE).any())
    return found


def varied(images: Tensor, count: int, *, seed: int) -> np.ndarray:
    """Return the numbers of `count` images, as many of each kind as there are, in ascending order.

    Kinds are clusters of thumbnails; a kind with fewer than its share gives all it has.
    """
    from sklearn.cluster import KMeans

    random = np.random.default_rng(seed)
    clusters = KMeans(min(KINDS, len(images)), n_init=1, random_state=int(random.integers(2**32)))
    kinds = clusters.fit_predict(thumbnails_of(images))
    queues = [random.permutation(np.flatnonzero(kinds == kind)).tolist() for kind in np.unique(kinds)]
    chosen: list[int] = []
    while len(chosen) < min(count, len(images)):
        for queue in queues:
            if queue and len(chosen) < count:
                chosen.append(queue.pop())
    return np.sort(np.array(chosen))


def thumbnails_of(images: Tensor) -> np.ndarray:
    """Return images uint8 (N, 3, R, R) as rows of a small grey picture each, float (N, THUMBNAIL^2)."""
    small = adaptive_avg_pool2d(images.float().mean(1, keepdim=True), THUMBNAIL)
    return small.flatten(1).double().numpy()
