"""Photographs to train generators on: folders of them, one for each semantic class."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from ganprint.attributor import View
from ganprint.errors import ImageError, ManifestError, UsageError
from ganprint.images import find_images, read_image
from ganprint.images.views import crop_views

FEWEST = 16
"""Photographs of a semantic class that a generator can be trained on at all."""


@dataclass(frozen=True)
class Photos:
    """The photographs of one semantic class: uint8 (N, 3, R, R), and the SHA-256 of these pixels.

    `failures` say which files could not be read.
    """

    images: Tensor
    sha256: str
    failures: tuple[ImageError, ...]


def chosen_semantics(folder: Path, names: Sequence[str]) -> list[str]:
    """Return the semantic classes that are named, or all that are folders of photographs in the folder.

    Raises ManifestError where there are none, UsageError for one that is not there.
    """
    if not folder.is_dir():
        raise ManifestError(
            f"There is no folder {folder}.", "Name one with a folder of photographs for each semantic class."
        )
    there = sorted(each.name for each in folder.iterdir() if each.is_dir() and not each.name.startswith("."))
    if not there:
        raise ManifestError(
            f"{folder} has no folders in it.", "Put the photographs of each semantic class into a folder of its name."
        )
    missing = [name for name in names if name not in there]
    if missing:
        raise UsageError(f"{folder} has no photographs of {', '.join(missing)}.", f"It has: {', '.join(there)}.")
    return list(dict.fromkeys(names)) or there


def read_photos(folder: Path, semantic: str, resolution: int) -> Photos:
    """Read the photographs of a semantic class, each its largest centred square at R by R (Lanczos).

    Raises ManifestError where fewer than FEWEST can be read.
    """
    found, failures = read_squares(folder / semantic, resolution)
    squares = [square for _, square in found]
    if len(squares) < FEWEST:
        raise ManifestError(
            f"{folder / semantic} has {len(squares)} photographs that can be read.",
            f"A generator needs {FEWEST} at least, and gets better with some hundred.",
        )
    images = torch.stack(squares)
    return Photos(images, hashlib.sha256(images.numpy().tobytes()).hexdigest(), failures)


def read_squares(folder: Path, resolution: int) -> tuple[list[tuple[Path | str, Tensor]], tuple[ImageError, ...]]:
    """Return the photographs of a folder, each its largest centred square uint8 (3, R, R), and what kept others out."""
    view = View(kind="resize", size=resolution)
    squares: list[tuple[Path | str, Tensor]] = []
    failures: list[ImageError] = []
    for path in find_images([str(folder)], recursive=True):
        try:
            if isinstance(path, ImageError):
                raise path
            squares.append((path, crop_views(read_image(path).pixels, view)[0]))
        except ImageError as failure:
            failures.append(failure)
    return squares, tuple(failures)
