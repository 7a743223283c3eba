"""Post-processing chains do what they say, in their order, to every image alike."""

import numpy as np
import pytest
import torch
from PIL import Image

from ganprint.errors import DecompressionBombError, ImageError, PerturbationError
from ganprint.perturbation import RESHARING, Chain, DrawnChain, Policy, chain, parse_any_policy, parse_chain


def picture(height: int = 60, width: int = 90) -> torch.Tensor:
    across, down = np.meshgrid(np.linspace(0, 255, width), np.linspace(0, 255, height))
    noise = np.random.default_rng(0).normal(0, 20, (height, width))
    pixels = np.stack([across, down, 128 + noise]).clip(0, 255).astype(np.uint8)
    return torch.from_numpy(pixels)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("share:jpeg=80", (60, 90)), ("share:webp=80", (60, 90)), ("share:resize=0.5", (30, 45)),
        ("share:resize=2", (120, 180)), ("share:bicubic=2", (120, 180)), ("share:bilinear=0.5", (30, 45)),
        ("share:crop=0.75", (45, 68)), ("share:screenshot=1", (58, 86)),
        ("share:resize=0.5+crop=0.5", (15, 22)), ("share:brightness=1.15", (60, 90)),
    ],
)  # fmt: skip
def test_the_size_is_that_of_the_steps(text: str, size: tuple[int, int]) -> None:
    image = picture()
    found = parse_chain(text).apply(image)
    assert found.dtype == torch.uint8 and tuple(found.shape) == (3, *size)
    assert torch.equal(found, parse_chain(text).apply(image))
    assert torch.equal(image, picture())


@pytest.mark.parametrize("chain", RESHARING)
def test_every_listed_chain_reads_as_it_is_written_and_changes_the_image(chain: str) -> None:
    chain_policy = parse_any_policy(f"share:{chain}")
    assert isinstance(chain_policy, Chain) and str(chain_policy) == f"share:{chain}"
    found = chain_policy.apply(picture())
    assert found.shape != picture().shape or not torch.equal(found, picture())


def test_lower_quality_is_farther_from_the_image_and_order_matters() -> None:
    image = picture().float()

    def apart(text: str) -> float:
        return float((parse_chain(text).apply(picture()).float() - image).abs().mean())

    assert apart("jpeg=95") < apart("jpeg=70") < apart("jpeg=30")
    one, other = (parse_chain(text).apply(picture()) for text in ("resize=0.5+jpeg=30", "jpeg=30+resize=0.5"))
    assert one.shape == other.shape and not torch.equal(one, other)


def test_a_jpeg_step_is_pillows_at_that_quality(tmp_path) -> None:
    pixels = picture().permute(1, 2, 0).numpy()
    Image.fromarray(pixels).save(tmp_path / "x.jpg", quality=70)
    expected = np.asarray(Image.open(tmp_path / "x.jpg"))
    assert np.array_equal(parse_chain("jpeg=70").apply(picture()).permute(1, 2, 0).numpy(), expected)


@pytest.mark.parametrize("size", [(80, 120), (64, 64), (33, 64)])
@pytest.mark.parametrize("degrees", [-30, 1, 5, 45])
def test_a_rotated_image_has_no_corners_of_nothing(degrees: int, size: tuple[int, int]) -> None:
    white = torch.full((3, *size), 255, dtype=torch.uint8)
    found = parse_chain(f"rotate={degrees}").apply(white)
    assert int(found.min()) == 255
    assert found.shape[1] / found.shape[2] == pytest.approx(size[0] / size[1], abs=0.03)
    assert found.shape[1] < size[0]


def test_what_a_format_cannot_hold_is_a_sentence() -> None:
    with pytest.raises(ImageError, match="cannot be written as WEBP"):
        parse_chain("webp=80").apply(torch.zeros(3, 20, 17_000, dtype=torch.uint8))
    with pytest.raises(ImageError, match="too many"):
        parse_chain("resize=4+resize=4+resize=4").apply(torch.zeros(3, 1000, 1000, dtype=torch.uint8))


def test_a_policy_is_still_a_policy() -> None:
    assert isinstance(parse_any_policy("test-seen"), Policy)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("share:jpeg", "'jpeg' is not a post-processing step"),
        ("share:", "'' is not a post-processing step"),
        ("share:blur=3", "no post-processing step 'blur'"),
        ("share:jpeg=0", "jpeg=0 is out of range"),
        ("share:resize=nan", "out of range"),
        ("share:resize=0.5+", "'' is not a post-processing step"),
        ("share:jpeg=90..60", "'jpeg=90..60' has its bounds the wrong way round"),
        ("share:jpeg=..", "'jpeg=..' is not a post-processing step"),
        ("share:jpeg=60..", "'jpeg=60..' is not a post-processing step"),
        ("share:jpeg=a..b", "'jpeg=a..b' is not a post-processing step"),
        ("share:jpeg=60..101", "jpeg=101 is out of range"),
    ],
)
def test_what_is_no_chain_is_a_sentence(text: str, said: str) -> None:
    with pytest.raises(PerturbationError) as caught:
        parse_any_policy(text)
    assert said in caught.value.message and caught.value.hint


def test_bounds_are_drawn_for_each_image_within_them_and_always_alike() -> None:
    chain = parse_chain("share:resize=0.5..2+jpeg=60..95+crop=0.9")
    assert isinstance(chain, DrawnChain) and parse_chain(str(chain)) == chain
    drawn, again, other = ([chain.draw(seed, row) for row in range(200)] for seed in (3, 3, 4))
    assert drawn == again and drawn != other
    resized, recompressed, cropped = np.array([[value for _, value in each.steps] for each in drawn]).T
    assert 0.5 <= resized.min() < 0.55 and 1.9 < resized.max() <= 2
    assert 60 <= recompressed.min() < 63 and 92 < recompressed.max() <= 95
    assert (cropped == 0.9).all()
    assert 0.9 < np.exp(np.log(resized).mean()) < 1.1  # as often reduced as enlarged


@pytest.mark.parametrize("text", ["resize=0.7", "resize=1.3", "screenshot=0.8", "jpeg=60+resize=0.5"])
def test_a_large_image_is_resized_by_channels_to_the_same(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    image = torch.randint(0, 256, (3, 61, 83), dtype=torch.uint8, generator=torch.manual_seed(0))
    whole = parse_chain(text).draw(0, 0).apply(image)
    monkeypatch.setattr(chain, "is_large", lambda size: True)
    assert torch.equal(parse_chain(text).draw(0, 0).apply(image), whole)


def test_webp_of_more_pixels_than_are_read_again_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chain, "DEFAULT_MAX_PIXELS", 2 * 60 * 80 - 1)
    with pytest.raises(DecompressionBombError, match="80 x 60 px cannot be written as WEBP"):
        parse_chain("webp=80").draw(0, 0).apply(torch.zeros(3, 60, 80, dtype=torch.uint8))
