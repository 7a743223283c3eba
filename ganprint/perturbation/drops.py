"""Water drops of spatter: the relief that the reference computes with OpenCV, on NumPy and SciPy.

OpenCV itself would need libraries (libGL, GLib) that a bare system has not. Against OpenCV's own steps the
distance is exact where OpenCV's 5 x 5 mask rounds it by up to 2 %; all else is the same arithmetic.
"""

import math
from typing import Any, Literal

import numpy as np

from ganprint.perturbation.pieces import parts_of

Array = np.ndarray[Any, Any]

EDGE_THRESHOLDS = (50, 150)
"""Canny's: gradients above the second are edges, those above the first where they touch one."""
FARTHEST = 20.0
EMBOSS = ((-2, -1, 0), (-1, 1, 1), (0, 1, 2))
TANGENT = 13573
"""tan(22.5 degrees) in units of 2^-15."""


def light_on(drops: Array) -> Array:
    """Return the light on drops uint8 (H, W) as float32 (H, W), at most 1."""
    relief = _box(_distance(edges(drops))).astype(np.uint8)
    embossed = _filtered(_equalized(relief), EMBOSS, np.int32).clip(0, 255).astype(np.uint8)
    light = _box(embossed)
    np.rint(light, out=light)
    light *= drops
    peak = light.max()
    if peak > 0:
        light /= peak
    return light


def edges(image: Array) -> Array:
    """Return where a uint8 image (H, W) has edges, as bool (H, W) (Canny 1986, Sobel 3 x 3, L1 norm)."""
    from scipy.ndimage import label

    height, width = image.shape
    ridge, steepest = np.empty(image.shape, bool), np.empty(image.shape, bool)
    for part in parts_of(height, 4 * width):
        ridge[part], steepest[part] = _ridges(image, part)
    parts, count = label(ridge, np.ones((3, 3)))
    strong = np.zeros(count + 1, dtype=bool)
    strong[parts[steepest]] = True
    strong[0] = False
    return np.asarray(strong[parts])


def _ridges(image: Array, part: slice) -> tuple[Array, Array]:
    """Return where rows of an image have a ridge of its gradient, and where one that is an edge in any case."""
    low, high = EDGE_THRESHOLDS
    last = len(image) - 1
    # A row more on either side has a gradient, for which it takes one more.
    rows = np.arange(part.start - 2, part.stop + 2).clip(0, last)
    around = np.pad(image[rows].astype(np.int32), ((0, 0), (1, 1)), mode="edge")
    down = around[:-2] + 2 * around[1:-1] + around[2:]
    across = around[:, :-2] + 2 * around[:, 1:-1] + around[:, 2:]
    dx, dy = down[:, 2:] - down[:, :-2], across[2:] - across[:-2]
    steep = np.pad(np.abs(dx) + np.abs(dy), ((0, 0), (1, 1)))
    outside = np.arange(part.start - 1, part.stop + 1)
    steep[(outside < 0) | (outside > last)] = 0
    dx, dy = dx[1:-1], dy[1:-1]
    wide, tall = np.abs(dx), np.abs(dy)
    here = steep[1:-1, 1:-1]
    # A ridge's neighbours are sought along the gradient: across, down, or along a diagonal.
    flat = (tall << 15) < wide * TANGENT
    upright = (tall << 15) > wide * (TANGENT + (1 << 16))
    rising = (dx ^ dy) < 0
    before = np.select([flat, upright, rising], [steep[1:-1, :-2], steep[:-2, 1:-1], steep[:-2, 2:]], steep[:-2, :-2])
    after = np.select([flat, upright, rising], [steep[1:-1, 2:], steep[2:, 1:-1], steep[2:, :-2]], steep[2:, 2:])
    ridge = (here > low) & (here > before) & np.where(flat | upright, here >= after, here > after)
    return ridge, ridge & (here > high)


def _distance(edge: Array) -> Array:
    """Return each pixel's distance to the nearest edge, in pixels, at most FARTHEST, float32 (H, W)."""
    from scipy.ndimage import distance_transform_edt

    height, width = edge.shape
    distance = np.full(edge.shape, FARTHEST, dtype=np.float32)
    for part in parts_of(height, 2 * width):
        first = max(0, part.start - math.ceil(FARTHEST))
        near = edge[first : part.stop + math.ceil(FARTHEST)]
        if near.any():
            found = distance_transform_edt(~near)[part.start - first :][: part.stop - part.start]
            np.minimum(found, FARTHEST, out=distance[part], casting="same_kind")
    return distance


def _box(image: Array) -> Array:
    """Return the mean of 3 x 3 pixels, float32."""
    total = _filtered(image, ((1, 1, 1),) * 3, np.float32)
    total /= np.float32(9)
    return total


def _filtered(image: Array, weights: tuple[tuple[int, int, int], ...], dtype: type[np.float32 | np.int32]) -> Array:
    """Return the correlation of an image (H, W) with 3 x 3 weights, its edge mirrored as dcb|abc."""
    height, width = image.shape
    total = np.zeros(image.shape, dtype)
    how: Literal["reflect", "edge"] = "reflect" if min(height, width) > 1 else "edge"
    places = np.pad(np.arange(height), 1, mode=how)
    for part in parts_of(height, width):
        rows = image[places[part.start : part.stop + 2]].astype(dtype)
        around = np.pad(rows, ((0, 0), (1, 1)), mode=how)
        for row, line in enumerate(weights):
            for column, weight in enumerate(line):
                if weight:
                    count = part.stop - part.start
                    total[part] += weight * around[row : row + count, column : column + width]
    return total


def _equalized(image: Array) -> Array:
    """Return a uint8 image with its histogram spread over all levels."""
    counts = np.zeros(256, dtype=np.int64)
    for part in parts_of(*image.shape):
        counts += np.bincount(image[part].ravel(), minlength=256)
    first = int(np.flatnonzero(counts)[0])
    if counts[first] == image.size:
        return image
    above = counts.copy()
    above[first] = 0
    levels = np.rint(np.cumsum(above) * np.float32(255 / (image.size - counts[first])))
    return np.asarray(levels.clip(0, 255).astype(np.uint8)[image])
