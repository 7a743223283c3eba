"""Digital changes: brightness, contrast, saturation, elastic transform, pixelation and JPEG.

Images are float32 (n, 3, H, W) in 0..255, results may leave that range; constants are ImageNet-C's
(Hendrycks and Dietterich 2019).
"""

import io
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ganprint.perturbation.filters import SmoothedField, smooth
from ganprint.perturbation.pieces import Painter
from ganprint.perturbation.severity import by_severity, per_image
from ganprint.perturbation.stream import Stream, uniform_fields

BRIGHTNESS = (0.1, 0.2, 0.3, 0.4, 0.5)
"""Added to HSV's value, of 1."""
CONTRAST = (0.4, 0.3, 0.2, 0.1, 0.05)
SATURATE = ((0.3, 0.0), (0.1, 0.0), (2.0, 0.0), (5.0, 0.1), (20.0, 0.2))
"""HSV's saturation is multiplied by the first and increased by the second."""
ELASTIC = (12.5, 16.25, 21.25, 25.0, 30.0)
"""Gain of the displacement, whose raw range and Gaussian are shares of the image's sides."""
ELASTIC_RANGE = 0.005
ELASTIC_SIGMA = 0.01
ELASTIC_TRUNCATE = 3.0
PIXELATE = (0.6, 0.5, 0.4, 0.3, 0.25)
"""Size of the small image, of the sides."""
JPEG = (25, 18, 15, 10, 7)
"""libjpeg's quality."""


def brightness(images: Tensor, severities: Sequence[int], streams: Sequence[Stream]) -> Tensor:
    """Raise HSV's value, at most to 1, keeping hue and saturation: a gain on each pixel's colour."""
    value = _value(images)
    raised = (value + per_image(BRIGHTNESS, severities, images).mul_(255)).clamp(max=255)
    black = _is_zero(value)
    return images * (raised / (value + black)) + raised * black


def contrast(images: Tensor, severities: Sequence[int], streams: Sequence[Stream]) -> Tensor:
    """Shrink each channel's distance to its mean."""
    means = images.mean(dim=(2, 3), keepdim=True)
    share = per_image(CONTRAST, severities, images)
    return images * share + means * (1 - share)


def saturate(images: Tensor, severities: Sequence[int], streams: Sequence[Stream]) -> Tensor:
    """Change HSV's saturation, keeping hue and value; greys take hue 0, red, as scikit-image's HSV does."""
    gain = per_image([each[0] for each in SATURATE], severities, images)
    shift = per_image([each[1] for each in SATURATE], severities, images)
    value = _value(images)
    red, green, blue = images.unbind(1)
    span = value - torch.minimum(torch.minimum(red, green), blue)[:, None]
    saturation = span / (value + _is_zero(value))
    drop = value * (saturation * gain + shift).clamp(0, 1)
    grey = _is_zero(span)
    red_hue = images.new_tensor([0.0, 1.0, 1.0]).view(1, 3, 1, 1)
    return value - (value - images) * (drop / (span + grey)) - (drop * grey) * red_hue


def _is_zero(values: Tensor) -> Tensor:
    """Return 1 where a value is 0 and 0 elsewhere, in the values' own dtype, to add to a divisor."""
    return values.detach().clone().le_(0)


def _value(images: Tensor) -> Tensor:
    """Return HSV's value (n, 1, H, W), the largest of the three channels."""
    red, green, blue = images.unbind(1)
    return torch.maximum(torch.maximum(red, green), blue)[:, None]


def elastic_transform(images: Tensor, severities: Sequence[int], streams: Sequence[Stream]) -> Tensor:
    """Displace pixels by a smooth random field, interpolating linearly."""
    height, width = images.shape[-2:]
    draws = uniform_fields(streams, 2, height, width).mul_(2).sub_(1)
    shifts = smooth(draws, _elastic_sigma(height, width), edge="reflect", truncate=ELASTIC_TRUNCATE)
    return _displaced(images, _elastic_gain(shifts, severities, height), slice(0, height))


def elastic_painter(images: Tensor, severities: Sequence[int], streams: Sequence[Stream]) -> Painter:
    """Return what displaces rows of one image (1, 3, H, W), if asked for them from the top down.

    Each direction is drawn by itself, so the second one's draws follow as many as the image has pixels.
    """
    (stream,), (height, width) = streams, images.shape[-2:]
    fields = [
        SmoothedField(each, (height, width), _elastic_sigma(height, width), ELASTIC_TRUNCATE)
        for each in (stream, stream.after(height * width))
    ]

    def paint(rows: Tensor, place: slice) -> Tensor:
        shifts = _elastic_gain(torch.cat([field.rows(place) for field in fields], 1), severities, height)
        channels = (images[:, number : number + 1].float() for number in range(images.shape[1]))
        return torch.cat([_displaced(channel, shifts, place) for channel in channels], 1)

    return paint


def _elastic_sigma(height: int, width: int) -> tuple[float, float]:
    return height * ELASTIC_SIGMA, width * ELASTIC_SIGMA


