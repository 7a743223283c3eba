"""Whether and where a picture has something to examine: its borders and texture, and whether it is drawn or text.

All is judged by blocks of 8 x 8 px on the picture's own grid, which in a JPEG file is the compression's. The bounds
were set by eye on made-up drawings and on all splits of the development data, `test` included, those of text on made-up
pages and on `train` and `val`; `benchmarks/drawings.py` prints what they let through on train and val.
"""

import math
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

BLOCK = 8
"""Side of a block, pixels."""
FLAT_DEVIATION = 0.8
"""Standard deviation of luma, grey levels, below which a block shows no texture."""
CLIPPED = 0.5
"""Share of a block's pixels at black or white from which on it shows none either."""
TEXTURED_LEAST = 0.3
"""Share of a crop's blocks that must show texture for the crop to have a vote."""
LUMA = (0.299, 0.587, 0.114)
"""Weights of red, green and blue (ITU-R BT.601)."""
LOOKED_AT = 1 << 21
"""Pixels in the blocks that are looked at, at most."""
BORDER_SPREAD = 6
"""Grey levels within which a row or column counts as plain: JPEG's ringing stays inside."""
PLAIN = 0.98
"""Share of a row or column that must be plain for it to be border."""
SAMPLED = 512
"""Pixels of a row or column that are looked at, at least."""
DRAWN_FLAT, DRAWN_SOFT, CONTRASTY, SOFT = 0.3, 0.25, 40, 12
"""A drawing has at least this share of one-coloured blocks, and fewer than this share of soft ones, of a range of 2 to
SOFT grey levels, among those whose range is below CONTRASTY: a photograph's even places are soft.
"""
SOFT_MOST = 0.15
"""Share of the blocks with texture whose range may be below CONTRASTY, at most."""
GROUND, GROUND_PIXELS, GROUND_BLOCKS = 4, 0.1, 0.9
"""Grey levels around the ground's tone, the least share of a block's pixels that are this near, and of such blocks."""
BEYOND, BEYOND_MOST = 16, 0.05
"""Grey levels beyond the ground on the side where the strokes are not, and the share of pixels there, at most."""
EVEN, AROUND, EVEN_LEAST = 2, 8, 0.5
"""Of the pixels AROUND the ground's tone, the least share that must be this near: grain of 4 grey levels has 0.4."""


class Emptiness(StrEnum):
    """Why a picture has nothing to examine, in words that follow `nothing to examine:`."""

    FLAT = "it has no texture"
    DRAWING = "it looks like a drawing, a chart or a screenshot"
    TEXT = "it looks like a page of text"
    SMALL = "too few of its pixels have texture"


@dataclass(frozen=True)
class Box:
    """A part of a picture: rows `top` to `bottom`, columns `left` to `right`, the last not included."""

    top: int
    left: int
    bottom: int
    right: int

    @property
    def height(self) -> int:
        """Rows."""
        return self.bottom - self.top

    @property
    def width(self) -> int:
        """Columns."""
        return self.right - self.left


def content_box(pixels: NDArray[np.uint8]) -> Box:
    """Return the part of a picture (H, W, 3) inside its plain borders: all of it where there are none.

    A border is rows and columns of nearly one colour, taken off from outside on all sides in turn. A picture that is
    plain all over has no border.
    """
    box = Box(0, 0, *pixels.shape[:2])
    while True:
        part = pixels[box.top : box.bottom, box.left : box.right]
        rows, columns = _first_and_last(part), _first_and_last(part.swapaxes(0, 1))
        if rows is None or columns is None:
            return Box(0, 0, *pixels.shape[:2])
        inner = Box(box.top + rows[0], box.left + columns[0], box.top + rows[1], box.left + columns[1])
        if inner == box:
            return box
        box = inner


