"""Pictures of a generator: a sheet of its samples, and its losses."""

import math
from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path

from PIL import Image
from torch import Tensor

from ganprint.files import atomic_file


def tiled(images: Tensor) -> Tensor:
    """Return images uint8 (N, 3, R, R) side by side on white, as near to a square as can be, uint8 (3, H, W)."""
    from torchvision.utils import make_grid

    grid: Tensor = make_grid(images, nrow=math.ceil(len(images) ** 0.5), padding=0, pad_value=255)
    return grid


def write_image(image: Tensor, path: Path) -> None:
    """Write an image uint8 (3, H, W) as a PNG, whole or not at all."""
    with atomic_file(path) as file:
        Image.fromarray(image.permute(1, 2, 0).numpy()).save(file, "PNG")


def draw_grid(cells: Mapping[tuple[str, str], Tensor], path: Path) -> None:
    """Draw images uint8 (N, 3, R, R) for each row and column of a grid, as a PNG with their names."""
    from ganprint.drawing import Figure

    rows, columns = (list(dict.fromkeys(cell[axis] for cell in cells)) for axis in (0, 1))
    figure = Figure(figsize=(1.5 * len(columns) + 0.4, 1.55 * len(rows) + 0.3), dpi=100, layout="constrained")
    every = figure.subplots(len(rows), len(columns), squeeze=False)
    for (number, row), (place, column) in product(enumerate(rows), enumerate(columns)):
        axes = every[number, place]
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set_visible(False)
        if number == 0:
            axes.set_title(column, fontsize=9)
        if place == 0:
            axes.set_ylabel(row, fontsize=9)
        if (row, column) in cells:
            axes.imshow(tiled(cells[row, column]).permute(1, 2, 0), interpolation="nearest")
    with atomic_file(path) as file:
        figure.savefig(file, format="png", metadata={"Software": None})


def draw_losses(history: Sequence[Mapping[str, float]], title: str, path: Path) -> None:
    """Draw the losses of critic and generator by step, as a PNG; a step that one took no part in has none of it."""
    from ganprint.drawing import Figure

    figure = Figure(figsize=(6.4, 3.2), dpi=100, layout="constrained")
    axes = figure.add_subplot()
    for name in ("critic", "generator"):
        losses = [each.get(name, float("nan")) for each in history]
        axes.plot([each["step"] for each in history], losses, linewidth=1, label=name)
    axes.set_xlabel("step")
    axes.set_ylabel("loss")
    axes.set_title(title, fontsize=9)
    axes.legend(fontsize=8, frameon=False)
    with atomic_file(path) as file:
        figure.savefig(file, format="png", metadata={"Software": None})
