"""Statistics beyond the first seven families; `docs/results/recipes.csv` has the effect of each."""

from collections.abc import Sequence
from functools import cache

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

PEAKS = tuple((y, x) for y in (0, 8, 16, 24, 32) for x in (0, 8, 16, 24, 32) if (y, x) != (0, 0))
"""Places of a spectrum of 64 px, multiples of 1/8 of a cycle a pixel: what upsampling and 8 x 8 blocks leave."""
QUANTILES = (0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95)
BRIGHTNESS = ((0, 50), (50, 100), (100, 150), (150, 200), (200, 256))
"""Bands of luma, grey levels, in which the noise of smooth places is measured: a sensor's grows with light."""
SMOOTH = 0.2
"""Quantile of the blocks' energy in a band that stands for its smooth places."""
FEWEST_BLOCKS = 20
THRESHOLDS = (0.0, 2.0)
"""Grey levels by which a neighbour must exceed the centre of a local pattern."""


def spectral_peaks(power: Tensor) -> Tensor:
    """Return how far log power exceeds its surroundings at PEAKS, and its largest and mean excess: (B, 26).

    `power` (B, 64, 33) is half a spectrum; the surroundings are 7 x 7 places less the inner 3 x 3.
    """
    log = torch.log(power + 1e-3)
    wide = torch.cat([log, log.flip(2)[:, :, 1:9]], 2)
    full = torch.cat([wide[:, -8:], wide, wide[:, :8]], 1)[:, None]
    around = (avg_pool2d(full, 7, 1, 3) * 49 - avg_pool2d(full, 3, 1, 1) * 9) / 40
    excess = (full - around)[:, 0, 8:72, :33]
    heights = [(excess[:, y, x] + excess[:, -y, x]) / 2 for y, x in PEAKS]
    spread = [excess.flatten(1).std(1), excess.flatten(1).amax(1)]
    return torch.stack([*heights, *spread], 1)


def local_patterns(c: Tensor) -> Tensor:
    """Return square roots of the shares of 3 x 3 patterns of larger neighbours, turned and mirrored ones together.

    Local binary patterns (Ojala, Pietikainen and Maenpaa, TPAMI 2002), at two thresholds, of a channel (B, H, W).
    """
    centre = c[:, 1:-1, 1:-1]
    places = ((0, 0), (0, 1), (0, 2), (1, 2), (2, 2), (2, 1), (2, 0), (1, 0))
    height, width = centre.shape[1:]
    above = [c[:, y : y + height, x : x + width] - centre for y, x in places]
    found = []
    for threshold in THRESHOLDS:
        code = torch.zeros_like(centre, dtype=torch.int32)
        for bit, difference in enumerate(above):
            code.add_(difference > threshold, alpha=1 << bit)
        offsets = torch.arange(len(code), device=code.device, dtype=torch.int32)[:, None] * 256
        counts = torch.bincount((code.flatten(1) + offsets).flatten(), minlength=256 * len(code))
        shares = counts.view(len(code), 256).float() / (height * width)
        found.append((shares @ _pattern_classes().to(shares)).sqrt())
    return torch.cat(found, 1)


@cache
def _pattern_classes() -> Tensor:
    """Return which of the classes (columns) a pattern of 8 bits (row) is of, under quarter turns and mirroring."""

    def turned(code: int, by: int) -> int:
        return ((code >> by) | (code << (8 - by))) & 255

    def mirrored(code: int) -> int:
        bits = [code >> place & 1 for place in (2, 1, 0, 7, 6, 5, 4, 3)]
        return sum(bit << place for place, bit in enumerate(bits))

    first = [
        min(turned(each, by) for by in (0, 2, 4, 6) for each in (code, mirrored(code))) for code in range(256)
    ]
    classes = sorted(set(first))
    matrix = torch.zeros(256, len(classes))
    for code, each in enumerate(first):
        matrix[code, classes.index(each)] = 1
    return matrix


def noise_levels(highpass: Tensor, luma: Tensor) -> Tensor:
    """Return how noise is spread over the crop, and its level in smooth places by brightness: (B, 13).

    Log energy of the residual (B, 126, 126) in blocks of 4 px: its quantiles about the median, the median, and in each
    band of luma (B, 128, 128) the level of smooth blocks about the mean over bands.
    """
    inner = highpass[:, 1:-1, 1:-1]
    energy = torch.log(avg_pool2d(inner.square()[:, None], 4)[:, 0].flatten(1) + 1e-2)
    ordered, order = energy.sort(1)
    count = ordered.shape[1]
    levels = ordered[:, [round(share * (count - 1)) for share in QUANTILES]]
    median = levels[:, 3:4]
    brightness = avg_pool2d(luma[:, None, 2:-2, 2:-2], 4)[:, 0].flatten(1).gather(1, order)
    bands = []
    for low, high in BRIGHTNESS:
        inside = (brightness >= low) & (brightness < high)
        rank = inside.cumsum(1)
        number = rank[:, -1]
        place = ((number - 1).clamp(min=0) * SMOOTH).round().long()
        # The first block, from the smoothest on, that is of this rank in the band.
        first = (rank > place[:, None]).int().argmax(1)
        level = ordered.gather(1, first[:, None])[:, 0]
        bands.append(torch.where(number > FEWEST_BLOCKS, level, float("nan")))
    by_band = torch.stack(bands, 1)
    about = by_band - by_band.nanmean(1, keepdim=True)
    return torch.cat([levels - median, median, about.nan_to_num(0.0)], 1)


def between_colours(colours: Sequence[Tensor], highpasses: Sequence[Tensor]) -> Tensor:
    """Return how alike the noise of red, green and blue is, and how strong, in each pair of them.

    Of differences along x, along y and both, and of the high-pass: correlation, and log ratio of deviations; of the
    high-pass also correlations between neighbouring pixels, which demosaicing raises.
    """
    singles = [each.float() for each in colours]
    kinds = [
        [c[:, :, 1:] - c[:, :, :-1] for c in singles],
        [c[:, 1:] - c[:, :-1] for c in singles],
        [c[:, 1:, 1:] - c[:, 1:, :-1] - c[:, :-1, 1:] + c[:, :-1, :-1] for c in singles],
        list(highpasses),
    ]
    found = []
    for residuals in kinds:
        centred = [r - r.mean((1, 2), keepdim=True) for r in residuals]
        spread = [r.square().mean((1, 2)).sqrt() + 1e-3 for r in centred]
        for i, j in ((0, 1), (1, 2), (0, 2)):
            found.append((centred[i] * centred[j]).mean((1, 2)) / (spread[i] * spread[j]))
            found.append(torch.log(spread[i] / spread[j]))
    # `centred` and `spread` are the high-pass's now.
    height, width = centred[0].shape[1:]
    for i, j in ((0, 1), (1, 2), (0, 2)):
        for down, right in ((0, 1), (1, 0), (1, 1), (0, 2), (2, 0)):
            product = centred[i][:, : height - down, : width - right] * centred[j][:, down:, right:]
            found.append(product.mean((1, 2)) / (spread[i] * spread[j]))
    return torch.stack(found, 1)
