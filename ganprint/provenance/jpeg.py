"""How a JPEG was compressed, and whether more than once, from its header and coefficients."""

from contextlib import closing
from functools import cache, lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydantic import BaseModel

from ganprint.images.containers import take_apart
from ganprint.images.formats import open_image
from ganprint.images.jpeg_pixels import missing_of_jpeg
from ganprint.images.limits import DEFAULT_MAX_PIXELS, check_parts
from ganprint.images.parts import Parts
from ganprint.images.rgb import as_array

Reals = NDArray[np.floating[Any]]

# ITU-T T.81 (1992), Annex K, tables K.1 and K.2, in natural order.
_LUMINANCE = (
    (16, 11, 10, 16, 24, 40, 51, 61),
    (12, 12, 14, 19, 26, 58, 60, 55),
    (14, 13, 16, 24, 40, 57, 69, 56),
    (14, 17, 22, 29, 51, 87, 80, 62),
    (18, 22, 37, 56, 68, 109, 103, 77),
    (24, 35, 55, 64, 81, 104, 113, 92),
    (49, 64, 78, 87, 103, 121, 120, 101),
    (72, 92, 95, 98, 112, 100, 103, 99),
)
_CHROMINANCE = (
    (17, 18, 24, 47, 99, 99, 99, 99),
    (18, 21, 26, 66, 99, 99, 99, 99),
    (24, 26, 56, 99, 99, 99, 99, 99),
    (47, 66, 99, 99, 99, 99, 99, 99),
    *((99,) * 8,) * 4,
)

# How many samples of luminance each sample of chroma covers, across and down.
_SUBSAMPLING = {(1, 1): "4:4:4", (2, 1): "4:2:2", (1, 2): "4:4:0", (2, 2): "4:2:0", (4, 1): "4:1:1", (4, 2): "4:1:0"}

_FIRST_QUALITIES = range(30, 99)
_LOW_FREQUENCIES = ((0, 1), (1, 0), (2, 0), (1, 1), (0, 2), (0, 3), (1, 2), (2, 1), (3, 0))
_MOST_PIXELS = 1 << 20
_LONGEST_SIDE = 1 << 10
_MANY_BLOCKS = 1 << 12
_PLACES = (3, 4, 5)
_HIGHEST_STEP = 24  # coefficients of this many quantisation steps and more are counted as one
# The standard deviation of a coefficient between the two compressions: pixels were rounded to RGB and back.
_ROUNDING = 0.5
# Chosen on photographs of 96 to 512 pixels a side; benchmarks/double_compression.py counts what they give.
_FEWEST_COEFFICIENTS = 300
_LEAST_GAIN = 0.02


class DoubleCompression(BaseModel, frozen=True):
    """A hint on whether a JPEG had been compressed before, more coarsely, on the same grid of blocks.

    `found` is None where there is no answer; False excludes neither an earlier compression that was finer
    nor one before cropping or resizing. `first_quality` is the earlier IJG quality, roughly, where one was
    found. `reason` is a sentence.
    """

    found: bool | None
    first_quality: int | None = None
    reason: str


class JpegFacts(BaseModel, frozen=True):
    """How a JPEG is compressed.

    `quality` is the IJG quality, 1 to 100, whose standard tables are nearest to the file's, None without any;
    `standard` says that they are exactly the file's. `tables` are the quantisation tables in the file, 64
    steps each in natural order (row by row, not zigzag). `subsampling` is that of chroma, such as 4:2:0, None
    without chroma or of a rare kind. `progressive` is against baseline. `double_compression` is a hint.
    """

    quality: int | None
    standard: bool
    tables: list[list[int]]
    subsampling: str | None
    progressive: bool
    double_compression: DoubleCompression


def jpeg_facts(data: bytes | Parts) -> JpegFacts:
    """Read how a JPEG is compressed from its bytes, or from the parts of it.

    Raises DecompressionBombError on one that is not read, and what Pillow raises on damage.
    """
    parts = take_apart(data, "JPEG") if isinstance(data, bytes) else data
    check_parts(parts, "JPEG", "The file", DEFAULT_MAX_PIXELS)
    with closing(open_image(parts.payload, "JPEG")) as image:
        header: Any = image
        tables = {number: np.array(steps).reshape(8, 8) for number, steps in header.quantization.items()}
        used = [tables[component[3]] for component in header.layer if component[3] in tables]
        quality, standard = nearest_quality(used) if used else (None, False)
        return JpegFacts(
            quality=quality,
            standard=standard,
            tables=[table.ravel().tolist() for table in tables.values()],
            subsampling=_subsampling(header.layer),
            progressive=bool(image.info.get("progressive")),
            double_compression=_double_compression(image, used, parts.payload),
        )


