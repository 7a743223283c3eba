"""Post-processing chains, as online sharing causes them: recompression, resizing, cropping and more.

Unlike the corruptions these may change an image's size. Pillow does them as services and browsers do.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageEnhance

from ganprint.errors import DecompressionBombError, PerturbationError, did_you_mean
from ganprint.images.large import give_memory_back, is_large
from ganprint.images.limits import DEFAULT_MAX_PIXELS
from ganprint.images.rgb import to_rgb

if TYPE_CHECKING:
    from torch import Tensor

PREFIX = "share:"
SCREEN_EDGE = 0.02
"""Share of each side that a screenshot cuts off."""
RIM = 2
"""Pixels by which the edge of an image is continued before it is rotated."""


Pixels = NDArray[np.uint8]
"""RGB (H, W, 3). Pillow holds a third more, so that a picture of 120 megapixels is one only where it has to be."""


@dataclass(frozen=True)
class Step:
    """A kind of step: its value's range and meaning, and what it does to pixels."""

    low: float
    high: float
    meaning: str
    apply: Callable[[Pixels, float], Pixels]


def _recompress(pixels: Pixels, form: str, quality: float) -> Pixels:
    # Pillow's files are what services write; simplejpeg reads them to the same pixels, and to nothing else.
    from simplejpeg import decode_jpeg

    height, width = pixels.shape[:2]
    file = BytesIO()
    try:
        # As many pixels as are read again: the encoder, too, holds several copies.
        if form == "WEBP" and height * width > DEFAULT_MAX_PIXELS // 2:
            raise ValueError("too many pixels")
        Image.fromarray(pixels).save(file, form, quality=round(quality))
    except (OSError, ValueError) as cause:
        raise DecompressionBombError(
            f"An image of {width} x {height} px cannot be written as {form}.", "Leave it out."
        ) from cause
    if is_large((width, height)):
        give_memory_back()
    if form == "JPEG":
        decoded: Pixels = decode_jpeg(file.getbuffer())
        return decoded
    with Image.open(file) as found:
        return to_rgb(found, 8, b"")[0]


def _resize(pixels: Pixels, factor: float, method: Image.Resampling) -> Pixels:
    height, width = pixels.shape[:2]
    tall, wide = (max(1, round(side * factor)) for side in (height, width))
    if wide * tall > DEFAULT_MAX_PIXELS:
        raise DecompressionBombError(
            f"An image of {width} x {height} px would be {wide} x {tall} px, too many.",
            "Leave it out, or enlarge by less.",
        )
    if not is_large((width, height)):  # a channel at a time comes to the same
        return np.array(Image.fromarray(pixels).resize((wide, tall), method))
    resized = np.empty((tall, wide, 3), np.uint8)
    for channel in range(3):
        plane = Image.fromarray(np.ascontiguousarray(pixels[..., channel]))
        resized[..., channel] = plane.resize((wide, tall), method)
    return resized


def _crop(pixels: Pixels, kept: float, rim: int = 0) -> Pixels:
    """Cut the middle out, this share of each side without the rim."""
    height, width = pixels.shape[0] - 2 * rim, pixels.shape[1] - 2 * rim
    tall, wide = (max(1, round(side * kept)) for side in (height, width))
    left, top = (width - wide) // 2 + rim, (height - tall) // 2 + rim
    return np.ascontiguousarray(pixels[top : top + tall, left : left + wide])


def _rotate(pixels: Pixels, degrees: float) -> Pixels:
    """Rotate about the centre, and cut the largest upright rectangle of the same proportions that is all image."""
    # The rectangle ends between pixels, and those of its corners reach beyond the image: its edge is continued.
    continued = Image.fromarray(np.pad(pixels, ((RIM, RIM), (RIM, RIM), (0, 0)), "edge"))
    turned = np.array(continued.rotate(degrees, Image.Resampling.BICUBIC))
    angle = math.radians(abs(degrees))
    long, short = max(pixels.shape[:2]), min(pixels.shape[:2])
    return _crop(turned, short / (long * math.sin(angle) + short * math.cos(angle)), RIM)


def _screenshot(pixels: Pixels, factor: float) -> Pixels:
    """Show at a factor of the size, scaled as a browser does, and cut the edges off."""
    return _crop(_resize(pixels, factor, Image.Resampling.BILINEAR), 1 - 2 * SCREEN_EDGE)


def _enhance(
    pixels: Pixels, kind: type[ImageEnhance.Color | ImageEnhance.Brightness | ImageEnhance.Contrast], factor: float
) -> Pixels:
    return np.array(kind(Image.fromarray(pixels)).enhance(factor))


STEPS: Mapping[str, Step] = {
    "jpeg": Step(1, 100, "quality", lambda pixels, value: _recompress(pixels, "JPEG", value)),
    "webp": Step(1, 100, "quality", lambda pixels, value: _recompress(pixels, "WEBP", value)),
    "resize": Step(0.1, 4, "factor", lambda pixels, value: _resize(pixels, value, Image.Resampling.LANCZOS)),
    "bicubic": Step(0.1, 4, "factor", lambda pixels, value: _resize(pixels, value, Image.Resampling.BICUBIC)),
    "bilinear": Step(0.1, 4, "factor", lambda pixels, value: _resize(pixels, value, Image.Resampling.BILINEAR)),
    "crop": Step(0.1, 1, "share of each side that stays", _crop),
    "rotate": Step(-45, 45, "degrees", _rotate),
    "saturation": Step(0, 4, "factor", lambda pixels, value: _enhance(pixels, ImageEnhance.Color, value)),
    "brightness": Step(0.1, 4, "factor", lambda pixels, value: _enhance(pixels, ImageEnhance.Brightness, value)),
    "contrast": Step(0.1, 4, "factor", lambda pixels, value: _enhance(pixels, ImageEnhance.Contrast, value)),
    "screenshot": Step(0.25, 4, "factor of display", _screenshot),
}
"""The steps that a chain is made of, by name."""

