"""Noise residuals: what a wavelet denoiser takes away, cleaned of what all images share.

Mihcak, Kozintsev and Ramchandran's adaptive Wiener filter in the wavelet domain (ICASSP 1999), as camera
forensics uses it (Chen, Fridrich, Goljan and Lukas, TIFS 2008) and Marra et al. (MIPR 2019) for GANs.
Batched on torch; the transform is a product with two small matrices.
"""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import pywt
import torch
from torch import Tensor
from torch.nn import functional

from ganprint.images.spectrum import luma

WAVELET = "db4"
EDGE = "symmetric"
"""How PyWavelets continues an image over its border."""
WINDOWS = (3, 5, 7, 9)
"""Sides of the squares over which a coefficient's variance is estimated; the least estimate counts."""
CPU_CHUNK = 2**19
"""Values of images whose residuals are computed at a time on the CPU."""


def noise_residuals(images: Tensor, *, levels: int, sigma: float) -> Tensor:
    """Return the noise of floating images (..., H, W) in 0..255, the same shape, each plane for itself.

    `levels` decompositions with Daubechies' wavelet of four moments; `sigma`, in grey levels, is the
    noise's deviation. In each detail band the Wiener filter's noise part is kept; the rest is dropped.
    """
    planes = images.reshape(-1, *images.shape[-2:])
    parts = [_compose(_noise_bands(part, levels, sigma)) for part in _chunks(planes)]
    return torch.cat(parts).reshape(images.shape)


def clean_residuals(images: Tensor, *, levels: int, sigma: float) -> Tensor:
    """Return the residuals (B, H, W) of RGB images (B, 3, H, W) in 0..255 that are correlated with fingerprints.

    Grey by luma, the means of rows and columns of the four sub-grids removed, peaks of the spectrum
    flattened by a Wiener filter with the residual's own deviation.
    """

    def clean(part: Tensor) -> Tensor:
        bands = _noise_bands(part.flatten(0, 1), levels, sigma)
        # Luma is linear, so one plane is composed instead of three.
        grey = [(luma(each.view(-1, 3, *each.shape[1:]).transpose(1, 2)), size) for each, size in bands]
        return flatten_spectrum(remove_means(_compose(grey)))

    return torch.cat([clean(part) for part in _chunks(images)])


def remove_means(planes: Tensor) -> Tensor:
    """Return planes (B, H, W) whose sub-grids of every second pixel have rows and columns of mean zero."""
    result = torch.empty_like(planes)
    for top in (0, 1):
        for left in (0, 1):
            grid = planes[:, top::2, left::2]
            grid = grid - grid.mean((1, 2), keepdim=True)
            across, down = grid.mean(2, keepdim=True), grid.mean(1, keepdim=True)
            result[:, top::2, left::2] = grid - across - down
    return result


