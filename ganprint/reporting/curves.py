"""The curves of a training: loss and accuracy by epoch, from the history that it wrote."""

import json
from pathlib import Path

from ganprint.drawing import Figure, colour, marker
from ganprint.reporting.charts import save_figures
from ganprint.training.loop import HISTORY

FILE = "curves.png"
SHOWN = {
    "loss": {"train_loss": "training", "loss": "validation"},
    "accuracy": {
        "train_accuracy": "training, attribution",
        "accuracy": "validation, attribution",
        "detection_accuracy": "validation, detection",
    },
}
"""By panel: keys of the history and what they are called."""


def draw_curves(folder: Path) -> Path | None:
    """Draw the curves of a training's folder into curves.png there; None where no epoch has ended."""
    history = folder / HISTORY
    if not history.is_file():
        return None
    rows = [json.loads(line) for line in history.read_text(encoding="utf-8").splitlines()]
    if not rows:
        return None
    figure = Figure(figsize=(8.4, 3.4), layout="constrained")
    for axes, (title, shown) in zip(figure.subplots(1, 2), SHOWN.items(), strict=True):
        for number, (key, name) in enumerate(shown.items()):
            points = [(row["epoch"], row[key]) for row in rows if key in row]
            if points:
                axes.plot(
                    *zip(*points, strict=True), color=colour(number), marker=marker(number), markersize=4, label=name
                )
        axes.set(xlabel="epoch", ylabel=title)
        axes.locator_params(axis="x", integer=True)
        axes.legend(fontsize=8, frameon=False)
    (file,) = save_figures({Path(FILE).stem: figure}, folder, force=True)
    return file
