"""Statistics beyond the first seven families; `docs/results/recipes.csv` has the effect of each."""

from functools import cache

import numpy as np
import torch
from torch import Tensor

from ganprint_plugins.residual_statistics.counts import histogram

PEAKS = tuple((y, x) for y in (0, 8, 16, 24, 32) for x in (0, 8, 16, 24, 32) if (y, x) != (0, 0))
"""Places of a spectrum of 64 px, multiples of 1/8 of a cycle a pixel: what upsampling and 8 x 8 blocks leave."""
QUANTILES = (0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95)
BRIGHTNESS = ((0, 50), (50, 100), (100, 150), (150, 200), (200, 256))
"""Bands of luma, grey levels, in which the noise of smooth places is measured: a sensor's grows with light."""
SMOOTH = 0.2
"""Quantile of the blocks' energy in a band that stands for its smooth places."""
FEWEST_BLOCKS = 20
BITS_OF_KEY = 28
LEAST_KEY = 120 << 23
"""The bits of 2**-7; energies of blocks are 0.01 to 2**18, whose bits differ from these by less than 2**28."""
PADDING = 8
"""Zeros after each row: the farthest column that is correlated with one."""
PAIRS = ((slice(0, 2), slice(1, 3)), (slice(0, 1), slice(2, 3)))
"""Places of red and green, green and blue, then red and blue."""
LAGS_BETWEEN = ((0, 1), (1, 0), (1, 1), (0, 2), (2, 0))
"""Rows and columns between the noise of two colours."""
THRESHOLDS = (0.0, 2.0)
"""Grey levels by which a neighbour must exceed the centre of a local pattern."""


def padded(r: Tensor) -> tuple[Tensor, int]:
    """Return values (B, ..., H, W) less their mean, each row followed by zeros, flat (B, ..., N), and a row's length.

    A shift by rows and columns is then one along the whole line: what it moves out of a row meets zeros.
    """
    *front, height, columns = r.shape
    width = columns + PADDING
    lines = r.new_zeros((*front, height + 1, width))
    lines[..., :height, :columns] = r - r.mean((-2, -1), keepdim=True)
    return lines.flatten(-2), width


def lagged(first: Tensor, second: Tensor, lag: tuple[int, int], height: int, width: int) -> Tensor:
    """Return the sums of products (B,) of `padded` values with others, `lag` rows and columns further.

    Columns are at most PADDING; `height` and `width` are how many rows there are, and a row's length.
    """
    down, right = lag
    start, length = down * width + right, (height - down) * width
    sums: Tensor = torch.linalg.vecdot(first[..., :length], second[..., start : start + length])
    return sums


def spectral_peaks(power: Tensor) -> Tensor:
    """Return how far log power exceeds its surroundings at PEAKS, and its largest and mean excess: (B, 26).

    `power` (B, 64, 33) is half a spectrum; the surroundings are 7 x 7 places less the inner 3 x 3.
    """
    log = torch.log(power + 1e-3)
    # Beyond the left edge is what the mean of places takes there: nothing.
    wide = torch.cat([log.new_zeros(len(log), 64, 3), log, log.flip(2)[:, :, 1:4]], 2)
    full = torch.cat([wide[:, -3:], wide, wide[:, :3]], 1)
    around = (_boxes(full, 3) - _boxes(full[:, 2:-2, 2:-2], 1)) / 40
    excess = log - around
    rows, columns = torch.tensor(PEAKS, device=power.device).T
    heights = (excess[:, rows, columns] + excess[:, -rows, columns]) / 2
    spread = [excess.flatten(1).std(1), excess.flatten(1).amax(1)]
    return torch.cat([heights, torch.stack(spread, 1)], 1)


def _boxes(values: Tensor, reach: int) -> Tensor:
    """Return sums over squares that reach so many places to all sides: (B, H, W), smaller by these."""
    for dimension in (1, 2):
        size = values.shape[dimension] - 2 * reach
        sums = values.narrow(dimension, 0, size).clone()
        for place in range(1, 2 * reach + 1):
            sums += values.narrow(dimension, place, size)
        values = sums
    return values


def local_patterns(c: Tensor) -> Tensor:
    """Return square roots of the shares of 3 x 3 patterns of larger neighbours, turned and mirrored ones together.

    Local binary patterns (Ojala, Pietikainen and Maenpaa, TPAMI 2002), at two thresholds, of a channel (B, H, W).
    """
    centre = c[:, 1:-1, 1:-1]
    places = ((0, 0), (0, 1), (0, 2), (1, 2), (2, 2), (2, 1), (2, 0), (1, 0))
    height, width = centre.shape[1:]
    codes = [torch.zeros_like(centre) for _ in THRESHOLDS]
    above, larger = torch.empty_like(centre), torch.empty_like(centre)
    for bit, (y, x) in enumerate(places):
        torch.sub(c[:, y : y + height, x : x + width], centre, out=above)
        for code, threshold in zip(codes, THRESHOLDS, strict=True):
            code.add_(torch.gt(above, threshold, out=larger), alpha=1 << bit)
    shares = [histogram(code.to(torch.int16), 256).float() for code in codes]
    return torch.cat([(each @ _pattern_classes().to(each)).sqrt() for each in shares], 1)


