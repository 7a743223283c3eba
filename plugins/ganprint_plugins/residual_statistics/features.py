"""Statistics of high-pass residuals of crops: noise, grid and spectrum, batched on torch.

A crop's channels are Y (luma, ITU-R BT.601), R-G and B-G. Their residuals: first differences along x and y, the 2x2
checkerboard difference, the Laplacian, the crop less its 3x3 mean, second differences along x and y. Residuals of R-G
and B-G are whole numbers, which float32 holds exactly. Those of Y are float64: counts of quantised ones hang on ties
that float32 breaks differently. `counts.py` has the counts, `power_spectra.py` the spectra, and `further.py` the
families that were added.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor

from ganprint_plugins.residual_statistics import further
from ganprint_plugins.residual_statistics.counts import between, cooccurrence, histogram, quantised
from ganprint_plugins.residual_statistics.frozen import FEATURES, frozen_features
from ganprint_plugins.residual_statistics.power_spectra import mean_spectrum, rings, spectrum_map
from ganprint_plugins.residual_statistics.spec import SIZE

NUMERICS = 2
"""One more for each change by which the same crops have other statistics: those that a training has kept are then
computed again.
"""
CHANNELS = ("Y", "R-G", "B-G")
CHECKER, HIGHPASS, SECOND_X = 2, 4, 5
"""Places of residuals that more is made of than their energy."""
STEPS: tuple[tuple[int, ...], ...] = ((), (), (), (), (1,), (1, 3), ())
"""Steps of grey levels that each residual is quantised in for co-occurrences."""
LAGS = (
    *((0, 1), (1, 0), (1, 1), (0, 2), (2, 0), (2, 2), (0, 3), (3, 0), (0, 4), (4, 0), (4, 4)),
    *((0, 8), (8, 0), (8, 8)),
)
"""Rows and columns between residuals that autocorrelations are of: interpolation and demosaicing reach 4, JPEG 8."""
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
CROPS_AT_ONCE = 8
"""On a CPU: more leave its cache, with fewer the calls of torch count."""
RINGS_AT_ONCE = 12
"""Residuals whose rings are computed at once; of more the memory is returned to the system each time."""
TIE = 1e-9
"""Coefficients this near 0.5 count as 0.5, on whichever side round-off puts them."""


@dataclass(frozen=True)
class Statistic:
    """What one number is of: a family of statistics, and a channel or pair of channels."""

    family: str
    channel: str


def statistics(crops: Tensor) -> Tensor:
    """Return the statistics, float32 (B, F), of uint8 RGB crops (B, 3, 128, 128), in the order of `names`."""
    if not len(crops):
        return torch.empty(0, len(names()), device=crops.device)
    parts = [[values.float() for _, values in _blocks(some)] for some in _parts(crops, CROPS_AT_ONCE)]
    return torch.cat([torch.cat(part, 1) for part in parts]).nan_to_num(0, 0, 0)


def describe(crops: Tensor, *, frozen: bool) -> Tensor:
    """Return the statistics of crops (B, 3, 128, 128), and with `frozen` that network's features after them."""
    own = statistics(crops)
    return torch.cat([own, frozen_features(crops)], 1) if frozen else own


def precise_device(device: str) -> torch.device:
    """Return the device on which statistics are computed: the CPU in the place of MPS, which has no float64."""
    found = torch.device(device)
    return torch.device("cpu") if found.type == "mps" else found


def columns(frozen: bool) -> int:
    """Return how many numbers `describe` gives of a crop."""
    return len(names()) + FEATURES * frozen


@cache
def names() -> tuple[Statistic, ...]:
    """Return what each statistic is of; that needs none to be computed, which would delay every start."""
    of_channels = [(family, channel, length) for channel in CHANNELS for family, length in LENGTHS.items()]
    parts = (*of_channels, *LENGTHS_OF_COLOURS)
    return tuple(each for *what, length in parts for each in (Statistic(*what),) * length)


def _parts(values: Tensor, most: int) -> tuple[Tensor, ...]:
    """Return values (B, ...) in parts of at most so many; on a GPU all at once."""
    return torch.split(values, most) if values.device.type == "cpu" else (values,)


def _blocks(crops: Tensor) -> Iterable[tuple[Statistic, Tensor]]:
    """Yield the statistics by family and channel, (B, .) each."""
    colours = crops.float()
    red, green, blue = crops.double().unbind(1)
    luma = 0.299 * red + 0.587 * green + 0.114 * blue
    differences = torch.stack([colours[:, 0] - colours[:, 1], colours[:, 2] - colours[:, 1]], 1)
    of_channels, of_three = _of_channels(luma, differences)
    of_colours = _highpass(colours.flatten(0, 1)).view(len(crops), 3, SIZE - 2, SIZE - 2)
    levels = further.noise_levels(torch.cat([of_three, of_colours], 1), luma.float())
    for number, channel in enumerate(CHANNELS):
        for family, values in of_channels.items():
            yield Statistic(family, channel), values[:, number]
        yield Statistic("noise level", channel), levels[:, number]
    yield Statistic("co-occurrence", "R, G, B"), between(of_colours)
    yield Statistic("colour", "R, G, B"), _colour(crops, luma, differences)
    for number, colour in enumerate("RGB"):
        yield Statistic("noise level", colour), levels[:, 3 + number]
    yield Statistic("noise of R, G and B", "R, G, B"), further.between_colours(colours, of_colours)


