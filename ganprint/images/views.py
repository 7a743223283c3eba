"""An image of any size to the crops that a method sees, by either preprocessing of the plug-in contract."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.nn.functional import interpolate

from ganprint.attributor import View
from ganprint.images.content import BLOCK, TEXTURED_LEAST, BlockMap, Box, Emptiness, content_box, is_text, map_blocks

# Crop positions are taken from a grid of this many places a side; 9 has more of them than View allows crops.
_GRID = 9
MOST_TEXTURED = 0.8
"""Share of the most textured crop's texture that the others must have."""
TEXT_MOST = 0.9
"""Share of the crops with enough texture that must show text for the picture to be a page of text."""


@dataclass(frozen=True)
class Crops:
    """The crops of an image that have a vote: uint8 (k, 3, S, S), with the row and column of each one's corner.

    `nothing` says why there is none. Places are in pixels of the image; with `resize`, of the resized image.
    `reflected` says that the image is smaller than a crop, which its reflection fills.
    """

    pixels: Tensor
    places: tuple[tuple[int, int], ...]
    nothing: Emptiness | None = None
    reflected: bool = False


def find_crops(pixels: Tensor | NDArray[np.uint8], view: View) -> Crops:
    """Return the crops of an image that show something to examine.

    `pixels` is uint8, a tensor (3, H, W) or an array (H, W, 3). With `native` preprocessing they are up to `view.crops`
    crops of the image's own pixels inside its plain borders, on its grid of 8 x 8 px: those with most texture, each
    as far from the others as can be; one, continued by reflection, where a side is shorter than `view.size`. With
    `resize` they are those of the published protocol. An image that is flat, or a drawing, or a page of text, or whose
    crops all have too little texture, has none.
    """
    image, size = whole_picture(pixels), view.size
    array = image.permute(1, 2, 0).cpu().numpy()
    box = content_box(array)
    blocks = map_blocks(array, box)
    places: Sequence[tuple[int, int]] = ()
    nothing: Emptiness | None = None
    if not blocks.textured.any():
        nothing = Emptiness.FLAT
    elif blocks.looks_drawn:
        nothing = Emptiness.DRAWING
    elif min(box.height, box.width) >= size // 2:
        grid, shares = _texture_shares(blocks, box, size)
        text = _text_crops(array, blocks, [_crop_box(box, top, left, size) for top, left in grid.tolist()], shares)
        if text.sum() >= TEXT_MOST * max(1, (shares >= TEXTURED_LEAST).sum()):
            nothing = Emptiness.TEXT
        else:
            places = _textured_places(grid, np.where(text, 0.0, shares), box, size, view.crops)
    if nothing is None and not places:
        nothing = Emptiness.SMALL
    if nothing is not None:
        return Crops(image.new_empty(0, 3, size, size), (), nothing)
    if view.kind == "resize":
        return Crops(*_published_crops(image, view))
    inside = _padded(image[:, box.top : box.bottom, box.left : box.right], size)
    taken = _cut(inside, [(top - box.top, left - box.left) for top, left in places], size)
    return Crops(taken, tuple(places), reflected=min(box.height, box.width) < size)


