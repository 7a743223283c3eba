"""Views show the image's own pixels or the published resize, the same each time, and never a crop twice."""

import io
from collections import Counter
from itertools import combinations, product

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw, ImageFont

from ganprint.attributor import View
from ganprint.images.content import Emptiness
from ganprint.images.views import crop_views, find_crops, random_view

from ..conftest import run_code

SIZE = 64


def picture(height: int, width: int) -> np.ndarray:
    """Return noise in which every crop is found at one place only."""
    return np.random.default_rng(height * 10_000 + width).integers(0, 256, (height, width, 3), np.uint8)


def places(pixels: np.ndarray, crops: torch.Tensor) -> list[tuple[int, int]]:
    """Return where each crop lies in the image, by its first pixels."""
    windows = np.lib.stride_tricks.sliding_window_view(pixels, (1, 4), (0, 1))[..., 0, :]
    found = []
    for crop in crops.numpy():
        rows, columns = np.nonzero((windows == crop[:, 0, :4]).all((2, 3)))
        assert len(rows) == 1
        top, left = int(rows[0]), int(columns[0])
        assert np.array_equal(pixels[top : top + SIZE, left : left + SIZE], crop.transpose(1, 2, 0))
        found.append((top, left))
    return found


def native(crops: int = 5) -> View:
    return View(kind="native", size=SIZE, crops=crops)


def test_native_crops_are_the_centre_then_the_corners_then_between() -> None:
    pixels = picture(264, 264)
    found = places(pixels, crop_views(pixels, native(9)))
    assert found[0] == (96, 96)
    assert set(found[1:5]) == {(0, 0), (0, 200), (200, 0), (200, 200)}
    assert len(set(found[5:])) == 4
    assert all(top % 8 == left % 8 == 0 for top, left in found)


@pytest.mark.parametrize(
    ("height", "width", "asked", "given"),
    [
        (64, 64, 5, 1), (66, 70, 5, 1), (64, 400, 5, 5), (96, 96, 5, 5), (96, 96, 64, 25), (400, 400, 64, 64),
        (1000, 1000, 1, 1),
    ],
)  # fmt: skip
def test_native_crops_do_not_repeat_each_other(height: int, width: int, asked: int, given: int) -> None:
    pixels = picture(height, width)
    found = places(pixels, crop_views(pixels, native(asked)))
    assert len(found) == given
    for (top, left), (other_top, other_left) in combinations(found, 2):
        assert max(abs(top - other_top), abs(left - other_left)) >= SIZE // 8


def test_crops_are_where_the_texture_is_and_flat_ones_have_no_vote() -> None:
    pixels = np.full((400, 400, 3), 128, np.uint8)
    pixels[:, :8] = pixels[:, -8:] = pixels[:8] = pixels[-8:] = picture(8, 8)[0, 0, 0]
    pixels[200:312, 40:152] = picture(112, 112)
    found = find_crops(pixels, native(6))
    assert found.nothing is None and found.places
    for top, left in found.places:
        assert pixels_inside(top, left, (200, 40, 312, 152)) >= 0.6 * SIZE**2
        assert top % 8 == left % 8 == 0


def pixels_inside(top: int, left: int, box: tuple[int, int, int, int]) -> int:
    """Return how many pixels of a crop lie in a box of top, left, bottom and right."""
    rows, columns = min(top + SIZE, box[2]) - max(top, box[0]), min(left + SIZE, box[3]) - max(left, box[1])
    return max(rows, 0) * max(columns, 0)


@pytest.mark.parametrize("margins", [((64, 64), (64, 64)), ((32, 32), (0, 0)), ((0, 0), (40, 8)), ((8, 0), (0, 0))])
@pytest.mark.parametrize("colour", [0, 255, 120])
def test_a_plain_border_changes_nothing(margins: tuple[tuple[int, int], ...], colour: int) -> None:
    inside = picture(SIZE, SIZE)
    canvas = np.pad(inside, (*margins, (0, 0)), constant_values=colour)
    found = find_crops(canvas, native())
    assert torch.equal(found.pixels, find_crops(inside, native()).pixels)
    assert found.places == ((margins[0][0], margins[1][0]),)


