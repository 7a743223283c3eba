"""An attributor gets the configuration, sources and tensors of its artifact, or a sentence says what does not fit."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from ganprint.attributor import Attributor, AttributorConfig, AttributorSpec, View
from ganprint.errors import PluginError, WeightsError
from ganprint.weights import load_attributor, save_artifact

from ..conftest import VIEW, make_card


class Config(AttributorConfig):
    width: int = 3
    pretrained: bool = False


class Linear(Attributor):
    """A method of one matrix, so that loading can be tested without any real one."""

    spec = AttributorSpec("linear", "Linear", "none", 2026, Config)

    def __init__(self, config: Any, sources: Any) -> None:
        super().__init__(config, sources)
        if config.pretrained:
            raise OSError("the network is not there")

    def predict(self, images: Tensor) -> Any:
        raise NotImplementedError

    def state(self) -> dict[str, Tensor]:
        return {"weight": self.weight}

    def load_state(self, tensors: Any) -> None:
        weight = tensors["weight"]
        if weight.shape != (len(self.sources), self.config.width):
            raise ValueError("weight has\nanother shape")
        self.weight = weight


@pytest.fixture
def linear(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ganprint.plugins.load", lambda name: Linear)


@pytest.mark.usefixtures("linear")
def test_an_attributor_gets_its_configuration_sources_and_tensors_and_fetches_no_others(tmp_path: Path) -> None:
    """Those that its training started from are not looked for."""
    card = make_card(method="linear", config={"view": VIEW, "width": 4, "pretrained": True})
    weight = torch.arange(8.0).reshape(2, 4)
    attributor, read = load_attributor(save_artifact(tmp_path / "a", {"weight": weight}, card))
    assert attributor.config == Config(view=View.model_validate(VIEW), width=4)
    assert attributor.sources == read.sources == ("real", "progan")
    assert torch.equal(attributor.weight, weight)
    assert read.config["pretrained"] is True


@pytest.mark.usefixtures("linear")
@pytest.mark.parametrize(
    ("config", "tensors", "message"),
    [
        ({"depth": 4}, {"weight": torch.ones(2, 3)}, "depth: Extra inputs"),
        ({"width": "wide"}, {"weight": torch.ones(2, 3)}, "width: Input should be"),
        ({"width": 5}, {"weight": torch.ones(2, 3)}, "do not fit linear: weight has another shape"),
        ({}, {"other": torch.ones(2, 3)}, "do not fit linear: 'weight'"),
        ({"view": {"size": 64}}, {"weight": torch.ones(2, 3)}, "two different preprocessings"),
    ],
)
def test_weights_that_do_not_fit_their_method_are_reported(
    config: dict[str, Any], tensors: dict[str, Tensor], message: str, tmp_path: Path
) -> None:
    card = make_card(method="linear", config={"view": VIEW, **config})
    folder = save_artifact(tmp_path / "a", tensors, card)
    with pytest.raises(WeightsError, match=message) as error:
        load_attributor(folder)
    assert "ganprint 0.1.0" in error.value.hint


def test_weights_of_a_method_that_is_not_installed_say_so(tmp_path: Path) -> None:
    folder = save_artifact(tmp_path / "a", {"weight": torch.ones(2, 3)}, make_card(method="nobody"))
    with pytest.raises(PluginError, match="no method called nobody"):
        load_attributor(folder)
