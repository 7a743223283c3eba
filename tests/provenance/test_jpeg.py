"""A JPEG's tables, quality and subsampling are told exactly, and a second compression is hinted at."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ganprint.provenance.jpeg import JpegFacts, jpeg_facts, standard_tables

from .. import conftest

EXAMPLES = Path(__file__).parents[2] / "examples"


def encoded(image: Image.Image, **options: object) -> bytes:
    return conftest.encoded(image, "JPEG", **options)


def again(image: Image.Image, quality: int) -> Image.Image:
    return Image.open(io.BytesIO(encoded(image, quality=quality))).convert("RGB")


@pytest.fixture(scope="module")
def clean() -> Image.Image:
    """Return a photograph reduced, so that no earlier compression shows."""
    with Image.open(EXAMPLES / "coffee.png") as image:
        return image.convert("RGB").resize((330, 220), Image.Resampling.LANCZOS)


def test_every_quality_that_pillow_writes_is_told_exactly() -> None:
    for mode in ("RGB", "L"):
        for quality in range(1, 101):
            facts = jpeg_facts(encoded(Image.new(mode, (8, 8)), quality=quality))
            assert (facts.quality, facts.standard) == (quality, True)


def test_tables_are_in_natural_order() -> None:
    facts = jpeg_facts(encoded(Image.new("RGB", (8, 8)), quality=50))
    assert facts.tables == [table.ravel().tolist() for table in standard_tables(50)]
    assert facts.tables[0][:3] == [16, 11, 10]


def test_tables_of_its_own_are_not_called_standard() -> None:
    tables = [[max(1, step - 1) for step in table.ravel().tolist()] for table in standard_tables(80)]
    facts = jpeg_facts(encoded(Image.new("RGB", (8, 8)), qtables=tables))
    assert not facts.standard
    assert 80 <= facts.quality <= 87


@pytest.mark.parametrize(
    ("mode", "options", "told"),
    [
        *(("RGB", {"subsampling": kind}, (kind, False)) for kind in ("4:4:4", "4:2:2", "4:2:0")),
        ("L", {}, (None, False)),
        ("RGB", {"subsampling": "4:2:0", "progressive": True}, ("4:2:0", True)),
    ],
)
def test_subsampling_and_scans_are_told(mode: str, options: dict[str, object], told: tuple[object, bool]) -> None:
    facts = jpeg_facts(encoded(Image.new(mode, (16, 16)), **options))
    assert (facts.subsampling, facts.progressive) == told


@pytest.mark.parametrize(("first", "second"), [(50, 75), (70, 75), (70, 90), (80, 95), (90, 98)])
def test_a_coarser_compression_before_is_found_with_its_quality(clean: Image.Image, first: int, second: int) -> None:
    hint = jpeg_facts(encoded(again(clean, first), quality=second)).double_compression
    assert hint.found is True
    assert abs(hint.first_quality - first) <= 1
    assert f"quality {hint.first_quality} " in hint.reason
    assert "hint" in hint.reason


@pytest.mark.parametrize("quality", [60, 75, 90, 95, 100])
def test_one_compression_is_not_called_two(clean: Image.Image, quality: int) -> None:
    hint = jpeg_facts(encoded(clean, quality=quality)).double_compression
    assert (hint.found, hint.first_quality) == (False, None)


def test_a_compression_off_the_grid_is_not_called_one_on_it(clean: Image.Image) -> None:
    cropped = again(clean, 70).crop((4, 4, 324, 212))
    assert jpeg_facts(encoded(cropped, quality=90)).double_compression.found is False


def test_grey_jpegs_are_judged_too(clean: Image.Image) -> None:
    grey = encoded(again(clean, 60).convert("L"), quality=90)
    assert jpeg_facts(grey).double_compression.found is True


@pytest.mark.parametrize(
    "data",
    [
        encoded(Image.new("RGB", (8, 8)), quality=90),
        encoded(Image.new("RGB", (3, 200)), quality=90),
        encoded(Image.new("RGB", (256, 256), "orange"), quality=90),
        encoded(Image.new("CMYK", (64, 64)), quality=90),
        encoded(Image.effect_noise((128, 128), 50), quality=10),
    ],
    ids=["one block", "narrow", "flat", "ink", "too coarse"],
)
def test_what_cannot_be_told_is_said_so(data: bytes) -> None:
    hint = jpeg_facts(data).double_compression
    assert hint.found is None
    assert hint.reason.endswith(".")


def test_the_header_is_read_where_the_pixels_are_cut_off(clean: Image.Image) -> None:
    data = encoded(clean, quality=85)
    facts = jpeg_facts(data[: len(data) // 2])
    assert facts.quality == 85
    assert facts.double_compression.found is None


def test_steps_of_zero_divide_nothing(clean: Image.Image) -> None:
    data = bytearray(encoded(clean, quality=90))
    table = data.index(b"\xff\xdb") + 5
    data[table : table + 64] = bytes(64)
    assert isinstance(jpeg_facts(bytes(data)), JpegFacts)


def test_a_long_picture_is_looked_at_in_part_and_on_its_grid() -> None:
    noise = np.random.default_rng(0).normal(128, 20, (40, 41_000)).clip(0, 255).astype(np.uint8)
    image = Image.fromarray(noise).convert("RGB")
    hint = jpeg_facts(encoded(again(image, 60), quality=90)).double_compression
    assert hint.first_quality == 60
