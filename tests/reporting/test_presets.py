"""Tables say which preset weights were trained with, and never call ours the paper's."""

from pathlib import Path

import pytest

from ganprint import plugins
from ganprint.models.config import read_config
from ganprint.reporting.presets import SHORT_CHANGES, preset_lines
from ganprint.weights import read_card


@pytest.mark.parametrize(
    ("method", "preset", "expected"),
    [
        ("prnu", "paper", "prnu, preset paper, nothing changed"),
        ("prnu", "threshold", "prnu+threshold, preset prnu-threshold, changed: "),
        ("residual-statistics", None, "residual-statistics, preset ours, nothing changed"),
        ("repmix", "small", "repmix, preset repmix-small, changed: "),
    ],
)
def test_a_line_names_weights_method_and_preset(
    method: str, preset: str | None, expected: str, tiny_weights: Path
) -> None:
    config = read_config(plugins.load(method).spec, preset=preset).model_dump(mode="json")
    card = read_card(tiny_weights).model_copy(update={"method": method, "config": config})
    (line,) = preset_lines([card])
    assert line.startswith(f"{card.name}: {expected}")
    assert len(line) < 100 + SHORT_CHANGES and (" more" in line) == (preset in ("small", "threshold"))


def test_a_configuration_that_no_version_here_takes_is_said(tiny_weights: Path) -> None:
    card = read_card(tiny_weights).model_copy(update={"config": {"gone": 1}})
    assert preset_lines([card]) == [f"{card.name}: repmix, a configuration of another version"]
