"""Statistics of high-pass residuals of crops: noise, grid and spectrum, batched on torch.

A crop's channels are Y (luma, ITU-R BT.601), R-G and B-G. Their residuals: first differences along x and y, the 2x2
checkerboard difference, the Laplacian, the crop less its 3x3 mean, second differences along x and y. Arithmetic is
float64: counts of quantised residuals hang on ties that float32 breaks differently. `further.py` has the families that
were added to these and need no such care.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from ganprint_plugins.residual_statistics import further

SIZE = 128
"""Side of a crop, pixels."""
CHANNELS = ("Y", "R-G", "B-G")
LAGS = (
    *((0, 1), (1, 0), (1, 1), (0, 2), (2, 0), (2, 2), (0, 3), (3, 0), (0, 4), (4, 0), (4, 4)),
    *((0, 8), (8, 0), (8, 8)),
)
"""Rows and columns between residuals that autocorrelations are of: interpolation and demosaicing reach 4, JPEG 8."""
RINGS = 24
"""Rings of the spectrum up to the Nyquist frequency; the corners beyond it have as wide ones."""
LENGTHS = {
    "energy": 33,
    "autocorrelation": 19,
    "phase": 52,
    "spectrum": 285,
    "co-occurrence": 90,
    "dct": 126,
    "peaks": 26,
    "patterns": 102,
    "half size": 133,
    "noise level": 13,
}
"""How many statistics each family has of one channel, in their order."""
LENGTHS_OF_COLOURS = (
    *(("co-occurrence", "R, G, B", 78), ("colour", "R, G, B", 13)),
    *(("noise level", colour, 13) for colour in "RGB"),
    ("noise of R, G and B", "R, G, B", 39),
)
"""Families, colours and how many statistics they have, which follow those of the channels."""
TIE = 1e-9
"""Coefficients this near 0.5 count as 0.5, on whichever side round-off puts them."""
ROUNDED = 2
"""Quantised residuals are cut off at plus and minus this (SPAM: Pevny, Bas and Fridrich, TIFS 2010)."""


@dataclass(frozen=True)
class Statistic:
    """What one number is of: a family of statistics, and a channel or pair of channels."""

    family: str
    channel: str


def statistics(crops: Tensor) -> Tensor:
    """Return the statistics, float32 (B, F), of uint8 RGB crops (B, 3, 128, 128), in the order of `names`."""
    return torch.cat([values.float() for _, values in _blocks(crops)], 1).nan_to_num(0, 0, 0)


@cache
def names() -> tuple[Statistic, ...]:
    """Return what each statistic is of; that needs none to be computed, which would delay every start."""
    of_channels = [(family, channel, length) for channel in CHANNELS for family, length in LENGTHS.items()]
    parts = (*of_channels, *LENGTHS_OF_COLOURS)
    return tuple(each for *what, length in parts for each in (Statistic(*what),) * length)


def _blocks(crops: Tensor) -> Iterable[tuple[Statistic, Tensor]]:
    """Yield the statistics by family and channel, (B, .) each."""
    red, green, blue = (crops[:, place].double() for place in range(3))
    luma = 0.299 * red + 0.587 * green + 0.114 * blue
    channels = (luma, red - green, blue - green)
    for label, channel in zip(CHANNELS, channels, strict=True):
        found = _residuals(channel)
        checker, highpass, second = found[2], found[4], found[5]
        yield Statistic("energy", label), _energy(found)
        lags = [_autocorrelation(highpass, LAGS), _autocorrelation(checker, LAGS[:5])]
        yield Statistic("autocorrelation", label), torch.cat(lags, 1)
        yield Statistic("phase", label), torch.cat([_phase(highpass), _phase(checker)], 1)
        power = _mean_spectrum(highpass)
        yield Statistic("spectrum", label), torch.cat([_rings(highpass), _spectrum_map(power)], 1)
        pairs = [_cooccurrence(second, 1), _cooccurrence(second, 3), _cooccurrence(highpass, 1)]
        yield Statistic("co-occurrence", label), torch.cat(pairs, 1)
        yield Statistic("dct", label), _block_dct(channel)
        single = channel.float()
        yield Statistic("peaks", label), further.spectral_peaks(power.float())
        yield Statistic("patterns", label), further.local_patterns(single)
        yield Statistic("half size", label), _half_size(single)
        yield Statistic("noise level", label), further.noise_levels(highpass.float(), luma.float())
    highpasses = [_highpass(channel) for channel in (red, green, blue)]
    for i, j in ((0, 1), (1, 2), (0, 2)):
        yield Statistic("co-occurrence", "R, G, B"), _between(highpasses[i], highpasses[j])
    yield Statistic("colour", "R, G, B"), _colour((red, green, blue), channels)
    singles = [each.float() for each in highpasses]
    for label, single in zip("RGB", singles, strict=True):
        yield Statistic("noise level", label), further.noise_levels(single, luma.float())
    yield Statistic("noise of R, G and B", "R, G, B"), further.between_colours((red, green, blue), singles)


def _half_size(c: Tensor) -> Tensor:
    """Return energy, autocorrelation, co-occurrences and phase of a channel at half its size."""
    small = _residuals(avg_pool2d(c[:, None], 2)[:, 0])
    pairs = [_cooccurrence(small[5], 1), _cooccurrence(small[4], 1)]
    return torch.cat([_energy(small), _autocorrelation(small[4], LAGS), *pairs, _phase(small[4])], 1)


def _highpass(c: Tensor) -> Tensor:
    rows = c[:, :, :-2] + c[:, :, 1:-1] + c[:, :, 2:]
    return c[:, 1:-1, 1:-1] - (rows[:, :-2] + rows[:, 1:-1] + rows[:, 2:]) / 9


def _residuals(c: Tensor) -> tuple[Tensor, ...]:
    """Return the seven residuals of a channel (B, H, W), each a little smaller."""
    along_x, along_y = c[:, :, 1:] - c[:, :, :-1], c[:, 1:] - c[:, :-1]
    checker = c[:, 1:, 1:] - c[:, 1:, :-1] - c[:, :-1, 1:] + c[:, :-1, :-1]
    centre = c[:, 1:-1, 1:-1]
    laplacian = 4 * centre - c[:, :-2, 1:-1] - c[:, 2:, 1:-1] - c[:, 1:-1, :-2] - c[:, 1:-1, 2:]
    second_x = c[:, :, 2:] - 2 * c[:, :, 1:-1] + c[:, :, :-2]
    second_y = c[:, 2:] - 2 * c[:, 1:-1] + c[:, :-2]
    return along_x, along_y, checker, laplacian, _highpass(c), second_x, second_y


def _energy(residuals: tuple[Tensor, ...]) -> Tensor:
    """Log kurtosis, mean |z| and share of zeros of each; log standard deviations and differences of them."""
    shapes, logs = [], []
    for r in residuals:
        flat = r.flatten(1)
        count = flat.shape[1]
        absolute = flat.abs()
        zeros = (absolute < 0.5).sum(1) / count
        # Of sums, unlike of the threshold, single precision is enough.
        mean, size = flat.mean(1), absolute.float()
        squares = size.square()
        variance = (squares.mean(1).double() - mean.double() ** 2).clamp(min=0)
        spread = variance.sqrt() + 1e-3
        fourth = squares.square().mean(1).double() / spread**4
        shapes += [torch.log(fourth + 1e-6), size.mean(1).double() / spread, zeros.double()]
        logs.append(spread.log())
    pairs = ((0, 1), (2, 0), (3, 4), (5, 6), (5, 0))
    return torch.stack([*shapes, *logs, *(logs[i] - logs[j] for i, j in pairs)], 1)


def _autocorrelation(r: Tensor, lags: Iterable[tuple[int, int]]) -> Tensor:
    r = r - r.mean((1, 2), keepdim=True)
    height, width = r.shape[1:]
    power = (r * r).mean((1, 2)) + 1e-6
    shifted = [(r[:, : height - a, : width - b] * r[:, a:, b:]).mean((1, 2)) / power for a, b in lags]
    return torch.stack(shifted, 1)


def _phase(r: Tensor) -> Tensor:
    """Mean |residual| by column and row modulo 2, 4 and 8, over its mean: range, spread, and harmonics."""
    absolute = r.abs()
    mean, found = absolute.mean((1, 2))[:, None] + 1e-6, []
    for period in (2, 4, 8):
        for axis in (0, 1):
            line = absolute.mean(2 - axis)
            whole = line[:, : line.shape[1] // period * period]
            folded = whole.reshape(len(line), -1, period).mean(1) / mean
            found += [folded.amax(1, keepdim=True) - folded.amin(1, keepdim=True)]
            found += [folded.std(1, correction=0, keepdim=True)]
            found += [torch.fft.rfft(folded)[:, 1:].abs() / period]
    return torch.cat(found, 1)


@cache
def _rings_of(size: int) -> tuple[Tensor, Tensor]:
    """Return how often each place of half a spectrum (S, S/2 + 1) counts, and the matrix to its means over rings."""
    half = size // 2
    rows = torch.fft.fftfreq(size, 1 / size, dtype=torch.float64)[:, None]
    columns = torch.arange(half + 1, dtype=torch.float64)[None]
    last = int(RINGS * 1.41)
    ring = (torch.hypot(rows, columns) / half * RINGS).long().clamp(max=last).flatten()
    # The columns between stand for their mirror images, too.
    times = torch.where((columns > 0) & (columns < half), 2.0, 1.0).double().expand(size, half + 1).flatten()
    weights = torch.zeros(len(ring), last + 1, dtype=torch.float64)
    weights[torch.arange(len(ring)), ring] = times
    return times / size**2, weights / weights.sum(0)


def _rings(r: Tensor) -> Tensor:
    """Log power in rings of the spectrum, near the Nyquist and half the Nyquist frequency; shares of outliers."""
    r = r[:, :126, :126]
    power = _power((r - r.mean((1, 2), keepdim=True)) * _window(126).to(r.device))
    share, rings = (each.to(r.device) for each in _rings_of(126))
    log = torch.log(power + 1e-3).flatten(1)
    ring, flat = log @ rings, power.flatten(1)
    level = (log @ share)[:, None]
    outliers = [((flat > (flat @ share)[:, None] * times).double() @ share) for times in (5, 20, 80)]
    corners = torch.log(_corners(power) + 1e-3) - level
    return torch.cat([ring - ring.mean(1, keepdim=True), corners, torch.stack(outliers, 1)], 1)


def _corners(power: Tensor) -> Tensor:
    """Return mean power at (0, N), (N, 0), (N, N), (0, N/2), (N/2, 0), (N/2, N/2), N the Nyquist frequency.

    `power` (B, 126, 64) is half a spectrum: what lies at negative frequencies along x is read at the opposite ones.
    """
    flipped = power.roll(-1, 1).flip(1)
    wide = torch.cat([flipped[:, :, 1:3], power[:, :, :3]], 2)
    narrow = torch.cat([flipped[:, :, 1:2], power[:, :, :2]], 2)
    places = (
        power.roll(2, 1)[:, :5, 61:],
        wide[:, 63:66],
        power[:, 61:64, 61:],
        power.roll(1, 1)[:, :3, 30:33],
        narrow[:, 30:33],
        power[:, 30:33, 30:33],
    )
    return torch.stack([place.mean((1, 2)) for place in places], 1)


def _mean_spectrum(r: Tensor) -> Tensor:
    """Return the mean power spectrum (B, 64, 33) of nine windows of 64 px."""
    windows = r.unfold(1, 64, 31).unfold(2, 64, 31).flatten(1, 2)
    return _power((windows - windows.mean((2, 3), keepdim=True)) * _window(64).to(r.device)).mean(1)


def _power(values: Tensor) -> Tensor:
    """Return half the power spectrum of real values (..., H, W)."""
    power: Tensor = torch.view_as_real(torch.fft.rfft2(values)).square().sum(-1)
    return power


def _spectrum_map(mean: Tensor) -> Tensor:
    """Log power, and the height of its peaks, in 11 x 11 cells of |fy|, fx, of a mean spectrum (B, 64, 33)."""
    folded = torch.cat([mean[:, :1], (mean[:, 1:32] + mean[:, 33:].flip(1)) / 2, mean[:, 32:33]], 1)
    log = torch.log(folded + 1e-3)
    cells = (log - log.mean((1, 2), keepdim=True)).reshape(-1, 11, 3, 11, 3)
    peaks = cells.amax((2, 4)) - cells.amin((2, 4))
    return torch.cat([cells.mean((2, 4)).flatten(1), peaks.flatten(1)], 1)


@cache
def _window(size: int) -> Tensor:
    line = torch.hann_window(size, periodic=False, dtype=torch.float64)
    return torch.outer(line, line)


def _quantised(r: Tensor, step: float) -> Tensor:
    return (r / step).round().clamp(-ROUNDED, ROUNDED).int() + ROUNDED


def _histogram(values: Tensor, bins: int) -> Tensor:
    """Return the shares (B, bins) of integers 0 to bins - 1 (B, ...)."""
    flat = values.flatten(1)
    offsets = torch.arange(len(flat), device=flat.device, dtype=flat.dtype)[:, None] * bins
    counts = torch.bincount((flat + offsets).flatten(), minlength=bins * len(flat))
    return counts.view(len(flat), bins).double() / flat.shape[1]


def _cooccurrence(r: Tensor, step: float) -> Tensor:
    """Square roots of the shares of neighbouring pairs along x and y, the same under exchange and change of sign."""
    x = _quantised(r, step)
    levels = 2 * ROUNDED + 1
    rows, columns = torch.triu_indices(levels, levels)
    found = []
    for first, second in ((x[:, :, :-1], x[:, :, 1:]), (x[:, :-1], x[:, 1:])):
        shares = _histogram(first * levels + second, levels**2).reshape(-1, levels, levels)
        shares = shares + shares.flip(1, 2)
        found.append(((shares + shares.transpose(1, 2))[:, rows, columns] / 4).sqrt())
    return torch.cat(found, 1)


def _between(first: Tensor, second: Tensor) -> Tensor:
    """The correlation of two residuals, 1 where one is flat; square roots of the shares of their pairs of values."""
    a, b = (r.flatten(1) - r.flatten(1).mean(1, keepdim=True) for r in (first, second))
    power = (a * a).sum(1).sqrt() * (b * b).sum(1).sqrt()
    alike = torch.where(power > 0, (a * b).sum(1) / power.clamp(min=1e-300), 1.0)
    levels = 2 * ROUNDED + 1
    joint = _histogram(_quantised(first, 1) * levels + _quantised(second, 1), levels**2)
    return torch.cat([alike[:, None], joint.sqrt()], 1)


@cache
def _dct_matrix() -> Tensor:
    """Return the orthonormal type-II DCT of 8 values, (8, 8)."""
    k = torch.arange(8, dtype=torch.float64)
    matrix = 0.5 * torch.cos(math.pi * (2 * k[None] + 1) * k[:, None] / 16)
    matrix[0] /= math.sqrt(2)
    return matrix


def _block_dct(c: Tensor) -> Tensor:
    """Log mean |coefficient| and share of zeros of the 8 x 8 block DCT, the constant ones left out."""
    matrix = _dct_matrix().to(c.device)
    blocks = c.reshape(len(c), SIZE // 8, 8, SIZE // 8, 8).transpose(2, 3)
    absolute = (matrix @ blocks @ matrix.T).abs()
    size = torch.log(absolute.mean((1, 2)) + 0.02).flatten(1)[:, 1:]
    return torch.cat([size, (absolute < 0.5 - TIE).double().mean((1, 2)).flatten(1)[:, 1:]], 1)


def _colour(colours: tuple[Tensor, ...], channels: tuple[Tensor, ...]) -> Tensor:
    """Shares of black and white and of levels that occur, by colour; mean and spreads."""
    found = []
    for colour in colours:
        shares = _histogram(colour.int(), 256)
        found += [shares[:, 0], shares[:, 255], (shares > 0).double().mean(1)]
    spreads = [channel.flatten(1).std(1, correction=0) / 64 for channel in channels]
    return torch.stack([*found, channels[0].mean((1, 2)) / 255, *spreads], 1)
