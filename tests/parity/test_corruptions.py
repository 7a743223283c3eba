"""The corruptions against imagecorruptions: its stored outputs, and its own functions as they run here."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from ganprint.perturbation import CORRUPTIONS, Perturbation, perturb
from ganprint.perturbation.blur import MOTION
from ganprint.perturbation.filters import smear, zoomed_size
from ganprint.perturbation.reference import corrupt_by_reference
from ganprint.perturbation.weather import FROST_PICTURES, SNOW, add_snow, blend_frost, falling_snow, frost_picture

SEEDLESS = "impulse_noise"
"""imagecorruptions' own ignores the seed, so its stored output cannot be repeated."""

PARITY = {
    "defocus_blur": (0.2, 55.0), "zoom_blur": (0.01, 80.0), "gaussian_blur": (0.01, 80.0),
    "motion_blur": (0.01, 80.0), "brightness": (0.1, 58.0), "contrast": (0.01, 80.0),
    "saturate": (0.25, 54.0), "pixelate": (0.5, 50.0), "jpeg_compression": (0.01, 80.0),
    "frost": (0.5, 48.0), "snow": (0.1, 55.0),
}  # fmt: skip
"""Largest mean absolute difference in levels and least PSNR in dB; the issue asks for 2 and 40."""

RANDOM = tuple(kind for kind in CORRUPTIONS if kind not in PARITY or kind in ("motion_blur", "frost", "snow"))
PICTORIAL = ("snow", "frost", "fog", "spatter", "elastic_transform")

DRAWS = 200
SIDE = 64
BANDS = ((1, 3), (3, 6), (6, 11), (11, 17), (17, 24), (24, 32))
"""Rings of the spectrum of the change, cycles per image."""

SAME = 4.5
"""Standard errors that the same distribution may be off by, in any of nine statistics."""
OTHER = 8.0
"""Standard errors that the neighbouring severity is off by, at least, in one of them."""


@dataclass(frozen=True)
class Case:
    name: str
    before: Tensor
    after: Tensor
    perturbation: Perturbation


def pixels(path: Path) -> Tensor:
    with Image.open(path) as image:
        return torch.from_numpy(np.array(image.convert("RGB"))).permute(2, 0, 1).contiguous()


@pytest.fixture(scope="module")
def stored(shared) -> list[Case]:
    folder = shared / "reference" / "corruptions"
    cases = json.loads((folder / "manifest.json").read_text())["cases"]
    return [
        Case(
            case["output"],
            pixels(folder / case["input"]),
            pixels(folder / case["output"]),
            Perturbation(case["corruption"], case["severity"], case["seed"]),
        )
        for case in cases
    ]


def of_kind(stored: list[Case], kind: str) -> list[Case]:
    cases = [case for case in stored if case.perturbation.kind == kind]
    assert len(cases) == 7
    return cases


def psnr(one: Tensor, other: Tensor) -> float:
    error = (one.double() - other.double()).square().mean().item()
    return float("inf") if error == 0 else 10 * np.log10(255**2 / error)


@pytest.mark.usefixtures("reference_engine")
@pytest.mark.parametrize("kind", [kind for kind in CORRUPTIONS if kind != SEEDLESS])
def test_the_reference_engine_repeats_the_stored_outputs(stored, kind):
    for case in of_kind(stored, kind):
        (corrupted,) = perturb(case.before[None], [case.perturbation], engine="imagecorruptions")
        off = (corrupted.int() - case.after.int()).abs()
        if kind == "motion_blur":
            # NumPy's exponential changed by a last bit: one value in ten thousand truncates the other way.
            assert off.max() <= 1, case.name
            assert off.float().mean() <= 1e-4, case.name
        else:
            assert off.max() == 0, case.name


def with_the_references_draws(case: Case) -> Tensor:
    """Return an image corrupted on torch with the angle, the place or the seeds of flakes that the reference drew."""
    kind, severity = case.perturbation.kind, case.perturbation.severity
    random, image = np.random.RandomState(case.perturbation.seed), case.before.float()
    _, height, width = image.shape
    if kind == "motion_blur":
        corrupted = smear(image, *MOTION[severity - 1], random.uniform(-45, 45))
    elif kind == "frost":
        picture = frost_picture(FROST_PICTURES[random.randint(5)], height, width)
        top = random.randint(0, picture.shape[1] - height)
        left = random.randint(0, picture.shape[2] - width)
        ice = picture[None, :, top : top + height, left : left + width]
        corrupted = blend_frost(image[None], ice, [severity])[0]
    elif kind == "snow":
        field = torch.from_numpy(random.normal(size=(height, width)))
        (rows, _), (columns, _) = (zoomed_size(side, SNOW[severity - 1][2]) for side in (height, width))
        top, left = (height - rows) // 2, (width - columns) // 2
        seeds = field[top : top + rows, left : left + columns].float()
        flakes = falling_snow(seeds, (height, width), severity, random.uniform(-135, -45))
        corrupted = add_snow(image[None], (flakes + flakes.rot90(2))[None, None], [severity])[0]
    else:
        (corrupted,) = perturb(case.before[None], [case.perturbation])
    return corrupted.clamp(0, 255).to(torch.uint8)


