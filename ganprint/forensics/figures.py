"""Panels to one PNG: what a method looked at, with a caption that says what it is not."""

import math
import textwrap
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ganprint.attributor import Panel
from ganprint.errors import OutputExistsError, UsageError

PANEL_INCHES = 2.4
CAPTION_INCHES = 0.7
CAPTION_LINE = 26
"""Characters of a panel's title, and of the caption for each column, to a line."""
SHOWN = 99.5
"""Percentile of the values (of their magnitudes, where colours diverge) at which colours end."""


def draw_panels(panels: Sequence[Panel], caption: str, path: Path, *, force: bool = False) -> None:
    """Draw panels in a grid with a caption below, as a PNG.

    Raises OutputExistsError where the file is there and `force` is not given, UsageError where it cannot be
    written.
    """
    if path.exists() and not force:
        raise OutputExistsError(f"{path} is there already.", "Give --force to overwrite it.")
    try:
        # Without the program's version: the same picture from the same input, byte for byte.
        panel_figure(panels, caption).savefig(path, format="png", metadata={"Software": None})
    except OSError as cause:
        raise UsageError(
            f"{path} cannot be written: {cause.strerror}.", "Name another file with --out."
        ) from cause


def panel_figure(panels: Sequence[Panel], caption: str) -> Figure:
    """Return a figure of panels in a grid with a caption below."""
    columns = min(len(panels), max(3, math.ceil(math.sqrt(1.6 * len(panels)))))
    rows = -(-len(panels) // columns)
    height = rows * PANEL_INCHES + CAPTION_INCHES
    figure = Figure(figsize=(max(columns * PANEL_INCHES, 6), height), dpi=120)
    edges = {"left": 0.02, "right": 0.94, "top": 1 - 0.3 / height, "bottom": CAPTION_INCHES / height}
    grid = figure.add_gridspec(rows, columns, wspace=0.3, hspace=0.12, **edges)
    for number, panel in enumerate(panels):
        _draw(figure.add_subplot(grid[number // columns, number % columns]), panel)
    lines = textwrap.fill(caption, max(110, CAPTION_LINE * columns))
    figure.text(0.02, 0.1 / height, lines, fontsize=7, va="bottom", parse_math=False)
    return figure


def _draw(axes: Axes, panel: Panel) -> None:
    title = "\n".join(textwrap.wrap(panel.title, CAPTION_LINE))
    axes.set_title(title, fontsize=8, parse_math=False)
    axes.set_axis_off()
    if panel.values.ndim == 3:
        axes.imshow(panel.values, interpolation="nearest")
        return
    if panel.diverging:
        limit = float(np.percentile(np.abs(panel.values), SHOWN)) or 1.0
        low, high, colours = -limit, limit, "RdBu_r"
    else:
        low, high = (float(each) for each in np.percentile(panel.values, (100 - SHOWN, SHOWN)))
        colours = "viridis"
    shown = axes.imshow(panel.values, cmap=colours, vmin=low, vmax=high, interpolation="nearest")
    bar = axes.figure.colorbar(shown, ax=axes, fraction=0.046, pad=0.03)
    bar.ax.tick_params(labelsize=6)
