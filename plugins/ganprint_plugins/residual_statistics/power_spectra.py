"""Power spectra of residuals: rings, corners, and a map of the mean over windows."""

from functools import cache

import torch
from torch import Tensor

RINGS = 24
"""Rings of the spectrum up to the Nyquist frequency; the corners beyond it have as wide ones."""


@cache
def _rings_of(size: int) -> tuple[Tensor, Tensor]:
    """Return the share that each place of half a spectrum (S, S/2 + 1) stands for, and the matrix to its means.

    These are over each of the rings, and over all.
    """
    half = size // 2
    rows = torch.fft.fftfreq(size, 1 / size, dtype=torch.float64)[:, None]
    columns = torch.arange(half + 1, dtype=torch.float64)[None]
    last = int(RINGS * 1.41)
    ring = (torch.hypot(rows, columns) / half * RINGS).long().clamp(max=last).flatten()
    # The columns between stand for their mirror images, too.
    times = torch.where((columns > 0) & (columns < half), 2.0, 1.0).double().expand(size, half + 1).flatten()
    weights = torch.zeros(len(ring), last + 1, dtype=torch.float64)
    weights[torch.arange(len(ring)), ring] = times
    share = times / size**2
    return share, torch.cat([weights / weights.sum(0), share[:, None]], 1)


def rings(r: Tensor) -> Tensor:
    """Log power in rings of the spectrum, near the Nyquist and half the Nyquist frequency; shares of outliers.

    `r` is a residual, float64 (B, 126, 126).
    """
    power = _pairs((r - r.mean((1, 2), keepdim=True)).mul_(_window(126).to(r)))
    power = power[..., 0] + power[..., 1]
    share, to_rings = (each.to(r.device) for each in _rings_of(126))
    flat = power.flatten(1)
    mean = (flat @ share)[:, None]
    # Counts and sums need the precision, logarithms do not.
    log = torch.log(flat.float() + 1e-3).double() @ to_rings
    ring, level = log[:, :-1], log[:, -1:]
    corners = torch.log(_corners(power) + 1e-3) - level
    larger = torch.empty_like(flat)
    outliers = [torch.gt(flat, mean * times, out=larger) @ share for times in (5, 20, 80)]
    return torch.cat([ring - ring.mean(1, keepdim=True), corners, torch.stack(outliers, 1)], 1)


def _corners(power: Tensor) -> Tensor:
    """Return mean power at (0, N), (N, 0), (N, N), (0, N/2), (N/2, 0), (N/2, N/2), N the Nyquist frequency.

    `power` (B, 126, 64) is half a spectrum: what lies at negative frequencies along x is read at the opposite ones.
    """
    flipped = power[:, :, :3].roll(-1, 1).flip(1)
    wide = torch.cat([flipped[:, :, 1:3], power[:, :, :3]], 2)
    narrow = torch.cat([flipped[:, :, 1:2], power[:, :, :2]], 2)
    places = (
        torch.cat([power[:, -2:, 61:], power[:, :3, 61:]], 1),
        wide[:, 63:66],
        power[:, 61:64, 61:],
        torch.cat([power[:, -1:, 30:33], power[:, :2, 30:33]], 1),
        narrow[:, 30:33],
        power[:, 30:33, 30:33],
    )
    return torch.stack([place.mean((1, 2)) for place in places], 1)


def mean_spectrum(r: Tensor) -> Tensor:
    """Return the mean power spectrum (B, 64, 33) of nine windows of 64 px."""
    window = _window(64).to(r)
    total = r.new_zeros(len(r), 64, 66)
    # By rows of windows: all at once leave a CPU's cache.
    for row in range(3):
        windows = r[:, 31 * row : 31 * row + 64].unfold(2, 64, 31).transpose(1, 2)
        power = _pairs((windows - windows.mean((2, 3), keepdim=True)).mul_(window))
        total += power.flatten(3).sum(1)
    total = total.view(-1, 64, 33, 2)
    return (total[..., 0] + total[..., 1]) / 9


def _pairs(values: Tensor) -> Tensor:
    """Return squares of the real and the imaginary part (..., 2) of half the spectrum of real values (..., H, W)."""
    return torch.view_as_real(torch.fft.rfft2(values)).square_()


def spectrum_map(mean: Tensor) -> Tensor:
    """Log power, and the height of its peaks, in 11 x 11 cells of |fy|, fx, of a mean spectrum (B, 64, 33)."""
    folded = torch.cat([mean[:, :1], (mean[:, 1:32] + mean[:, 33:].flip(1)) / 2, mean[:, 32:33]], 1)
    log = torch.log(folded + 1e-3)
    cells = (log - log.mean((1, 2), keepdim=True)).reshape(-1, 11, 3, 11, 3)
    peaks = cells.amax(2).amax(3) - cells.amin(2).amin(3)
    return torch.cat([cells.mean(2).mean(3).flatten(1), peaks.flatten(1)], 1)


@cache
def _window(size: int) -> Tensor:
    line = torch.hann_window(size, periodic=False, dtype=torch.float64)
    return torch.outer(line, line)