@cache
def _pattern_classes() -> Tensor:
    """Return which of the classes (columns) a pattern of 8 bits (row) is of, under quarter turns and mirroring."""

    def turned(code: int, by: int) -> int:
        return ((code >> by) | (code << (8 - by))) & 255

    def mirrored(code: int) -> int:
        bits = [code >> place & 1 for place in (2, 1, 0, 7, 6, 5, 4, 3)]
        return sum(bit << place for place, bit in enumerate(bits))

    first = [min(turned(each, by) for by in (0, 2, 4, 6) for each in (code, mirrored(code))) for code in range(256)]
    classes = sorted(set(first))
    matrix = torch.zeros(256, len(classes))
    for code, each in enumerate(first):
        matrix[code, classes.index(each)] = 1
    return matrix


def noise_levels(highpasses: Tensor, luma: Tensor) -> Tensor:
    """Return how noise is spread over the crop, and its level in smooth places by brightness: (B, C, 13).

    Log energy of residuals (B, C, 126, 126) in blocks of 4 px: its quantiles about the median, the median, and in each
    band of luma (B, 128, 128) the level of smooth blocks about the mean over bands.
    """
    squares = highpasses[:, :, 1:-1, 1:-1].square()
    energy = _blocks_of_four(squares.flatten(0, 1)).view(*highpasses.shape[:2], -1) + 1e-2
    brightness = _blocks_of_four(luma[:, 2:-2, 2:-2]).flatten(1)
    count = energy.shape[2]
    # Floats above 0 are ordered as the integers of the same bits are: with the band in front, these sort by both.
    keys = energy.view(torch.int32) - LEAST_KEY
    edges = torch.tensor([low for low, _ in BRIGHTNESS[1:]], dtype=luma.dtype, device=luma.device)
    band = torch.bucketize(brightness, edges, right=True, out_int32=True)
    ordered = _sorted(keys)[:, :, [round(share * (count - 1)) for share in QUANTILES]]
    by_band = _sorted(keys + (band << BITS_OF_KEY)[:, None])
    numbers = torch.stack([(band == each).sum(1) for each in range(len(BRIGHTNESS))], 1)
    starts = numbers.cumsum(1) - numbers
    smooth = starts + ((numbers - 1).clamp(min=0) * SMOOTH).round().long()
    places = smooth.clamp(max=count - 1)[:, None].expand(-1, energy.shape[1], -1)
    keys_of_bands = by_band.gather(2, places) & ((1 << BITS_OF_KEY) - 1)
    levels = torch.log((torch.cat([ordered, keys_of_bands], 2) + LEAST_KEY).view(torch.float32))
    levels, bands = levels[:, :, : len(QUANTILES)], levels[:, :, len(QUANTILES) :]
    bands = bands.masked_fill((numbers <= FEWEST_BLOCKS)[:, None], float("nan"))
    median = levels[:, :, 3:4]
    about = bands - bands.nanmean(2, keepdim=True)
    return torch.cat([levels - median, median, about.nan_to_num(0.0)], 2)


def _blocks_of_four(values: Tensor) -> Tensor:
    """Return means over blocks of 4 x 4 of values (B, H, W)."""
    count, height, width = values.shape
    rows = values.reshape(count, height // 4, 4, width).sum(2).view(count, height // 4, width // 4, 4)
    return (rows[..., 0] + rows[..., 1] + rows[..., 2] + rows[..., 3]) / 16


def _sorted(keys: Tensor) -> Tensor:
    """Return integers in order along the last dimension."""
    if keys.device.type != "cpu":
        return keys.sort(-1).values
    # A third of the time that torch takes, which also finds where each was.
    return torch.from_numpy(np.sort(keys.numpy(), -1))


def between_colours(colours: Tensor, highpasses: Tensor) -> Tensor:
    """Return how alike the noise of red, green and blue (B, 3, ., .) is, and how strong, in each pair of them.

    Of differences along x, along y and both, and of the high-pass: correlation, and log ratio of deviations; of the
    high-pass also correlations between neighbouring pixels, which demosaicing raises.
    """
    along_x = colours[:, :, :, 1:] - colours[:, :, :, :-1]
    along_y = colours[:, :, 1:] - colours[:, :, :-1]
    found = []
    for r in (along_x, along_y, along_x[:, :, 1:] - along_x[:, :, :-1]):
        flat = (r - r.mean((2, 3), keepdim=True)).flatten(2)
        found.append(_alike(flat, flat.shape[2])[0])
    height, columns = highpasses.shape[2:]
    flat, width = padded(highpasses)
    alike, spreads = _alike(flat, height * columns)
    sums = [
        torch.cat(
            [
                lagged(flat[:, first], flat[:, second], lag, height, width) / ((height - lag[0]) * (columns - lag[1]))
                for first, second in PAIRS
            ],
            1,
        )
        for lag in LAGS_BETWEEN
    ]
    neighbours = torch.stack(sums, 2) / spreads[:, :, None]
    return torch.cat([*found, alike, neighbours.flatten(1)], 1)


def _alike(centred: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Return the correlation and log ratio of deviations (B, 6) of pairs of `count` values (B, 3, .) about their mean.

    The second result is the products of the pairs' deviations (B, 3).
    """
    spreads = (centred.square().sum(2) / count).sqrt() + 1e-3
    products = [torch.linalg.vecdot(centred[:, first], centred[:, second]) for first, second in PAIRS]
    first, second = (torch.cat([spreads[:, each[side]] for each in PAIRS], 1) for side in (0, 1))
    correlations = torch.cat(products, 1) / count / (first * second)
    return torch.stack([correlations, torch.log(first / second)], 2).flatten(1), first * second