@cache
def standard_tables(quality: int) -> NDArray[np.int64]:
    """Return the luminance and chrominance steps of an IJG quality 1 to 100, int64 (2, 8, 8).

    They are those of T.81's Annex K, scaled and kept to 8 bits as the IJG's jpeg_set_quality does.
    """
    scale = 5000 // quality if quality < 50 else 200 - 2 * quality
    steps: NDArray[np.int64] = (np.array((_LUMINANCE, _CHROMINANCE), np.int64) * scale + 50) // 100
    return steps.clip(1, 255)


def nearest_quality(used: list[NDArray[np.int64]]) -> tuple[int, bool]:
    """Return the IJG quality nearest to tables int (8, 8), luminance first, and whether it is exact."""
    first_two = np.stack(used[:2])
    distances = [int(np.abs(first_two - standard_tables(q)[: len(first_two)]).sum()) for q in range(1, 101)]
    best = int(np.argmin(distances))
    return best + 1, distances[best] == 0


def _subsampling(components: list[tuple[int, int, int, int]]) -> str | None:
    if len(components) != 3 or 0 in components[1][1:3] or components[1][1:3] != components[2][1:3]:
        return None
    (_, across, down, _), (_, chroma_across, chroma_down, _), _ = components
    if across % chroma_across or down % chroma_down:
        return None
    return _SUBSAMPLING.get((across // chroma_across, down // chroma_down))


def _double_compression(image: Image.Image, used: list[NDArray[np.int64]], payload: bytes) -> DoubleCompression:
    if not used or image.mode not in ("L", "RGB") or image.info.get("adobe_transform") == 0:
        return DoubleCompression(found=None, reason="It is not stored as luminance and chroma.")
    try:
        image.draft("L", None)  # the decoder's own luminance, before any conversion to RGB
        pixels = as_array(image)
    except Exception:
        # As in ganprint.images.read: the decoder raises almost any type on damage, and the header still holds.
        return DoubleCompression(found=None, reason="Its pixels could not be decoded.")
    if missing_of_jpeg(payload, pixels):
        return DoubleCompression(found=None, reason="Its pixels are not all there.")
    steps = np.maximum(used[0], 1)
    low = tuple(np.transpose(_LOW_FREQUENCIES))
    firsts = [q for q in _FIRST_QUALITIES if standard_tables(q)[0][low].sum() > steps[low].sum()]
    if not firsts:
        return DoubleCompression(found=None, reason="It is compressed too coarsely to show an earlier compression.")
    gains, count = first_compression_gains(_centre(pixels), steps, firsts)
    if count < _FEWEST_COEFFICIENTS:
        return DoubleCompression(found=None, reason="It is too small or too smooth to tell.")
    best = int(np.argmax(gains))
    if gains[best] < _LEAST_GAIN:
        return DoubleCompression(
            found=False,
            reason="Its coefficients show no trace of an earlier, coarser compression; "
            "a finer one, or one before resizing or cropping, leaves none.",
        )
    return DoubleCompression(
        found=True,
        first_quality=firsts[best],
        reason="Its coefficients have the gaps that an earlier compression near quality "
        f"{firsts[best]} leaves. It is a hint: saving a file twice is common and harmless.",
    )


def _centre(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Cut out a centred region of whole blocks, of no more pixels than the hint needs."""
    height, width = pixels.shape
    rows = min(height, max(_LONGEST_SIDE, _MOST_PIXELS // width)) // 8 * 8
    columns = min(width, _MOST_PIXELS // max(rows, 1)) // 8 * 8
    top, left = (height - rows) // 16 * 8, (width - columns) // 16 * 8
    return pixels[top : top + rows, left : left + columns]


def first_compression_gains(
    pixels: NDArray[np.uint8], steps: NDArray[np.int64], qualities: list[int]
) -> tuple[Reals, int]:
    """Say how much better an earlier compression at each quality explains a JPEG's coefficients than none.

    `pixels` is luminance as decoded, uint8 (H, W), its blocks aligned; `steps` (8, 8) are the file's own.
    Returns the gains in log-likelihood a nonzero coefficient, one for each quality, and the count of those
    coefficients, at nine low frequencies. Two quantisations leave gaps and peaks at regular distances in the
    histogram (Popescu & Farid 2004, "Statistical tools for digital forensics", section 3); what the
    coefficients were before either is estimated from the picture cropped by 4 pixels, which the grid of
    blocks does not fit (Fridrich, Goljan & Du 2001; Lukas & Fridrich 2003, "Estimation of primary
    quantization matrix in double compressed JPEG images").
    """
    stored = _coefficients(pixels)
    # A small picture has too few blocks for a histogram of what they were; more of them are cut from it.
    places = (4,) if len(stored) > _MANY_BLOCKS else _PLACES
    estimated = np.concatenate([_coefficients(pixels[top:, left:]) for top in places for left in places])
    tables = np.stack([standard_tables(quality)[0] for quality in qualities])
    gains, count = np.zeros(len(qualities)), 0
    if len(estimated) == 0:
        return gains, count
    for row, column in _LOW_FREQUENCIES:
        step = int(steps[row, column])
        observed = np.rint(np.abs(stored[:, row, column]) / step).astype(np.int64)
        counts = np.bincount(np.minimum(observed, _HIGHEST_STEP), minlength=_HIGHEST_STEP + 1)
        count += int(counts[1:].sum())
        originals = np.sort(np.abs(estimated[:, row, column]))
        bounds = _bounds(step)
        once = _shares(originals, bounds)
        # A little of a smooth histogram, so that a bin empty in one of them never decides.
        smooth = np.convolve(np.pad(once + 1 / len(originals), 1, mode="edge"), (0.25, 0.5, 0.25), "valid")
        smooth /= smooth.sum()
        firsts, which = np.unique(tables[:, row, column], return_inverse=True)
        twice = np.stack([_requantised(originals, int(first), step) for first in firsts])[which]
        likely_once, likely_twice = (np.log(0.98 * shares + 0.02 * smooth) for shares in (once, twice))
        gains += (likely_twice - likely_once) @ counts
    return gains / max(count, 1), count


def _coefficients(pixels: NDArray[np.uint8]) -> Reals:
    """Return the 8 x 8 cosine transforms of a plane's whole blocks, (blocks, 8, 8)."""
    from scipy.fft import dctn

    rows, columns = pixels.shape[0] // 8, pixels.shape[1] // 8
    blocks = pixels[: rows * 8, : columns * 8].reshape(rows, 8, columns, 8).swapaxes(1, 2).reshape(-1, 8, 8)
    transformed: Reals = dctn(blocks.astype(np.float32), axes=(1, 2), norm="ortho")
    return transformed


def _shares(originals: Reals, bounds: Reals) -> Reals:
    """Return the share of sorted magnitudes between bounds, the first from zero, the last without end."""
    below = np.searchsorted(originals, bounds) / len(originals)
    below[-1] = 1
    return np.diff(below, prepend=0.0)


def _bounds(step: int) -> Reals:
    return (np.arange(_HIGHEST_STEP + 1) + 0.5) * step


def _requantised(originals: Reals, first: int, step: int) -> Reals:
    """Return the shares of multiples of `step` after a quantisation in steps of `first` and rounding."""
    moves = _moves(first, step)
    return _shares(originals, (np.arange(len(moves)) + 0.5) * first) @ moves


@lru_cache(maxsize=1024)
def _moves(first: int, step: int) -> Reals:
    """Return which share of each multiple of `first` the rounding of pixels brings to each of `step`."""
    from scipy.special import ndtr

    bounds = _bounds(step)
    places = (np.arange(int(bounds[-1] / first) + 2) * first)[:, None]
    # The rounding may carry a coefficient across zero; magnitudes are counted.
    below = ndtr((bounds - places) / _ROUNDING) - ndtr((-bounds - places) / _ROUNDING)
    below[:, -1] = 1
    return np.diff(below, prepend=0.0)
