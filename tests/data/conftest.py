"""A small manifest with real image files for every test of the data layer."""

import csv
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from PIL import Image

from ..conftest import noise

Rows = Sequence[Sequence[object]]


@pytest.fixture
def write_csv(tmp_path: Path) -> Callable[[str, Rows], Path]:
    """Return a function that writes a CSV from a header and rows."""

    def write(header: str, rows: Rows, name: str = "manifest.csv") -> Path:
        file = tmp_path / name
        with file.open("w", newline="") as stream:
            writer = csv.writer(stream)
            writer.writerow(header.split(","))
            writer.writerows(rows)
        return file

    return write


@pytest.fixture
def write_image() -> Callable[..., None]:
    """Return a function that writes a noise image, distinct for every seed."""

    def write(file: Path, seed: int, *, size: tuple[int, int] = (40, 36), **options: object) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(noise(size[1], size[0], 3, seed=seed)).save(file, **options)

    return write


@pytest.fixture
def tree(tmp_path: Path, write_image: Callable[..., None]) -> Path:
    """Return a folder tree: real 6 and progan 3 images of each of two semantics, gan2 4 without semantic."""
    root = tmp_path / "tree"
    seed = 0
    for source, semantic, count in (
        ("real", "cat", 6),
        ("real", "dog", 6),
        ("progan", "cat", 3),
        ("progan", "dog", 3),
        ("gan2", "", 4),
    ):
        for number in range(count):
            write_image(root / source / semantic / f"{number}.png", seed)
            seed += 1
    return root