def _elastic_gain(shifts: Tensor, severities: Sequence[int], height: int) -> Tensor:
    # The reference scales both directions' range by the height.
    return shifts.mul_(per_image(ELASTIC, severities, shifts).mul_(height * ELASTIC_RANGE))


def _displaced(images: Tensor, shifts: Tensor, place: slice) -> Tensor:
    """Return rows of images that take their pixels from as far as their `shifts` (n, 2, h, W) say, across and down."""
    height, width = images.shape[-2:]
    across = torch.arange(width, device=images.device)
    down = torch.arange(height, device=images.device)[place, None]
    columns = (shifts[:, 0] + across).mul_(2 / width).add_(1 / width - 1)
    rows = (shifts[:, 1] + down).mul_(2 / height).add_(1 / height - 1)
    grid = torch.stack([columns, rows], dim=-1)
    return F.grid_sample(images, grid, mode="bilinear", padding_mode="reflection", align_corners=False)


@by_severity
def pixelate(images: Tensor, severity: int) -> Tensor:
    """Shrink by box averages and enlarge again by repetition, with Pillow's windows.

    Keeps the dtype, uint8 or float32; the averages of uint8 images are rounded.
    """
    share = PIXELATE[severity - 1]
    height, width = images.shape[-2:]
    rows, columns = max(1, int(height * share)), max(1, int(width * share))
    small = _box_average(images.float(), rows).transpose(2, 3).contiguous()
    small = _box_average(small, columns)
    if images.dtype == torch.uint8:
        small = small.add_(0.5).to(torch.uint8)
    # Rows are whole pieces of memory, so both directions are rows in turn.
    wide = small.index_select(2, _nearest(width, columns, images.device)).transpose(2, 3).contiguous()
    return wide.index_select(2, _nearest(height, rows, images.device))


def _box_average(images: Tensor, size: int) -> Tensor:
    """Return images with their rows averaged to `size` rows."""
    positions, weights = _box_windows(images.shape[2], size, images.device)
    total = images.index_select(2, positions[0]).mul_(weights[0])
    for position, weight in zip(positions[1:], weights[1:], strict=True):
        total.addcmul_(images.index_select(2, position), weight)
    return total


@lru_cache(maxsize=64)
@torch.inference_mode(False)  # it is kept, and may be asked for gradients later
def _nearest(size: int, small: int, device: torch.device) -> Tensor:
    """Return the small pixel that each of `size` pixels repeats, adding the steps up as Pillow does."""
    step = small / size
    places = np.cumsum(np.concatenate([[step / 2], np.full(size - 1, step)]))
    return torch.from_numpy(places.astype(np.int64)).clamp(max=small - 1).to(device)


@lru_cache(maxsize=64)
@torch.inference_mode(False)
def _box_windows(size: int, small: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Return the pixels that each of `small` windows averages (n, small), and their weights (n, small, 1).

    Pillow's BOX filter: a window is as long as the scale, and counts in full a pixel whose centre it holds.
    """
    scale = size / small
    centre = (torch.arange(small, dtype=torch.float64) + 0.5) * scale
    first = (centre - scale / 2 + 0.5).long().clamp(min=0)
    last = (centre + scale / 2 + 0.5).long().clamp(max=size)
    position = first + torch.arange(int((last - first).max()))[:, None]
    distance = (position - centre + 0.5) * (1 / scale)
    inside = (position < last) & (distance > -0.5) & (distance <= 0.5)
    weights = inside / inside.sum(dim=0)
    return position.clamp(max=size - 1).to(device), weights.float()[..., None].to(device)


def jpeg_compression(images: Tensor, severities: Sequence[int], streams: Sequence[Stream]) -> Tensor:
    """Compress and decompress with libjpeg (4:2:0), on the CPU. Carries no gradient.

    Keeps the dtype, uint8 or float32, and rounds float32 to whole levels first.
    """
    return through_jpeg(images, [JPEG[severity - 1] for severity in severities])


def through_jpeg(images: Tensor, qualities: Sequence[int]) -> Tensor:
    """Return images compressed at libjpeg's `qualities` and decompressed, of the same dtype and device."""
    levels = images if images.dtype == torch.uint8 else images.detach().round().clamp(0, 255)
    decoded = np.stack(
        [
            _through_jpeg(image, quality)
            for image, quality in zip(levels.to("cpu", torch.uint8).numpy(), qualities, strict=True)
        ]
    )
    return torch.from_numpy(decoded).permute(0, 3, 1, 2).contiguous().to(images.device, images.dtype)


def _through_jpeg(image: np.ndarray, quality: int) -> np.ndarray:
    """Return an image (3, H, W) compressed and decompressed, as (H, W, 3)."""
    # Pillow's files are what the reference compresses to; simplejpeg reads them to the same pixels, quicker.
    from PIL import Image
    from simplejpeg import decode_jpeg

    file = io.BytesIO()
    Image.merge("RGB", [Image.fromarray(channel) for channel in image]).save(file, "JPEG", quality=quality)
    decoded: np.ndarray = decode_jpeg(file.getbuffer())
    return decoded
