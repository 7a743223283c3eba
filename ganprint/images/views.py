"""An image of any size to the squares a method sees: the two views of the plug-in contract."""

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.nn.functional import interpolate

from ganprint.attributor import View

# Crop positions are taken from a grid of this many places a side; 9 has more of them than View allows crops.
_GRID = 9


def crop_views(pixels: Tensor | NDArray[np.uint8], view: View) -> Tensor:
    """Return the squares of an image that a method answers on.

    `pixels` is uint8, a tensor (3, H, W) or an array (H, W, 3); the result is uint8 (k, 3, S, S), S being
    `view.size`. They are up to `view.crops` squares of the image's own pixels (`native`) or of its largest
    centred square resized to `view.square` (`resize`, where that is mostly S: k = 1), the centre first and
    then each as far from the others as can be; fewer where they would all but repeat each other, and one,
    reflect-padded, where a native side is shorter than S.
    """
    image, size = _channels_first(pixels), view.size
    if view.kind == "resize":
        image = _resize(_centred_square(image), view.square)
    else:
        image = _padded(image, size)
    places = _crop_places(image.shape[1] - size, image.shape[2] - size, size, view.crops)
    return torch.stack([image[:, top : top + size, left : left + size] for top, left in places])


def differentiable_views(images: Tensor, view: View) -> Tensor:
    """Return the squares of float images (B, 3, H, W) as `crop_views` takes them, (B, k, 3, S, S), with gradients.

    Where the view resizes, bicubic interpolation with antialiasing stands for Lanczos, which has none here.
    """
    size = view.size
    if view.kind == "resize":
        images = _centred_square(images)
        if images.shape[-1] != view.square:
            side = (view.square, view.square)
            images = interpolate(images, side, mode="bicubic", antialias=True).clamp(0, 255)
    else:
        images = _padded(images, size)
    height, width = images.shape[-2:]
    places = _crop_places(height - size, width - size, size, view.crops)
    crops = [images[..., top : top + size, left : left + size] for top, left in places]
    return torch.stack(crops, dim=1)


def random_view(pixels: Tensor | NDArray[np.uint8], view: View, generator: np.random.Generator) -> Tensor:
    """Return one square of an image to train on, uint8 (3, S, S), S being `view.size`.

    `resize` is RepMix's protocol scaled to S: the largest centred square resized to S times
    `view.training_scale` (published: 256 / 224), a random crop of S, a horizontal flip half the time.
    `native` crops S at random from the image's own pixels, reflect-padded where a side is shorter, and flips
    likewise. Three numbers are drawn from `generator` whatever the image.
    """
    image, size = _channels_first(pixels), view.size
    if view.kind == "resize":
        image = _resize(_centred_square(image), round(size * view.training_scale))
    else:
        image = _padded(image, size)
    # Fractions, since integers() draws nothing where there is one place only.
    top = int(generator.random() * (image.shape[1] - size + 1))
    left = int(generator.random() * (image.shape[2] - size + 1))
    square = image[:, top : top + size, left : left + size]
    if generator.random() < 0.5:
        return square.flip(2).contiguous()
    return square.clone(memory_format=torch.contiguous_format)


def _channels_first(pixels: Tensor | NDArray[np.uint8]) -> Tensor:
    if isinstance(pixels, np.ndarray):
        writeable = np.require(pixels, requirements=["C", "W"])  # torch warns of an array that is not
        image = torch.from_numpy(np.moveaxis(writeable, -1, 0))
    else:
        image = pixels
    if image.dtype != torch.uint8 or image.ndim != 3 or image.shape[0] != 3:
        raise ValueError(
            f"expected a uint8 tensor (3, H, W) or array (H, W, 3), got {pixels.dtype} {tuple(pixels.shape)}"
        )
    return image


def _centred_square(image: Tensor) -> Tensor:
    height, width = image.shape[-2:]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return image[..., top : top + side, left : left + side]


def _resize(square: Tensor, side: int) -> Tensor:
    """Resize (3, N, N) to (3, side, side): Lanczos to reduce, as the data were made, bilinear to enlarge."""
    if square.shape[1] == side:
        return square.contiguous()
    picture = Image.fromarray(square.permute(1, 2, 0).cpu().contiguous().numpy())
    # Enlarging is torchvision's default filter, which the published protocol used.
    method = Image.Resampling.LANCZOS if side < square.shape[1] else Image.Resampling.BILINEAR
    resized = np.array(picture.resize((side, side), method))
    return torch.from_numpy(resized).permute(2, 0, 1).contiguous().to(square.device)


def _padded(image: Tensor, size: int) -> Tensor:
    """Continue each side shorter than `size` by reflection, as often as it takes, the image in the middle."""
    for axis in (-2, -1):
        length = image.shape[axis]
        if length < size:
            image = image.index_select(axis, _reflected(length, size).to(image.device))
    return image


def _reflected(length: int, size: int) -> Tensor:
    """Return which of `length` places stands at each of `size` places around them, edges not repeated."""
    period = max(2 * (length - 1), 1)
    places = (torch.arange(size) - (size - length) // 2) % period
    return torch.where(places < length, places, period - places)


def _crop_places(height_left: int, width_left: int, size: int, count: int) -> Iterator[tuple[int, int]]:
    """Yield up to `count` top-left corners, the centre first and then always the farthest from all so far.

    None comes nearer to another than an eighth of `size` along both axes: it would show the same again.
    """
    tops = np.linspace(0, height_left, _GRID).astype(int)
    lefts = np.linspace(0, width_left, _GRID).astype(int)
    grid = np.stack(np.meshgrid(tops, lefts, indexing="ij"), -1).reshape(-1, 2)
    place = np.array([height_left // 2, width_left // 2])
    nearest = np.full(len(grid), np.inf)
    apart = np.full(len(grid), np.inf)
    for _ in range(count):
        yield int(place[0]), int(place[1])
        steps = np.abs(grid - place)
        nearest = np.minimum(nearest, np.hypot(steps[:, 0], steps[:, 1]))
        apart = np.minimum(apart, steps.max(1))
        allowed = np.where(apart >= max(size // 8, 1), nearest, -1.0)
        best = int(allowed.argmax())
        if allowed[best] < 0:
            return
        place = grid[best]