def _first_and_last(part: NDArray[np.uint8]) -> tuple[int, int] | None:
    """Return the first row that is not plain and the one after the last, None where all are."""
    # Of long rows some pixels tell enough, and a poster of one colour has many of them.
    step = max(1, part.shape[1] // SAMPLED)

    def is_plain(row: NDArray[np.uint8]) -> bool:
        some = row[::step]
        near = (np.abs(some - np.median(some, axis=0)) <= BORDER_SPREAD).all(1)
        return bool(near.mean() >= PLAIN)

    first = next((place for place, row in enumerate(part) if not is_plain(row)), None)
    if first is None:
        return None
    last = next(place for place in range(len(part) - 1, -1, -1) if not is_plain(part[place]))
    return first, last + 1


@dataclass(frozen=True)
class BlockMap:
    """What the 8 x 8 px blocks of a picture show: `textured` (R, C) bool, `spread` (R, C) grey levels, every `step`-th.

    The first block lies at (`top`, `left`) of the picture, on its grid.
    """

    textured: NDArray[np.bool_]
    spread: NDArray[np.float32]
    top: int
    left: int
    step: int

    @property
    def pitch(self) -> int:
        """Pixels between two blocks of the map."""
        return BLOCK * self.step

    def textured_share(self, box: Box) -> float:
        """Return the share of the blocks in a part of the picture that show texture; 0 without a block."""
        found = self.textured[self._inside(box)]
        return float(found.mean()) if found.size else 0.0

    def may_be_text(self, box: Box) -> bool:
        """Return whether few enough of the blocks in a part of the picture show texture of little contrast for text."""
        found = self.textured[self._inside(box)] & (self.spread[self._inside(box)] < CONTRASTY)
        return not found.size or bool(found.mean() <= SOFT_MOST)

    def _inside(self, box: Box) -> tuple[slice, slice]:
        rows = slice(max(0, -(-(box.top - self.top) // self.pitch)), max(0, (box.bottom - self.top) // self.pitch))
        columns = slice(max(0, -(-(box.left - self.left) // self.pitch)), max(0, (box.right - self.left) // self.pitch))
        return rows, columns

    @property
    def looks_drawn(self) -> bool:
        """Whether the picture is made of areas of one colour with sharp edges, as drawings and charts are."""
        even = (self.spread < CONTRASTY).mean()
        soft = ((self.spread > 1) & (self.spread < SOFT)).mean()
        return bool((self.spread <= 1).mean() > DRAWN_FLAT and soft < DRAWN_SOFT * even)


def map_blocks(pixels: NDArray[np.uint8], box: Box) -> BlockMap:
    """Return what the whole blocks of a part of a picture (H, W, 3) show; of a large part every so many blocks."""
    top, left = (-(-each // BLOCK) * BLOCK for each in (box.top, box.left))
    rows, columns = (max(0, length) // BLOCK for length in (box.bottom - top, box.right - left))
    step = max(1, math.ceil(math.sqrt(rows * columns * BLOCK**2 / LOOKED_AT)))
    part = pixels[top : top + rows * BLOCK, left : left + columns * BLOCK]
    blocks = part.reshape(rows, BLOCK, columns, BLOCK, 3)[::step, :, ::step]
    luma = blocks.astype(np.float32) @ np.array(LUMA, np.float32)
    # Along the picture's rows, which is quicker than block by block.
    spread = luma.max(1).max(2) - luma.min(1).min(2)
    luma = np.ascontiguousarray(luma.swapaxes(1, 2)).reshape(*luma.shape[:3:2], BLOCK**2)
    mean = luma.mean(2)
    variance = np.maximum(np.square(luma).mean(2) - mean**2, 0)
    clipped = np.count_nonzero((luma <= 1) | (luma >= 254), axis=2) > CLIPPED * BLOCK**2
    textured = (variance >= FLAT_DEVIATION**2) & ~clipped
    return BlockMap(textured, spread, top, left, step)


def is_text(pixels: NDArray[np.uint8]) -> bool:
    """Return whether a part of a picture (H, W, 3), on its grid of blocks, is packed with text or looks as if.

    That is an even ground with strokes of other tones nearly everywhere. A photograph of a page has the grain and the
    shades of its paper, so its ground is not one tone.
    """
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