@pytest.mark.parametrize("kind", PARITY)
def test_torch_matches_the_stored_outputs_given_the_draws(stored, kind):
    difference, least = PARITY[kind]
    for case in of_kind(stored, kind):
        corrupted = with_the_references_draws(case)
        assert (corrupted.float() - case.after.float()).abs().mean() <= difference, case.name
        assert psnr(corrupted, case.after) >= least, case.name


@pytest.fixture(scope="module")
def photograph() -> Tensor:
    from skimage import data

    face = data.astronaut()[:256, 96:352].reshape(SIDE, 4, SIDE, 4, 3).mean(axis=(1, 3))
    return torch.from_numpy(np.ascontiguousarray(face.astype(np.uint8).transpose(2, 0, 1)))


def changes(photograph: Tensor, kind: str, severity: int, engine: str) -> Tensor:
    """Return the change that each of 200 draws makes (200, 3, SIDE, SIDE), levels."""
    draws = [Perturbation(kind, severity, 31 * seed + 7) for seed in range(DRAWS)]
    images = photograph[None].expand(DRAWS, -1, -1, -1)
    return perturb(images, draws, engine=engine).float() - photograph


def statistics(change: Tensor, photograph: Tensor) -> Tensor:
    """Return each draw's mean, slope on the image, log standard deviation and log power in six bands (draws, 9)."""
    image = photograph.float()
    image = image - image.mean()
    slope = (change * image).sum(dim=(1, 2, 3)) / image.square().sum()
    power = torch.fft.fft2(change).abs().square().mean(dim=1)
    cycles = torch.fft.fftfreq(SIDE, 1 / SIDE)
    radius = torch.hypot(cycles[:, None], cycles)
    bands = [power[:, (radius >= low) & (radius < high)].mean(dim=1) for low, high in BANDS]
    logs = [each.clamp(min=1e-9).log() for each in (change.std(dim=(1, 2, 3)), *bands)]
    return torch.stack([change.mean(dim=(1, 2, 3)), slope, *logs], dim=1)


def standard_errors_apart(one: Tensor, other: Tensor) -> float:
    error = (one.var(dim=0) / len(one) + other.var(dim=0) / len(other)).sqrt()
    return ((one.mean(dim=0) - other.mean(dim=0)).abs() / error.clamp(min=1e-9)).max().item()


@pytest.mark.usefixtures("reference_engine")
@pytest.mark.parametrize("kind", RANDOM)
def test_random_kinds_change_images_in_the_references_distribution(photograph, kind):
    """Also that the comparison would see a wrong constant: the neighbouring severity's."""
    ours = {level: changes(photograph, kind, level, "torch") for level in (1, 2, 3, 4, 5)}
    theirs = {level: changes(photograph, kind, level, "imagecorruptions") for level in (1, 3, 5)}
    measured = {level: statistics(each, photograph) for level, each in ours.items()}
    for level in theirs:
        expected = statistics(theirs[level], photograph)
        apart = standard_errors_apart(measured[level], expected)
        assert apart <= SAME, f"severity {level}: {apart:.1f} standard errors"
        apart = standard_errors_apart(measured[level + 1 if level < 5 else 4], expected)
        # Frost varies so much with the picture that its severities 3 and 4 look alike; given its draws it is exact.
        assert apart >= OTHER or kind == "frost", f"severity {level} against its neighbour: {apart:.1f} standard errors"
        if kind in PICTORIAL:
            strengths = (10 * (255**2 / each[level].square().mean(dim=(1, 2, 3))).log10() for each in (ours, theirs))
            points = torch.tensor([0.05, 0.5, 0.95])
            our_band, their_band = (each.quantile(points) for each in strengths)
            assert (our_band - their_band).abs().max() <= 1, f"severity {level}: {our_band} and {their_band} dB"


@pytest.mark.usefixtures("reference_engine")
def test_the_reference_leaves_no_stand_in_modules_behind(photograph):
    import sys

    corrupt_by_reference(photograph.permute(1, 2, 0).numpy(), Perturbation("snow", 1, 1))
    for name in ("pkg_resources", "scipy.ndimage.interpolation"):
        module = sys.modules.get(name)
        assert module is None or getattr(module, "__file__", None), name


def test_seeded_impulse_noise_replaces_the_stated_share(stored):
    """The stored output's share, since its places cannot be repeated: a value is replaced unless it was so."""
    for case in of_kind(stored, SEEDLESS):
        (corrupted,) = perturb(case.before[None], [case.perturbation], engine="imagecorruptions")
        ours, theirs = ((each != case.before).float().mean().item() for each in (corrupted, case.after))
        assert ours == pytest.approx(theirs, abs=0.006)
        assert set(corrupted[corrupted != case.before].unique().tolist()) <= {0, 255}