def _of_channels(luma: Tensor, differences: Tensor) -> tuple[dict[str, Tensor], Tensor]:
    """Return the families (B, 3, .) of the channels in their order, and the high-pass, float32 (B, 3, 126, 126).

    `luma` is float64 (B, 128, 128), `differences` float32 (B, 2, 128, 128) and whole numbers.
    """
    apart = differences.flatten(0, 1)
    energies, pairs, kept = [], [], {}
    for kind, each in enumerate(zip(_residuals(luma), _residuals(apart), strict=True)):
        r = _together(each[0].float(), each[1])
        energies.append(torch.cat([_moments(r), _together(*map(_zeros, each))[None]]))
        pairs += [cooccurrence(_together(*(quantised(one, step) for one in each))) for step in STEPS[kind]]
        if kind in (CHECKER, HIGHPASS):
            kept[kind] = r
        if kind == HIGHPASS:
            # Whether power is so many times the mean is counted, and single precision tips some.
            precise = _together(each[0], _highpass(apart.double()))
            spectrum = torch.cat([rings(some) for some in _parts(precise, RINGS_AT_ONCE)])
    checker, highpass = kept[CHECKER], kept[HIGHPASS]
    power = mean_spectrum(highpass)
    lags = [_autocorrelation(highpass, LAGS), _autocorrelation(checker, LAGS[:5])]
    channels = torch.cat([luma[:, None], differences], 1).flatten(0, 1)
    single = channels.float()
    families = {
        "energy": _energy(energies),
        "autocorrelation": torch.cat(lags, 1),
        "phase": _phase([highpass, checker]),
        "spectrum": torch.cat([spectrum, spectrum_map(power)], 1),
        "co-occurrence": torch.cat([*pairs[1:], pairs[0]], 1),
        "dct": _block_dct(channels),
        "peaks": further.spectral_peaks(power),
        "patterns": further.local_patterns(single),
        "half size": _half_size(single),
    }
    count = len(CHANNELS)
    shaped = {family: values.view(len(luma), count, -1) for family, values in families.items()}
    return shaped, highpass.view(len(luma), count, *highpass.shape[1:])


def _together(of_luma: Tensor, of_differences: Tensor) -> Tensor:
    """Return what Y (B, ...) and the differences (2B, ...) have as that of all channels (3B, ...), crop by crop."""
    of_two = of_differences.view(len(of_luma), 2, *of_luma.shape[1:])
    return torch.cat([of_luma[:, None], of_two], 1).flatten(0, 1)


def _half_size(c: Tensor) -> Tensor:
    """Return energy, autocorrelation, co-occurrences and phase of a channel at half its size."""
    small = (c[:, ::2, ::2] + c[:, ::2, 1::2] + c[:, 1::2, ::2] + c[:, 1::2, 1::2]) / 4
    residuals = list(_residuals(small))
    energies = [torch.cat([_moments(r), _zeros(r)[None]]) for r in residuals]
    highpass = residuals[HIGHPASS]
    pairs = [cooccurrence(quantised(residuals[kind], 1)) for kind in (SECOND_X, HIGHPASS)]
    return torch.cat([_energy(energies), _autocorrelation(highpass, LAGS), *pairs, _phase([highpass])], 1)


def _highpass(c: Tensor) -> Tensor:
    rows = c[:, :, :-2] + c[:, :, 1:-1]
    rows += c[:, :, 2:]
    means = rows[:, :-2] + rows[:, 1:-1]
    means += rows[:, 2:]
    means /= 9
    return torch.sub(c[:, 1:-1, 1:-1], means, out=means)


def _residuals(c: Tensor) -> Iterator[Tensor]:
    """Yield the seven residuals of a channel (B, H, W), each a little smaller; the Laplacian's sign is reversed."""
    yield c[:, :, 1:] - c[:, :, :-1]
    yield c[:, 1:] - c[:, :-1]
    checker = c[:, 1:, 1:] - c[:, 1:, :-1]
    checker -= c[:, :-1, 1:]
    checker += c[:, :-1, :-1]
    yield checker
    centre = c[:, 1:-1, 1:-1]
    # Twice and four times a number are exact: in one pass they round as in two.
    laplacian = torch.sub(c[:, :-2, 1:-1], centre, alpha=4)
    laplacian += c[:, 2:, 1:-1]
    laplacian += c[:, 1:-1, :-2]
    laplacian += c[:, 1:-1, 2:]
    yield laplacian
    yield _highpass(c)
    second_x = torch.sub(c[:, :, 2:], c[:, :, 1:-1], alpha=2)
    second_x += c[:, :, :-2]
    yield second_x
    second_y = torch.sub(c[:, 2:], c[:, 1:-1], alpha=2)
    second_y += c[:, :-2]
    yield second_y


