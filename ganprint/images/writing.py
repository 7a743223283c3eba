"""Whether a part of a picture is packed with text: an even ground with strokes of other tones nearly everywhere.

A photograph of a page has the grain and the shades of its paper, so its ground is not one tone. The bounds were chosen
on made-up pages and on the splits `train` and `val` of the development data; `benchmarks/drawings.py` prints what they
let through.
"""

import numpy as np
from numpy.typing import NDArray

from ganprint.images.content import BLOCK, CONTRASTY, FLAT_DEVIATION, LUMA

SOFT_MOST = 0.15
"""Share of the blocks with texture whose range may be below CONTRASTY, at most."""
GROUND, GROUND_PIXELS, GROUND_BLOCKS = 4, 0.1, 0.9
"""Grey levels around the ground's tone, the least share of a block's pixels that are this near, and of such blocks."""
BEYOND, BEYOND_MOST = 16, 0.05
"""Grey levels beyond the ground on the side where the strokes are not, and the share of pixels there, at most."""
EVEN, AROUND, EVEN_LEAST = 2, 8, 0.5
"""Of the pixels AROUND the ground's tone, the least share that must be this near: grain of 4 grey levels has 0.4."""


def is_text(pixels: NDArray[np.uint8]) -> bool:
    """Return whether a part of a picture (H, W, 3), on its grid of blocks, is packed with text or looks as if."""
    rows, columns = (side // BLOCK for side in pixels.shape[:2])
    luma = pixels[: rows * BLOCK, : columns * BLOCK].astype(np.float32) @ np.array(LUMA, np.float32)
    blocks = luma.reshape(rows, BLOCK, columns, BLOCK).swapaxes(1, 2).reshape(-1, BLOCK**2)
    blocks = blocks[blocks.std(1) >= FLAT_DEVIATION]
    if not len(blocks) or (np.ptp(blocks, axis=1) < CONTRASTY).mean() > SOFT_MOST:
        return False
    tones = blocks.round().astype(np.intp)
    counts = np.bincount(tones.ravel(), minlength=256)
    # The ground is the most frequent tone, with its neighbours, since JPEG moves it about.
    apart = tones - np.convolve(counts, [1, 2, 3, 2, 1], "same").argmax()
    near = np.abs(apart)
    if (near <= EVEN).sum() < EVEN_LEAST * (near <= AROUND).sum():
        return False
    ground = (near <= GROUND).mean(1) >= GROUND_PIXELS
    beyond = min((apart > BEYOND).mean(), (apart < -BEYOND).mean())
    return bool(ground.mean() >= GROUND_BLOCKS and beyond <= BEYOND_MOST)
