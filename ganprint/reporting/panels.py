"""Draw panels into one PNG with a caption that states their limits."""

import io
import math
import textwrap
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ganprint.attributor import Panel
from ganprint.drawing import Axes, Figure, drawable, fonts_for, rc_context
from ganprint.errors import UsageError
from ganprint.files import refuse_existing, write_output

PANEL_INCHES, GAP_INCHES = 1.9, 0.7
"""Sides of a panel, and the room to its right for the scale of its colours."""
TITLE_LINE, TITLE_LINE_INCHES = 30, 0.14
"""Characters of a panel's title to a line, and a line's height."""
CAPTION_CHARACTERS, CAPTION_LINE_INCHES = 18, 0.12
"""Characters of the caption to a line for each inch, and a line's height."""
OVER = 0.6
"""Opacity of a map that is drawn on a picture."""
SHOWN = 99.5
"""Percentile of the values (of their magnitudes, where colours diverge) at which colours end."""


def draw_panels(panels: Sequence[Panel], caption: str, path: Path, *, force: bool = False) -> None:
    """Draw panels in a grid with a caption below, as a PNG.

    Raises OutputExistsError where the file is there and `force` is not given, UsageError where it cannot be
    written.
    """
    refuse_existing(path, force=force)
    write_output(path, panel_png(panels, caption), error=UsageError, hint="Name another file with --out.")


def panel_png(panels: Sequence[Panel], caption: str = "") -> bytes:
    """Return the PNG of panels: without the program's version, the same bytes from the same input."""
    drawn = io.BytesIO()
    panel_figure(panels, caption).savefig(drawn, format="png", metadata={"Software": None})
    return drawn.getvalue()


def panel_figure(panels: Sequence[Panel], caption: str) -> Figure:
    """Return a figure of panels in a grid with a caption below."""
    fonts = fonts_for("".join([caption, *(text for panel in panels for text in (panel.title, *panel.labels))]))
    shown = [
        replace(panel, title=drawable(panel.title, fonts), labels=tuple(drawable(each, fonts) for each in panel.labels))
        for panel in panels
    ]
    with rc_context({"font.family": fonts}):
        return _grid(shown, drawable(caption, fonts))


def _grid(panels: Sequence[Panel], caption: str) -> Figure:
    columns = min(len(panels), max(3, math.ceil(math.sqrt(1.6 * len(panels)))))
    rows = -(-len(panels) // columns)
    titles = [textwrap.wrap(panel.title, TITLE_LINE) for panel in panels]
    title = 0.3 + TITLE_LINE_INCHES * max(map(len, titles))
    width = max(columns * (PANEL_INCHES + GAP_INCHES), 6) + 0.1
    lines = textwrap.wrap(caption, int(CAPTION_CHARACTERS * width))
    below = 0.2 + CAPTION_LINE_INCHES * len(lines)
    height = rows * (PANEL_INCHES + title) + below
    figure = Figure(figsize=(width, height), dpi=120)
    edges = {"left": 0.1 / width, "right": 1 - GAP_INCHES / width}
    edges |= {"top": 1 - title / height, "bottom": below / height}
    gaps = {"wspace": GAP_INCHES / PANEL_INCHES, "hspace": title / PANEL_INCHES}
    grid = figure.add_gridspec(rows, columns, **gaps, **edges)
    for number, (panel, words) in enumerate(zip(panels, titles, strict=True)):
        _draw(figure.add_subplot(grid[number // columns, number % columns]), panel, "\n".join(words))
    figure.text(0.1 / width, 0.1 / height, "\n".join(lines), fontsize=7, va="bottom")
    return figure


def _draw(axes: Axes, panel: Panel, title: str) -> None:
    # With `y`: else a power of ten above the scale lifts the title out of the figure.
    axes.set_title(title, fontsize=8, y=1)
    if panel.labels:
        _draw_bars(axes, panel)
        return
    axes.set_axis_off()
    axes.set_adjustable("datalim")  # A narrow picture leaves the panel its height, and so the scale beside it.
    if panel.values.ndim == 3:
        axes.imshow(panel.values, interpolation="nearest")
        return
    if panel.diverging:
        limit = float(np.percentile(np.abs(panel.values), SHOWN)) or 1.0
        low, high, colours = -limit, limit, "RdBu_r"
    else:
        low, high = (float(each) for each in np.percentile(panel.values, (100 - SHOWN, SHOWN)))
        colours = "viridis"
    how: dict[str, Any] = {"cmap": colours, "vmin": low, "vmax": high, "interpolation": "nearest"}
    if panel.picture is None:
        shown = axes.imshow(panel.values, **how)
    else:
        height, width, _ = panel.picture.shape
        axes.imshow(panel.picture.mean(2), cmap="gray", vmin=0, vmax=1)
        values = np.ma.masked_equal(panel.values, 0)
        shown = axes.imshow(values, alpha=OVER, extent=(-0.5, width - 0.5, height - 0.5, -0.5), **how)
    bar = axes.figure.colorbar(shown, cax=axes.inset_axes((1.03, 0, 0.05, 1)))
    bar.ax.tick_params(labelsize=6)
    bar.ax.yaxis.get_offset_text().set_fontsize(6)


def _draw_bars(axes: Axes, panel: Panel) -> None:
    """Draw values (R,) as bars, the first on top, each with its label inside the axes, where there is room."""
    places = range(len(panel.values))
    colours = ["#c0392b" if value > 0 else "#2c6fbb" for value in panel.values]
    axes.barh(places, panel.values, color=colours, alpha=0.45)
    axes.axvline(0, color="black", linewidth=0.5)
    for place, label in zip(places, panel.labels, strict=True):
        beside = axes.get_yaxis_transform()
        axes.text(0.02, place, label, fontsize=4.5, va="center", transform=beside, parse_math=False)
    axes.invert_yaxis()
    axes.set_yticks([])
    axes.tick_params(labelsize=6)
