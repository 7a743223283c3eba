"""RepMix's mathematics: mixing, ratios, compound logits and the loss, against METHODS.md and by hand."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from ganprint_plugins.repmix import RepMix, mix
from ganprint_plugins.repmix_spec import RepMixConfig
from torch import Tensor
from torch.nn import functional

from ganprint.attributor import Run
from ganprint.data import Manifest
from ganprint.errors import ConfigError
from ganprint.models import Step, read_config
from ganprint.models.backbones import build_backbone
from ganprint.training.batches import BatchSettings

SOURCES = ("real", "progan", "stylegan")
COMPACT = {"backbone": "compact", "backbone_options": {"widths": [8, 8, 8, 8]}}
SMALL_RESNET = {"backbone": "timm:resnet18", "backbone_options": {"channels": [8, 8, 8, 8]}}
BACKBONES: list[dict[str, Any]] = [
    COMPACT,
    SMALL_RESNET,
    {"backbone": "timm:vgg11", "backbone_options": {"mlp_ratio": 0.01}},
    {"backbone": "alexnet"},
]


def repmix(**values: Any) -> RepMix:
    torch.manual_seed(0)
    fields = {"view": {"size": 64}, "embedding": 16, **values}
    attributor = RepMix(RepMixConfig.model_validate(fields), SOURCES)
    attributor.network.eval()
    return attributor


def images(count: int, size: int = 64) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    return torch.rand(count, 3, size, size, generator=generator) * 2 - 1, torch.arange(count) % len(SOURCES)


@pytest.mark.parametrize("level", range(-1, 6))
@pytest.mark.parametrize("fields", BACKBONES, ids=lambda fields: fields["backbone"])
def test_every_level_mixes_pairs_into_samples_and_reaches_all_weights_with_gradients(
    fields: dict[str, Any], level: int
) -> None:
    attributor = repmix(mix_level=level, **fields)
    batch, labels = images(6)
    step = Step(seed=0, epoch=0, index=0)
    if attributor.changes_raw:
        raw = attributor.mix_raw(((batch + 1) * 127.5).to(torch.uint8), labels, step)
        assert (raw.shape, raw.dtype) == ((3, 3, 64, 64), torch.uint8)
        batch = attributor.scale(raw)
    losses = attributor.loss(batch, labels, step)
    assert losses.logits.shape == (3, len(SOURCES))
    foremost = attributor.ratios(6, step, torch.device("cpu")).argmax(1)
    assert torch.equal(losses.labels, labels.view(3, 2)[torch.arange(3), foremost])
    losses.total.backward()
    gradients = {name: each.grad for name, each in attributor.network.named_parameters()}
    assert all(gradient is not None and gradient.isfinite().all() for gradient in gradients.values())
    answer = attributor.answer(images(2)[0])
    assert answer.attribution.shape == (2, 3)
    assert answer.embedding.shape == (2, 16)


@pytest.mark.parametrize("count", [2, 3])
@pytest.mark.parametrize("fields", [COMPACT, SMALL_RESNET], ids=lambda fields: fields["backbone"])
def test_level_5_is_the_mixing_of_embeddings_as_pooling_and_embedding_are_linear(
    fields: dict[str, Any], count: int
) -> None:
    attributor = repmix(mix_count=count, **fields)
    batch, _ = images(4 * count)
    ratios = attributor.ratios(4 * count, Step(0, 0, 0), torch.device("cpu"))
    with torch.no_grad():
        mixed = attributor.network.embed(batch, lambda features: mix(features, ratios), 5)
        expected = mix(attributor.network.embed(batch), ratios)
        shallow = attributor.network.embed(batch, lambda features: mix(features, ratios), 1)
    assert mixed.shape == (4, 16)
    torch.testing.assert_close(mixed, expected, rtol=0, atol=1e-5)
    assert (shallow - expected).abs().max() > 1e-3


@pytest.mark.parametrize("level", range(6))
def test_a_ratio_of_one_is_the_image_alone_at_every_level(level: int) -> None:
    attributor = repmix(**SMALL_RESNET)
    batch, _ = images(4)
    ratios = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    with torch.no_grad():
        mixed = attributor.network.embed(batch, lambda features: mix(features, ratios), level)
        torch.testing.assert_close(mixed, attributor.network.embed(batch)[[0, 3]], rtol=0, atol=1e-6)


@pytest.mark.parametrize(("size", "last"), [(32, 5), (40, 1)])
def test_a_last_batch_of_one_sample_is_left_out_where_networks_cannot_normalise_it(
    size: int, last: int, tiny_manifest: Path, tmp_path: Path
) -> None:
    attributor = repmix(view={"size": size}, batch_size=5, perturb_at=None, **SMALL_RESNET)
    attributor.network.train()
    settings = BatchSettings(attributor.config, Run(tmp_path), torch.device("cpu"), 2, hold=False)
    sampler = settings.training(Manifest.open(tiny_manifest).select("train")).sampler
    assert [len(batch) // 2 for batch in sampler][-1] == last
    batch, labels = images(2 * last, size)
    assert attributor.loss(batch, labels, Step(0, 0, 0)).total.isfinite()


@pytest.mark.parametrize("count", [2, 3])
@pytest.mark.parametrize("concentration", [0.4, 5.0])
def test_ratios_are_symmetric_dirichlet(count: int, concentration: float) -> None:
    attributor = repmix(mix_count=count, mix_concentration=concentration, **COMPACT)
    ratios = attributor.ratios(20_000 * count, Step(3, 1, 2), torch.device("cpu")).numpy()
    assert ratios.shape == (20_000, count)
    np.testing.assert_allclose(ratios.sum(1), 1, atol=1e-6)
    np.testing.assert_allclose(ratios.mean(0), 1 / count, atol=0.01)
    # Var = a (A - a) / (A^2 (A + 1)) with A = n a.
    variance = (1 / count) * (1 - 1 / count) / (count * concentration + 1)
    np.testing.assert_allclose(ratios.var(0), variance, rtol=0.05)


def test_ratios_depend_on_seed_epoch_and_step_and_processes_share_one_draw() -> None:
    attributor = repmix(**COMPACT)

    def drawn(*step: int, images: int = 8) -> Tensor:
        return attributor.ratios(images, Step(*step), torch.device("cpu"))

    assert torch.equal(drawn(0, 0, 0), drawn(0, 0, 0))
    assert all(not torch.equal(drawn(0, 0, 0), drawn(*other)) for other in [(1, 0, 0), (0, 1, 0), (0, 0, 1)])
    parts = [drawn(0, 0, 0, rank, 2, images=4) for rank in (0, 1)]
    assert torch.equal(torch.cat(parts), drawn(0, 0, 0))


@pytest.mark.parametrize("compound", [True, False])
def test_attribution_logits_are_scaled_by_the_detection_answer_only_when_compound(compound: bool) -> None:
    attributor = repmix(compound=compound, **COMPACT)
    embedding = torch.randn(5, 16)
    network = attributor.network
    detection, attribution = network.heads(embedding, compound=compound)
    plain = embedding @ network.attribution.weight.T + network.attribution.bias
    judged = torch.softmax(embedding @ network.detection.weight.T + network.detection.bias, dim=1)
    torch.testing.assert_close(attribution, plain * judged[:, [0, 1, 1]] if compound else plain)
    torch.testing.assert_close(torch.softmax(detection, dim=1), judged)


def test_without_mixing_the_loss_is_torchs_with_class_weights_averaged_over_images() -> None:
    attributor = repmix(mix_count=1, compound=False, **COMPACT)
    batch, labels = images(7)
    losses = attributor.loss(batch, labels, Step(0, 0, 0))
    answer = attributor.answer(batch)
    detection, _ = attributor.network.heads(answer.embedding, compound=False)
    weights = torch.tensor([1.0, 0.5])
    weighted = functional.cross_entropy(detection, (labels > 0).long(), weight=weights, reduction="none")
    torch.testing.assert_close(losses.total, functional.cross_entropy(answer.attribution, labels) + weighted.mean())


@pytest.mark.parametrize("level", [-1, 0, 3, 5])
def test_fixed_validation_mixes_nothing(level: int) -> None:
    attributor = repmix(mix_level=level, **COMPACT)
    unmixed = repmix(mix_count=1, **COMPACT)
    batch, labels = images(5)
    losses = attributor.loss(batch, labels, None)
    assert losses.logits.shape == (5, 3)
    assert torch.equal(losses.labels, labels)
    torch.testing.assert_close(losses.total, unmixed.loss(batch, labels, None).total)
    torch.testing.assert_close(losses.logits, attributor.answer(batch).attribution)


def test_mixing_before_perturbation_mixes_pixels() -> None:
    attributor = repmix(mix_level=-1, **COMPACT)
    raw = torch.randint(0, 256, (6, 3, 64, 64), dtype=torch.uint8)
    step = Step(0, 0, 0)
    ratios = attributor.ratios(6, step, torch.device("cpu"))
    mixed = attributor.mix_raw(raw, torch.zeros(6), step)
    for sample, (first, second) in enumerate(ratios.tolist()):
        expected = first * raw[2 * sample].float() + second * raw[2 * sample + 1].float()
        assert (mixed[sample].float() - expected).abs().max() <= 0.51


@pytest.mark.parametrize("preset", ["repmix-small", "repmix-native"])
def test_the_small_presets_keep_what_makes_it_repmix(preset: str) -> None:
    config = read_config(RepMix.spec, preset=preset)
    published = RepMixConfig()
    for key in ("mix_count", "mix_concentration", "compound", "embedding", "batch_size"):
        assert getattr(config, key) == getattr(published, key)
    # Published: after the last stage.
    assert config.mix_level == len(build_backbone(config.backbone, options=config.backbone_options).cuts)


@pytest.mark.parametrize(
    ("fields", "says", "hint"),
    [
        ({"backbone": "resnet5O"}, "no model called resnet5O", "Backbones: compact, alexnet, or timm's"),
        ({"backbone": "timm:"}, "no model called", "Backbones: compact"),
        ({**COMPACT, "mix_level": 6}, "compact has no mix level 6", "-1 to 5"),
        ({"backbone": "compact", "backbone_options": {"front": "sobel"}}, "front cannot be 'sobel'", "front"),
        ({"backbone": "compact", "backbone_options": {"deep": 3}}, "cannot be built", "deep"),
        ({"backbone": "compact", "backbone_options": {"widths": [8, 8]}}, "cannot be built", "widths"),
        ({"backbone": "compact", "backbone_options": {"widths": 8}}, "cannot be built", "widths"),
        ({"backbone": "alexnet", "backbone_options": {"deep": 3}}, "alexnet cannot be built", "deep"),
        ({**SMALL_RESNET, "backbone_options": {"front": "dual"}}, "timm's resnet18 cannot", "front"),
        ({**COMPACT, "pretrained": True}, "no pretrained weights", "pretrained=false"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_network_that_cannot_be_is_refused_with_what_can(fields: dict[str, Any], says: str, hint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        repmix(**fields)
    assert says in caught.value.message
    assert hint in caught.value.hint
