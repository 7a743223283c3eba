"""The importer keeps every tensor of an official checkpoint, and answers as its layout computes."""

import argparse
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn.functional import linear
from torchvision.models import resnet50

from ganprint.api.importing import import_checkpoint
from ganprint.attributor import View
from ganprint.errors import ConfigError, OutputExistsError, WeightsError
from ganprint.weights import load_artifact, load_attributor

from .conftest import PUBLISHED, SOURCES, checkpoint, load


def test_every_tensor_arrives_unchanged_under_our_names(network, official, tmp_path) -> None:
    artifact = load(official, tmp_path / "out", semantics=["face"], command="ganprint weights import")
    assert artifact.tensors.keys() == network.keys()
    for name, tensor in network.items():
        assert torch.equal(artifact.tensors[name], tensor), name
    assert "pytorch_lightning" not in sys.modules


def test_the_hyperparameters_become_the_configuration_and_the_rest_is_kept_on_the_card(official, tmp_path):
    card = load(official, tmp_path / "out").card
    view = View(kind="resize", size=224, training_scale=240 / 224)
    assert card.config == {
        "view": view.model_dump(mode="json"), "backbone": "timm:resnet50", "embedding": 256, "mix_level": 5,
        "mix_count": 2, "mix_concentration": 0.4, "compound": True, "pretrained": False,
    }  # fmt: skip
    assert (card.method, card.sources, card.precision) == ("repmix", SOURCES, "float32")
    assert card.view == view
    assert card.training.details["hyper_parameters"] == {"lr": 1e-4}
    assert card.training.details["epoch"] == 12
    assert "det_ce.weight" in card.notes


def test_a_namespace_and_shared_and_strided_tensors_are_read(network, tmp_path) -> None:
    path = tmp_path / "official.ckpt"
    wide = torch.randn(2, 512)
    strided = network | {"detection.weight": wide[:, ::2], "detection.bias": wide[1, 5:7]}
    parameters = {name: torch.nn.Parameter(t) for name, t in strided.items() if t.is_floating_point()}
    settings = argparse.Namespace(**PUBLISHED)
    path.write_bytes(checkpoint(strided | parameters, hyper_parameters=settings))
    tensors = load(path, tmp_path / "out").tensors
    assert torch.equal(tensors["detection.weight"], wide[:, ::2])
    assert torch.equal(tensors["detection.bias"], wide[1, 5:7])


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"num_classes": 8}, "num_classes"), ({"d_embed": 128}, "d_embed"),
        ({"mixup_level": 6}, "mixup_level"), ({"mixup_level": 10**5000}, "mixup_level"),
        ({"img_csize": "large"}, "img_csize"), ({"img_rsize": "large"}, "img_rsize"),
        ({"img_rsize": 100}, "img_rsize"), ({"img_mean": [0.485, 0.456, 0.406]}, "img_mean"),
        ({"img_std": 1.0}, "img_std"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else None,
)  # fmt: skip
def test_settings_that_would_change_the_answer_are_refused(settings, reason, network, refused) -> None:
    refused(checkpoint(network, settings=PUBLISHED | settings), reason)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"backbone.layer4.2.conv3.weight": None}, "lacks backbone.layer4.2.conv3.weight"),
        ({"backbone.layer4.3.conv1.weight": torch.zeros(512, 2048, 1, 1)}, "superfluous backbone.layer4.3"),
        ({"detection.bias": torch.zeros(3)}, r"detection.bias is \(3,\)"),
        ({"detection.bias": torch.zeros(2, dtype=torch.long)}, "type int64"),
        ({"attribution.weight": None}, "lacks attribution.weight"),
        ({"surprise\x1b[2J": torch.zeros(1)}, "surprise"),
        ({"detection.weight": "text"}, "not of tensors"),
    ],
)
def test_a_state_that_is_not_a_repmix_resnet50_is_refused_by_tensor_name(change, reason, network, refused):
    state = {name: tensor for name, tensor in (network | change).items() if tensor is not None}
    assert refused(checkpoint(state), reason).isprintable()


def test_sources_and_names_that_do_not_fit_are_refused(official: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with pytest.raises(WeightsError, match="has 3 sources, and 2 were named"):
        import_checkpoint(official, name="a", sources=["real", "progan"], out=out)
    with pytest.raises(ConfigError, match="real first"):
        import_checkpoint(official, name="a", sources=["a", "b", "c"], out=out)
    with pytest.raises(ConfigError, match="name"):
        import_checkpoint(official, name="../a", sources=SOURCES, out=out)
    assert not out.exists()


def test_an_artifact_that_is_there_is_not_overwritten(official: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "card.yaml").write_text("mine")
    with pytest.raises(OutputExistsError):
        load(official, tmp_path / "out")
    assert (tmp_path / "out" / "card.yaml").read_text() == "mine"
    assert load(official, tmp_path / "out", force=True).card.name == "official"


@torch.no_grad()
def test_an_imported_checkpoint_answers_as_torchvisions_network_with_its_tensors(network, official, tmp_path) -> None:
    attributor, _ = load_attributor(load(official, tmp_path / "out").path)
    images = torch.randint(0, 256, (2, 3, 224, 224), dtype=torch.uint8)
    public = resnet50(num_classes=256).eval()
    named = {name.replace("embedding.", "backbone.fc."): tensor for name, tensor in network.items()}
    backbone = {name: tensor for name, tensor in named.items() if name.startswith("backbone.")}
    public.load_state_dict({name.removeprefix("backbone."): tensor for name, tensor in backbone.items()})
    embedding = public(images / 127.5 - 1)
    detection, attribution = (
        linear(embedding, network[f"{head}.weight"], network[f"{head}.bias"]) for head in ("detection", "attribution")
    )
    share = detection.softmax(1)
    expected = torch.cat([attribution[:, :1] * share[:, :1], attribution[:, 1:] * share[:, 1:]], 1)
    assert expected.std(dim=0).max() > 1e-3 * expected.abs().max()
    torch.testing.assert_close(attributor.predict(images).attribution, expected, rtol=1e-4, atol=1e-4)


def test_the_command_prints_the_folder_on_stdout_and_what_was_dropped_on_stderr(
    inside: Any, official: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ganprint.api.importing.user_folder", lambda: tmp_path / "user")
    options = ("--name", "new", "--sources", "real, progan,stylegan", "--semantics", "face")
    result = inside("weights", "import", official, *options, status=0)
    assert result.stdout == f"{tmp_path / 'user' / 'new'}\n"
    assert "det_ce.weight and optimiser state were dropped" in result.stderr
    card = load_artifact(tmp_path / "user" / "new").card
    assert (card.name, card.sources, card.semantics) == ("new", SOURCES, ("face",))
    assert card.command.startswith("ganprint")
