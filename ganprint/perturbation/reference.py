"""The reference engine: imagecorruptions' own functions, and ours for the four that no longer serve.

On current NumPy and scikit-image fog, glass_blur and gaussian_blur raise and impulse_noise ignores the seed.
"""

import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch

from ganprint.errors import PerturbationError
from ganprint.perturbation.blur import GAUSSIAN, GLASS, displace
from ganprint.perturbation.fog import FOG, add_fog, fog_side, plasma
from ganprint.perturbation.kinds import CORRUPTIONS, Perturbation
from ganprint.perturbation.noise import IMPULSE

Array = np.ndarray[Any, Any]
_numpy_state = threading.Lock()


def corrupt_by_reference(image: Array, perturbation: Perturbation) -> Array:
    """Return a uint8 RGB image (H, W, 3) corrupted, as imagecorruptions 1.1.2 does after np.random.seed.

    The seed is taken modulo 2^32; NumPy's global state is as before afterwards. PerturbationError where
    imagecorruptions cannot be imported, or has no such kind.
    """
    kind, severity, seed = perturbation.kind, perturbation.severity, perturbation.seed % 2**32
    if kind is None:
        return image.copy()
    if kind not in CORRUPTIONS:
        raise PerturbationError(
            f"imagecorruptions has no {kind}.", f"It has: {', '.join(CORRUPTIONS)}; others need --engine torch."
        )
    if kind in REPLACED:
        return REPLACED[kind](image, severity, np.random.RandomState(seed))
    from PIL import Image

    function = package_functions()[kind]
    with _numpy_state:
        before = np.random.get_state()
        np.random.seed(seed)
        try:
            return np.array(function(Image.fromarray(image), severity)).astype(np.uint8)
        finally:
            np.random.set_state(before)


def _impulse_noise(image: Array, severity: int, random: np.random.RandomState) -> Array:
    changed = random.random_sample(image.shape) <= IMPULSE[severity - 1]
    white = random.random_sample(image.shape) <= 0.5
    return np.where(changed, np.where(white, 255, 0), image).astype(np.uint8)


def _gaussian_blur(image: Array, severity: int, random: np.random.RandomState) -> Array:
    return _truncated(_smooth(image, GAUSSIAN[severity - 1]))


def _glass_blur(image: Array, severity: int, random: np.random.RandomState) -> Array:
    sigma, reach, rounds = GLASS[severity - 1]
    height, width, _ = image.shape
    inner = (max(0, height - 2 * reach), max(0, width - 2 * reach))
    soft = torch.from_numpy(_truncated(_smooth(image, sigma))).permute(2, 0, 1)
    for _ in range(rounds):
        offsets = random.randint(-reach, reach, size=(*inner, 2))[::-1, ::-1]
        soft = displace(soft, torch.from_numpy(offsets.transpose(2, 0, 1).copy()), reach)
    return _truncated(_smooth(soft.permute(1, 2, 0).numpy(), sigma))


def _fog(image: Array, severity: int, random: np.random.RandomState) -> Array:
    height, width, _ = image.shape
    fade = torch.full((1, 1, 1), FOG[severity - 1][1], dtype=torch.float64)

    def noise(count: int) -> torch.Tensor:
        return torch.from_numpy(random.uniform(-1, 1, (1, count, count)))

    pixels = torch.from_numpy(image).permute(2, 0, 1)[None].double()
    foggy = add_fog(pixels, plasma(fog_side(height, width), fade, noise), [severity], pixels.amax())
    return foggy[0].clamp(0, 255).to(torch.uint8).permute(1, 2, 0).numpy()


REPLACED: dict[str, Callable[[Array, int, np.random.RandomState], Array]] = {
    "impulse_noise": _impulse_noise,
    "gaussian_blur": _gaussian_blur,
    "glass_blur": _glass_blur,
    "fog": _fog,
}
"""Kinds that are ours here, with imagecorruptions' constants and order of draws."""


def _smooth(image: Array, sigma: float) -> Array:
    from scipy.ndimage import gaussian_filter

    return np.asarray(gaussian_filter(image / 255.0, (sigma, sigma, 0), mode="nearest", truncate=4.0))


def _truncated(image: Array) -> Array:
    return (np.clip(image, 0, 1) * 255).astype(np.uint8)


@cache
def package_functions() -> dict[str, Callable[..., Any]]:
    """Return imagecorruptions' functions by kind: PIL image and severity in, array or PIL image out."""
    with _stand_ins(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            module = import_module("imagecorruptions.corruptions")
        except Exception as error:
            raise PerturbationError(
                f"The reference engine cannot import imagecorruptions: {error}.",
                "Try: pip install imagecorruptions; its OpenCV needs system libraries that a bare Debian gets "
                "by: apt-get install libgl1 libglib2.0-0",
            ) from error
    return {kind: getattr(module, kind) for kind in CORRUPTIONS}


@contextmanager
def _stand_ins() -> Iterator[None]:
    """Stand in, for one import, for modules that it needs and that are gone from current packages."""
    added = []
    for name, content in (
        ("pkg_resources", {"resource_filename": _resource_filename}),
        ("scipy.ndimage.interpolation", None),
    ):
        if find_spec(name) is None:
            module = ModuleType(name)
            vars(module).update(content or vars(import_module("scipy.ndimage")))
            sys.modules[name] = module
            added.append(name)
    try:
        yield
    finally:
        for name in added:
            del sys.modules[name]


def _resource_filename(module: str, path: str) -> str:
    return str(Path(str(sys.modules[module].__file__)).parent / path)