def chart() -> np.ndarray:
    pixels = np.full((256, 256, 3), 250, np.uint8)
    for bar in range(6):
        pixels[220 - 30 * bar : 230, 20 + 36 * bar : 44 + 36 * bar] = (40, 30 * bar, 200)
    pixels[228:232, 10:250] = 0
    return pixels


def text_page(*, dark: bool = False, quality: int | None = None) -> np.ndarray:
    ground, ink = ((24, 26, 33), (200, 210, 220)) if dark else ((255, 250, 240), (20, 20, 30))
    page = Image.new("RGB", (320, 320), ground)
    pen, font = ImageDraw.Draw(page), ImageFont.load_default(12)
    for line in range(22):
        pen.text((-5 * line, 15 * line), "The quick brown fox jumps over (7) lazy dogs, " * 4, fill=ink, font=font)
    if quality:
        file = io.BytesIO()
        page.save(file, "JPEG", quality=quality)
        page = Image.open(file)
    return np.array(page)


def gradient() -> np.ndarray:
    across = np.linspace(0, 60, 256).astype(np.uint8)
    return np.broadcast_to(across[None, :, None], (256, 256, 3)).copy()


@pytest.mark.parametrize(
    ("pixels", "why"),
    [
        (np.full((256, 256, 3), 255, np.uint8), Emptiness.FLAT),
        (np.full((200, 90, 3), 7, np.uint8), Emptiness.FLAT),
        (gradient(), Emptiness.FLAT),
        (chart(), Emptiness.DRAWING),
        (text_page(), Emptiness.TEXT),
        (text_page(dark=True), Emptiness.TEXT),
        (text_page(quality=90), Emptiness.TEXT),
        (picture(SIZE // 2 - 1, 200), Emptiness.SMALL),
        (np.where(picture(256, 256)[..., :1] > 128, 255, 0).repeat(3, 2).astype(np.uint8), Emptiness.FLAT),
    ],
    ids=["white", "one colour", "gradient", "chart", "text", "dark text", "text as JPEG", "narrow", "clipped"],
)
def test_a_picture_without_texture_has_nothing_to_examine(pixels: np.ndarray, why: Emptiness) -> None:
    found = find_crops(pixels, native())
    assert found.nothing is why and not len(found.pixels) and not found.places
    # An evaluation answers for every image, so the middle stands for one that has no crop.
    assert crop_views(pixels, native()).shape == (1, 3, SIZE, SIZE)


def test_a_photograph_among_text_is_examined_and_the_text_has_no_vote() -> None:
    pixels = text_page()
    pixels[96:256, 96:256] = picture(160, 160) // 4 + 90
    found = find_crops(pixels, native(6))
    assert found.nothing is None and found.places
    assert all(pixels_inside(*place, (96, 96, 256, 256)) for place in found.places)


def test_a_photographed_page_is_a_photograph() -> None:
    page = text_page() * np.linspace(0.6, 0.8, 320)[None, :, None]
    grain = np.random.default_rng(0).normal(0, 4, (320, 320, 1))
    found = find_crops((page + grain).clip(0, 255).astype(np.uint8), native(6))
    assert found.nothing is None and found.places


def test_a_large_picture_is_looked_at_in_part_and_alike() -> None:
    found = find_crops(np.tile(picture(64, 96), (40, 40, 1)), native(5))
    assert len(found.places) == 5 and found.nothing is None


@pytest.mark.parametrize(("height", "width"), [(40, 50), (64, 40), (36, 300), (33, 64), (20, 300), (1, 1), (2, 3)])
def test_a_short_side_is_continued_by_reflection(height: int, width: int) -> None:
    pixels = picture(height, width)
    tall, wide = max(SIZE - height, 0), max(SIZE - width, 0)
    margins = ((tall // 2, tall - tall // 2), (wide // 2, wide - wide // 2), (0, 0))
    expected = np.pad(pixels, margins, mode="reflect")
    left = (expected.shape[1] - SIZE) // 2 // 8 * 8
    crop = crop_views(pixels, native())[0].numpy().transpose(1, 2, 0)
    assert np.array_equal(crop, expected[:, left : left + SIZE])


@pytest.mark.parametrize(("height", "width"), [(200, 300), (SIZE, SIZE)])
def test_resize_is_the_centred_square_by_lanczos(height: int, width: int) -> None:
    pixels, left = picture(height, width), (width - height) // 2
    square = Image.fromarray(pixels[:, left : left + height])
    crops = crop_views(pixels, View(kind="resize", size=SIZE))
    assert crops.shape == (1, 3, SIZE, SIZE)
    expected = np.asarray(square.resize((SIZE, SIZE), Image.Resampling.LANCZOS))
    assert np.array_equal(crops[0].numpy().transpose(1, 2, 0), expected)


@pytest.mark.parametrize("kind", ["resize", "native"])
@pytest.mark.parametrize(("height", "width"), [(200, 300), (40, 50), (64, 64), (64, 500)])
def test_arrays_and_tensors_give_the_same(kind: str, height: int, width: int) -> None:
    view = View(kind=kind, size=SIZE)
    pixels = picture(height, width)
    tensor = torch.from_numpy(pixels.transpose(2, 0, 1).copy())
    assert torch.equal(crop_views(pixels, view), crop_views(tensor, view))
    drawn = [random_view(image, view, np.random.default_rng(3)) for image in (pixels, tensor)]
    assert torch.equal(*drawn)
    assert drawn[0].shape == (3, SIZE, SIZE)
    assert drawn[0].dtype == torch.uint8
    assert drawn[0].is_contiguous()


def test_random_native_views_reach_every_place_and_flip_half_the_time() -> None:
    pixels = picture(66, 67)
    generator = np.random.default_rng(0)
    seen: Counter[tuple[int, int, bool]] = Counter()
    for _ in range(600):
        view = random_view(pixels, native(), generator)
        for flipped in (False, True):
            square = (view.flip(2) if flipped else view).numpy().transpose(1, 2, 0)
            for top, left in product(range(3), range(4)):
                if np.array_equal(square, pixels[top : top + SIZE, left : left + SIZE]):
                    seen[top, left, flipped] += 1
    assert seen.total() == 600
    assert len(seen) == 3 * 4 * 2
    # 600 draws of one half have a standard deviation of 12.2: four of them.
    assert abs(sum(count for (_, _, flipped), count in seen.items() if flipped) - 300) < 49


@pytest.mark.parametrize("side", [64, 200, 73])
def test_random_resized_views_are_crops_of_the_scaled_square(side: int) -> None:
    pixels = picture(side, side)
    scaled = 73  # round(64 * 256 / 224)
    method = Image.Resampling.LANCZOS if side > scaled else Image.Resampling.BILINEAR
    whole = np.asarray(Image.fromarray(pixels).resize((scaled, scaled), method))
    view = View(kind="resize", size=SIZE, training_scale=256 / 224)
    for seed in range(8):
        square = random_view(pixels, view, np.random.default_rng(seed)).numpy().transpose(1, 2, 0)
        assert any(
            np.array_equal(one, whole[top : top + SIZE, left : left + SIZE])
            for one, top, left in product((square, square[:, ::-1]), range(10), range(10))
        )


def test_an_answering_scale_takes_crops_of_the_larger_square() -> None:
    view = View(kind="resize", size=SIZE, answering_scale=1.5, crops=5)
    assert view.square == 96
    pixels = picture(96, 120)
    found = places(pixels, crop_views(pixels, view))
    # Of the centred square, which starts at column 12.
    assert found == [(16, 28), (0, 12), (0, 44), (32, 12), (32, 44)]
    large = picture(200, 200)
    reduced = np.asarray(Image.fromarray(large).resize((96, 96), Image.Resampling.LANCZOS))
    assert places(reduced, crop_views(large, view))[0] == (16, 16)


@pytest.mark.parametrize("kind", ["resize", "native"])
def test_a_random_view_draws_as_many_numbers_whatever_the_image(kind: str) -> None:
    view = View(kind=kind, size=SIZE)
    states = []
    for side in (32, 64, 200):
        generator = np.random.default_rng(1)
        random_view(picture(side, side), view, generator)
        states.append(generator.random())
    assert len(set(states)) == 1


@pytest.mark.parametrize("shape", [(3, 64, 64), (64, 64), (64, 64, 4)])
def test_a_wrong_shape_is_named(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"expected a uint8 tensor \(3, H, W\) or array \(H, W, 3\)"):
        crop_views(np.zeros(shape, np.uint8), native())


def test_reading_does_not_import_torch() -> None:
    assert run_code("import ganprint.images, sys; print('torch' in sys.modules)") == "False\n"