FACTORS = ("resize", "bicubic", "bilinear", "screenshot")
"""Steps whose values are factors of size: a half and a double are as far from 1."""

RESHARING = (
    *(f"jpeg={quality}" for quality in (95, 90, 80, 70, 60, 50, 40, 30)),
    "webp=80",
    *(f"resize={factor}" for factor in (0.5, 0.75, 1.5, 2)),
    *("crop=0.9", "crop=0.75", "rotate=5"),
    *("saturation=1.3", "brightness=1.15", "contrast=1.2"),
    *("screenshot=0.8", "screenshot=1.25"),
    *("resize=0.5+jpeg=80", "jpeg=80+jpeg=60", "crop=0.9+jpeg=70", "screenshot=0.8+jpeg=75"),
)
"""What `compare --resharing` measures, single steps and chains of two."""


@dataclass(frozen=True)
class Chain:
    """A chain of steps, each a name of STEPS with its value, done to every image alike.

    PerturbationError says which step or value is not valid.
    """

    steps: tuple[tuple[str, float], ...]

    def __post_init__(self) -> None:
        for name, value in self.steps:
            _check_step(name, value)

    def __str__(self) -> str:
        return PREFIX + "+".join(f"{name}={value:g}" for name, value in self.steps)

    def draw(self, seed: int, row: int) -> "Chain":
        """Return the chain itself, as every image gets the same."""
        return self

    def apply(self, image: "Tensor") -> "Tensor":
        """Return an image uint8 (3, H, W) as it is after all steps, uint8 (3, H', W').

        Raises DecompressionBombError where a format does not hold an image so large, or memory might not.
        """
        import torch

        pixels = self.apply_to(image.permute(1, 2, 0).cpu().contiguous().numpy())
        return torch.from_numpy(pixels).permute(2, 0, 1).contiguous().to(image.device)

    def apply_to(self, pixels: Pixels) -> Pixels:
        """Return pixels (H, W, 3), contiguous, as they are after all steps; raises as `apply` does."""
        for name, value in self.steps:
            if is_large((pixels.shape[1], pixels.shape[0])):
                give_memory_back()  # of the step before, or of what was done before this chain
            pixels = STEPS[name].apply(pixels, value)
        return pixels


@dataclass(frozen=True)
class DrawnChain:
    """A chain of steps whose values are drawn for each image, between two bounds each, on a log scale for factors.

    PerturbationError says which step or bound is not valid.
    """

    steps: tuple[tuple[str, float, float], ...]

    def __post_init__(self) -> None:
        for name, *bounds in self.steps:
            for value in bounds:
                _check_step(name, value)

    def __str__(self) -> str:
        return PREFIX + "+".join(
            f"{name}={low:g}" if low == high else f"{name}={low:g}..{high:g}" for name, low, high in self.steps
        )

    def draw(self, seed: int, row: int) -> Chain:
        """Return the chain that the image of a row gets: a pure function of seed and row."""
        digest = blake2b(f"{seed} {row} {self}".encode(), digest_size=8).digest()
        stream = np.random.Generator(np.random.Philox(int.from_bytes(digest, "big")))
        steps = []
        for name, low, high in self.steps:
            if name in FACTORS:
                value = math.exp(stream.uniform(math.log(low), math.log(high)))
            else:
                value = stream.uniform(low, high)
            steps.append((name, min(max(value, low), high)))
        return Chain(tuple(steps))


def _check_step(name: str, value: float) -> None:
    if name not in STEPS:
        raise PerturbationError(
            f"There is no post-processing step {name!r}.", f"{did_you_mean(name, STEPS)}Steps: {', '.join(STEPS)}."
        )
    step = STEPS[name]
    if not step.low <= value <= step.high:
        raise PerturbationError(
            f"{name}={value:g} is out of range.", f"{name} takes a {step.meaning}, {step.low:g} to {step.high:g}."
        )


def parse_chain(text: str) -> Chain | DrawnChain:
    """Return the chain that `text` names, as in `share:resize=0.5+jpeg=80`, or `share:jpeg=60..95`, drawn by image.

    PerturbationError says what is wrong.
    """
    steps = []
    for part in text.removeprefix(PREFIX).split("+"):
        name, _, value = part.partition("=")
        low, dots, high = value.partition("..")
        try:
            steps.append((name, float(low), float(high if dots else low)))
        except ValueError:
            raise PerturbationError(
                f"{part!r} is not a post-processing step.",
                "Write NAME=VALUE or NAME=LOW..HIGH, chained by +, as in share:resize=0.5+jpeg=80.",
            ) from None
        if steps[-1][1] > steps[-1][2]:
            raise PerturbationError(f"{part!r} has its bounds the wrong way round.", "Write the lower one first.")
    if any(low != high for _, low, high in steps):
        return DrawnChain(tuple(steps))
    return Chain(tuple((name, value) for name, value, _ in steps))