def answerable_crops(pixels: Tensor | NDArray[np.uint8], view: View) -> Crops:
    """Return the crops of `find_crops`, or where an image has none the one in its middle, with `nothing` saying why.

    That is for an evaluation, which needs an answer for every image.
    """
    crops = find_crops(pixels, view)
    if len(crops.pixels):
        return crops
    image = whole_picture(pixels)
    if view.kind == "resize":
        taken, places = _published_crops(image, view)
        return Crops(taken, places, crops.nothing)
    image, size = _padded(image, view.size), view.size
    top, left = ((side - size) // 2 // BLOCK * BLOCK for side in image.shape[1:])
    return Crops(_cut(image, [(top, left)], size), ((top, left),), crops.nothing)


def crop_views(pixels: Tensor | NDArray[np.uint8], view: View) -> Tensor:
    """Return the pixels of `answerable_crops`, uint8 (k, 3, S, S)."""
    return answerable_crops(pixels, view).pixels


def _published_crops(image: Tensor, view: View) -> tuple[Tensor, tuple[tuple[int, int], ...]]:
    image, size = _resize(_centred_square(image), view.square), view.size
    places = tuple(_spread_places(image.shape[1] - size, image.shape[2] - size, size, view.crops))
    return _cut(image, places, size), places


def _cut(image: Tensor, places: Sequence[tuple[int, int]], size: int) -> Tensor:
    """Return the crops (k, 3, S, S) of an image (3, H, W) that have their corners at some places."""
    return torch.stack([image[:, top : top + size, left : left + size] for top, left in places])


def _crop_box(box: Box, top: int, left: int, size: int) -> Box:
    """Return the crop at a corner, without what reflection would add."""
    return Box(top, left, min(top + size, box.bottom), min(left + size, box.right))


def _texture_shares(blocks: BlockMap, box: Box, size: int) -> tuple[NDArray[np.int_], NDArray[np.float64]]:
    """Return the corners (N, 2) of all crops inside a box, on the image's grid, and how much texture each shows."""
    tops, lefts = _on_grid(box.top, box.bottom, size), _on_grid(box.left, box.right, size)
    grid = np.array([(top, left) for top in tops for left in lefts])
    shares = [blocks.textured_share(_crop_box(box, top, left, size)) for top, left in grid.tolist()]
    return grid, np.array(shares)


def _text_crops(
    pixels: NDArray[np.uint8], blocks: BlockMap, crops: Sequence[Box], shares: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Return which of the crops that have enough texture show text; of most, the map tells it, which is quicker."""
    return np.array(
        [
            share >= TEXTURED_LEAST
            and blocks.may_be_text(crop)
            and is_text(pixels[crop.top : crop.bottom, crop.left : crop.right])
            for crop, share in zip(crops, shares, strict=True)
        ]
    )


def _textured_places(
    grid: NDArray[np.int_], shares: NDArray[np.float64], box: Box, size: int, count: int
) -> list[tuple[int, int]]:
    """Return up to `count` of the corners (N, 2) of crops, whose texture is given, in pixels of the image."""
    middle = np.array([box.top + box.bottom - size, box.left + box.right - size]) // 2
    allowed = shares >= max(TEXTURED_LEAST, MOST_TEXTURED * shares.max())
    # The most textured first, of equals the one nearest to the middle.
    first = np.lexsort((np.abs(grid - middle).max(1), -shares))[0]
    if not allowed[first]:
        return []
    return [*_farthest(grid, grid[first], allowed, size, count)]


def _on_grid(start: int, end: int, size: int) -> list[int]:
    """Return up to _GRID places of a square between `start` and `end` that lie on the grid of blocks, or `start`."""
    places = np.arange(-(-start // BLOCK) * BLOCK, end - size + 1, BLOCK)
    if not len(places):
        return [start]
    return [int(each) for each in places[np.unique(np.linspace(0, len(places) - 1, _GRID).round().astype(int))]]


def differentiable_views(images: Tensor, view: View) -> list[Tensor]:
    """Return the crops of each of the float images (B, 3, H, W) as `crop_views` takes them, with gradients.

    They are (k, 3, S, S), where k may differ from image to image.

    Where preprocessing resizes, bicubic interpolation with antialiasing stands for Lanczos, which has none here.
    """
    size = view.size
    if view.kind == "native":
        rounded = images.detach().round().to(torch.uint8)
        places = [answerable_crops(image, view).places for image in rounded]
        padded = _padded(images, size)
        # A content smaller than a crop lies in a border, part of which the crop then has.
        lowest, rightmost = padded.shape[-2] - size, padded.shape[-1] - size
        return [
            _cut(image, [(min(top, lowest), min(left, rightmost)) for top, left in some], size)
            for image, some in zip(padded, places, strict=True)
        ]
    images = _centred_square(images)
    if images.shape[-1] != view.square:
        side = (view.square, view.square)
        images = interpolate(images, side, mode="bicubic", antialias=True).clamp(0, 255)
    left_over = images.shape[-1] - size
    crops = [
        images[..., top : top + size, left : left + size]
        for top, left in _spread_places(left_over, left_over, size, view.crops)
    ]
    return list(torch.stack(crops, dim=1))


def random_view(pixels: Tensor | NDArray[np.uint8], view: View, generator: np.random.Generator) -> Tensor:
    """Return one training crop of an image, uint8 (3, S, S), S being `view.size`.

    `resize` is RepMix's protocol scaled to S: the largest centred square resized to S times
    `view.training_scale` (published: 256 / 224), a random crop of S, a horizontal flip half the time.
    `native` crops S at random from the image's own pixels, reflect-padded where a side is shorter, and flips
    likewise. Three numbers are drawn from `generator` whatever the image.
    """
    image, size = whole_picture(pixels), view.size
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


def whole_picture(pixels: Tensor | NDArray[np.uint8]) -> Tensor:
    """Return an image uint8, a tensor (3, H, W) or an array (H, W, 3), as a tensor (3, H, W)."""
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


def _spread_places(height_left: int, width_left: int, size: int, count: int) -> Iterator[tuple[int, int]]:
    """Return up to `count` top-left corners, the centre first and then always the farthest from all so far."""
    tops = np.linspace(0, height_left, _GRID).astype(int)
    lefts = np.linspace(0, width_left, _GRID).astype(int)
    grid = np.stack(np.meshgrid(tops, lefts, indexing="ij"), -1).reshape(-1, 2)
    middle = np.array([height_left // 2, width_left // 2])
    return _farthest(grid, middle, np.ones(len(grid), bool), size, count)


def _farthest(
    grid: NDArray[np.int_], first: NDArray[np.int_], allowed: NDArray[np.bool_], size: int, count: int
) -> Iterator[tuple[int, int]]:
    """Yield `first` and then always the allowed place of the grid (N, 2) that is farthest from all so far.

    None comes nearer to another than an eighth of `size` along both axes: it would show the same again.
    """
    place = first
    nearest = np.full(len(grid), np.inf)
    apart = np.full(len(grid), np.inf)
    for _ in range(count):
        yield int(place[0]), int(place[1])
        steps = np.abs(grid - place)
        nearest = np.minimum(nearest, np.hypot(steps[:, 0], steps[:, 1]))
        apart = np.minimum(apart, steps.max(1))
        distances = np.where(allowed & (apart >= max(size // 8, 1)), nearest, -1.0)
        best = int(distances.argmax())
        if distances[best] < 0:
            return
        place = grid[best]