def flatten_spectrum(planes: Tensor) -> Tensor:
    """Return planes (B, H, W) with the peaks of their Fourier magnitudes filtered out.

    The magnitudes pass the adaptive Wiener filter; the noise variance is the plane's own (one less in the divisor).
    """
    height, width = planes.shape[-2:]
    spectrum = torch.fft.rfft2(planes)
    half = spectrum.abs()
    # At opposite frequencies they are equal.
    magnitude = torch.cat([half, half[..., 1 : (width + 1) // 2].flip(1, 2).roll(1, 1)], dim=2)
    magnitude.div_((height * width) ** 0.5)
    # Quicker than var().
    energy = (planes - planes.mean((1, 2), keepdim=True)).square_().sum((1, 2), keepdim=True)
    variance = energy.div_(height * width - 1).clamp_(min=torch.finfo(planes.dtype).tiny)
    share = _noise_share(magnitude, variance)
    # The windows end at the border, so the two halves' shares differ; the real part is their mean's.
    opposite = torch.cat([share[..., :1], share[..., (width + 1) // 2 :].flip(2)], dim=2).flip(1).roll(1, 1)
    kept = opposite.add_(share[..., : width // 2 + 1]).div_(2)
    flattened: Tensor = torch.fft.irfft2(spectrum.mul_(kept), s=(height, width))
    return flattened


def _chunks(images: Tensor) -> Sequence[Tensor]:
    """Return images in groups whose bands stay in a processor's cache; on an accelerator all together."""
    if images.device.type != "cpu":
        return [images]
    return torch.split(images, max(1, CPU_CHUNK // images[0].numel()))


def _noise_bands(planes: Tensor, levels: int, sigma: float) -> list[tuple[Tensor, tuple[int, int]]]:
    """Return for each level the noise of its details (P, 3, h, w) and the size of the plane above it."""
    bands = []
    for _ in range(levels):
        height, width = planes.shape[-2:]
        down, across = (_analysis(side, planes.dtype, planes.device) for side in (height, width))
        rows, columns = len(down) // 2, len(across) // 2
        quarters = down @ (planes @ across.mT)
        details = quarters[:, :rows, columns:], quarters[:, rows:, :columns], quarters[:, rows:, columns:]
        values = torch.stack(details, dim=1)
        bands.append((_noise_share(values, sigma**2).mul_(values), (height, width)))
        planes = quarters[:, :rows, :columns]
    return bands


def _compose(bands: list[tuple[Tensor, tuple[int, int]]]) -> Tensor:
    """Return planes (P, H, W) from their levels' details, from the deepest up, on an approximation of zero."""
    planes = torch.zeros_like(bands[-1][0][:, 0])
    for details, (height, width) in reversed(bands):
        rows, columns = details.shape[-2:]
        upper = torch.cat([planes[:, :rows, :columns], details[:, 0]], dim=2)
        lower = torch.cat([details[:, 1], details[:, 2]], dim=2)
        up, along = (_synthesis(side, planes.dtype, planes.device) for side in (height, width))
        planes = (up @ torch.cat([upper, lower], dim=1) @ along.mT)[:, :height, :width]
    return planes


def _noise_share(values: Tensor, variance: float | Tensor) -> Tensor:
    """Return noise over noise and signal, whose variance is the least local one beyond the noise's."""
    signal = _least_mean(values.square()).sub_(variance).clamp_(min=0)
    return signal.add_(variance).reciprocal_().mul_(variance)


def _least_mean(energy: Tensor) -> Tensor:
    """Return the least of the means over windows of 3, 5, 7 and 9 around each place, zeros beyond the border.

    A window's sums are of rows, each a smaller window's and its two ends, and of these in pairs and fours.
    Memory is taken once, for all windows.
    """
    height, width = energy.shape[-2:]
    reach = max(WINDOWS) // 2
    padded = functional.pad(energy, (reach, reach, reach, reach))
    rows = padded[..., reach : reach + width].clone()
    least, other = torch.empty_like(energy), torch.empty_like(energy)
    scratch = [torch.empty_like(rows) for _ in range(3)]
    for step in range(1, reach + 1):
        rows.add_(padded[..., reach - step : reach - step + width])
        rows.add_(padded[..., reach + step : reach + step + width])
        mean = least if step == 1 else other
        _sum_rows(rows[..., reach - step : reach + height + step, :], scratch, mean)
        mean.div_((2 * step + 1) ** 2)
        torch.minimum(least, mean, out=least)
    return least


def _sum_rows(rows: Tensor, scratch: list[Tensor], out: Tensor) -> None:
    """Write into `out` (..., h, w) the sums of each h' - h + 1 neighbouring rows of (..., h', w), an odd number."""
    height = out.shape[-2]
    others = rows.shape[-2] - height
    total = rows[..., others:, :]
    covered, span = 0, 1
    for larger in scratch:
        if covered == others:
            break
        sums = larger[..., : rows.shape[-2] - span, :]
        rows = torch.add(rows[..., :-span, :], rows[..., span:, :], out=sums)
        span *= 2
        if others & span:
            total = torch.add(total, rows[..., covered : covered + height, :], out=out)
            covered += span


@lru_cache(maxsize=64)
@torch.inference_mode(False)  # it is kept, and may be asked for gradients later
def _analysis(size: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """Return the matrix (2 m, size) from a line to its approximation and, below, its detail."""
    parts = pywt.dwt(np.eye(size), WAVELET, mode=EDGE, axis=0)
    return torch.from_numpy(np.concatenate(parts)).to(device, dtype)


@lru_cache(maxsize=64)
@torch.inference_mode(False)
def _synthesis(size: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """Return the matrix (size or one more, 2 m) from approximation and detail back to the line."""
    length = pywt.dwt_coeff_len(size, pywt.Wavelet(WAVELET).dec_len, EDGE)
    unit, zero = np.eye(length), np.zeros((length, length))
    pair = [pywt.idwt(unit, zero, WAVELET, axis=0), pywt.idwt(zero, unit, WAVELET, axis=0)]
    return torch.from_numpy(np.concatenate(pair, axis=1)).to(device, dtype)