def _moments(r: Tensor) -> Tensor:
    """Return the means (4, B) of a residual (B, H, W), its absolute values, squares and fourth powers."""
    squares = r.square()
    means = [r.mean((1, 2)), r.abs().mean((1, 2)), squares.mean((1, 2)), squares.square_().mean((1, 2))]
    return torch.stack(means)


def _zeros(r: Tensor) -> Tensor:
    """Return the share of zeros, float32 (B,), of a residual (B, H, W)."""
    # A comparison with a result of its own type takes a fifth of the time of one that gives truth values.
    return r.abs().lt_(0.5).mean((1, 2)).float()


def _energy(means: Sequence[Tensor]) -> Tensor:
    """Log kurtosis, mean |z| and share of zeros of each residual; log standard deviations and differences of them.

    `means` are those of each residual by `_moments`, and its share of zeros, (5, B).
    """
    mean, size, square, fourth, zeros = torch.stack(list(means), 2).double()
    spread = (square - mean**2).clamp(min=0).sqrt() + 1e-3
    shapes = torch.stack([torch.log(fourth / spread**4 + 1e-6), size / spread, zeros], 2).flatten(1)
    logs = spread.log()
    pairs = logs[:, [0, 2, 3, 5, 5]] - logs[:, [1, 0, 4, 6, 0]]
    return torch.cat([shapes, logs, pairs], 1)


def _autocorrelation(r: Tensor, lags: Sequence[tuple[int, int]]) -> Tensor:
    flat, width = further.padded(r)
    height, columns = r.shape[1:]
    sums = [further.lagged(flat, flat, lag, height, width) for lag in lags]
    counts = [(height - down) * (columns - right) for down, right in lags]
    power = flat.square().sum(1) / (height * columns) + 1e-6
    return torch.stack(sums, 1) / torch.tensor(counts, device=r.device) / power[:, None]


def _phase(residuals: Sequence[Tensor]) -> Tensor:
    """Mean |residual| by row and column modulo 2, 4 and 8, over its mean: range, spread, and harmonics, of each."""
    lines, means = [], []
    for r in residuals:
        absolute = r.abs()
        rows, columns = absolute.mean(2), absolute.mean(1)
        # No period needs the last place of an odd number.
        side = rows.shape[1] // 2 * 2
        lines.append(torch.stack([rows[:, :side], columns[:, :side]], 1))
        means.append(rows.mean(1))
    both, found = torch.stack(lines, 1), []
    mean = torch.stack(means, 1)[:, :, None, None] + 1e-6
    for period in (2, 4, 8):
        whole = both[..., : both.shape[3] // period * period]
        folded = whole.reshape(*whole.shape[:3], -1, period).mean(3) / mean
        spread = folded.amax(3, keepdim=True) - folded.amin(3, keepdim=True)
        harmonics = torch.fft.rfft(folded)[..., 1:].abs() / period
        found.append(torch.cat([spread, folded.std(3, correction=0, keepdim=True), harmonics], 3).flatten(2))
    return torch.cat(found, 2).flatten(1)


@cache
def _dct_matrix() -> Tensor:
    """Return the orthonormal type-II DCT of 8 values, (8, 8)."""
    k = torch.arange(8, dtype=torch.float64)
    matrix = 0.5 * torch.cos(math.pi * (2 * k[None] + 1) * k[:, None] / 16)
    matrix[0] /= math.sqrt(2)
    return matrix


def _block_dct(c: Tensor) -> Tensor:
    """Log mean |coefficient| and share of zeros of the 8 x 8 block DCT, the constant ones left out."""
    matrix, blocks = _dct_matrix().to(c.device), SIZE // 8
    along_y = matrix @ c.reshape(-1, 8, SIZE)
    # One product of all rows, blocks beside each other: products of 8 x 8 blocks take five times as long.
    absolute = (along_y.view(-1, 8) @ matrix.T).abs_().view(len(c), blocks, 8, blocks, 8)
    size = torch.log(absolute.sum(1).sum(2) / blocks**2 + 0.02).flatten(1)[:, 1:]
    zeros = absolute.lt_(0.5 - TIE).sum(1).sum(2) / blocks**2
    return torch.cat([size, zeros.flatten(1)[:, 1:]], 1)


def _colour(crops: Tensor, luma: Tensor, differences: Tensor) -> Tensor:
    """Shares of black and white and of levels that occur, by colour; mean and spreads."""
    shares = histogram(crops.flatten(0, 1), 256)
    levels = torch.stack([shares[:, 0], shares[:, 255], (shares > 0).double().mean(1)], 1)
    channels = torch.cat([luma.float()[:, None], differences], 1).flatten(2)
    centred = channels - channels.mean(2, keepdim=True)
    spreads = centred.square_().mean(2).sqrt() / 64
    return torch.cat([levels.view(len(crops), -1), luma.mean((1, 2))[:, None] / 255, spreads], 1)
