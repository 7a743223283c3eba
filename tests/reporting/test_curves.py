"""The curves of a training have a point for each epoch, and only whole epochs on their axis."""

import json
from pathlib import Path

import pytest

from ganprint.reporting import curves
from ganprint.training.loop import HISTORY


def test_only_whole_epochs_are_on_the_axis(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [{"epoch": epoch, "train_loss": 2 / epoch, "loss": 2.1 / epoch, "accuracy": 0.4} for epoch in (1, 2)]
    (tmp_path / HISTORY).write_text("".join(json.dumps(row) + "\n" for row in rows))
    drawn = []
    save = curves.save_figures
    monkeypatch.setattr(
        curves,
        "save_figures",
        lambda figures, *given, **named: drawn.extend(figures.values()) or save(figures, *given, **named),
    )
    assert curves.draw_curves(tmp_path) == tmp_path / "curves.png"
    for axes in drawn[0].axes:
        assert {line.get_xdata()[-1] for line in axes.lines} == {2}
        low, high = axes.get_xlim()
        assert [tick for tick in axes.get_xticks() if low <= tick <= high] == [1, 2]
