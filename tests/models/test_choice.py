"""The configuration that nobody named suits the device, the data and what the training starts from."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from ganprint_plugins.eigenface import EigenFace
from ganprint_plugins.repmix import RepMix
from ganprint_plugins.residual_statistics.method import ResidualStatistics

from ganprint import plugins
from ganprint.api.trainings import run_folder
from ganprint.models.choice import choose_config, suiting_preset
from ganprint.models.config import read_config
from ganprint.weights import read_card


@pytest.mark.parametrize(
    ("method", "device", "benchmark", "preset"),
    [
        (RepMix, "cuda", True, None), (RepMix, "cuda:1", False, None), (RepMix, "cpu", True, "repmix-mini"),
        (RepMix, "cpu", False, "repmix-small"), (EigenFace, "mps", False, "eigenface-small"),
        (ResidualStatistics, "cpu", False, None),
    ],
)  # fmt: skip
def test_the_preset_suits_the_device(method: Any, device: str, benchmark: bool, preset: str | None) -> None:
    assert suiting_preset(method.spec, device, benchmark=benchmark) == preset


def test_every_method_has_a_preset_for_a_cpu() -> None:
    for plugin in plugins.discover():
        spec = plugins.load(plugin.name).spec
        assert suiting_preset(spec, "cpu", benchmark=True) or spec.name == "residual-statistics"


def test_what_is_named_goes_before_what_suits(tmp_path: Path, tiny_weights: Path) -> None:
    spec, card = RepMix.spec, read_card(tiny_weights)
    config, said = choose_config(spec, "cpu", preset="paper", start=card)
    assert (config, said) == (read_config(spec), "preset paper")
    config, said = choose_config(spec, "cpu", start=card, assignments=["epochs=2"], benchmark=True)
    assert config.model_dump(mode="json") == card.config | {"epochs": 2}
    assert said == f"the configuration of {card.name} with epochs=2"
    (tmp_path / "config.yaml").write_text("epochs: 7\n")
    config, said = choose_config(spec, "cpu", begun=tmp_path, start=card)
    assert config == RepMix.spec.config(epochs=7)
    assert said == f"the configuration of {tmp_path / 'config.yaml'}"


def test_a_further_training_of_the_day_has_a_folder_of_its_own(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    day = date(2026, 11, 28)
    for name in ("repmix-2026-11-28", "repmix-2026-11-28-2", "repmix-2026-11-28-3"):
        folder = run_folder("repmix", day)
        assert folder == Path("runs", name)
        folder.mkdir(parents=True)
