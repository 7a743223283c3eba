"""RepMix: its network, losses, mixing and sampling equal those of the public code."""

import numpy as np
import pytest
import torch
import torchvision
from ganprint_plugins.repmix import RepMix, mix, mixed_losses
from ganprint_plugins.repmix_spec import RepMixConfig
from torch import nn

from ganprint.models import Step
from ganprint.training.batches import AnchoredSampler

from .conftest import SOURCES, Arrays, Close, Outputs, count, load_in_order, seeded, tensor


def repmix_on_embeddings(run: Arrays, members: int, monkeypatch: pytest.MonkeyPatch) -> RepMix:
    """Return RepMix with the reference's heads and ratios, on embeddings in the place of images."""
    config = RepMixConfig(backbone="compact", mix_count=members, mix_level=0, backbone_options={"widths": [8] * 4})
    attributor = RepMix(config, SOURCES)
    attributor.network.backbone = attributor.network.embedding = nn.Identity()
    load_in_order(
        attributor.network,
        [run[f"{part}_{head}"] for head in ("detection", "attribution") for part in ("weight", "bias")],
    )
    monkeypatch.setattr(attributor, "ratios", lambda *_: tensor(run["ratios"]))
    return attributor


@pytest.mark.parametrize("members", [2, 3])
def test_repmixs_heads_compound_step_losses_and_gradients_are_the_public_ones(
    members: int, outputs: Outputs, close: Close, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, name = outputs(f"repmix_heads_loss_n{members}"), f"RepMix, {members} images a sample"
    attributor = repmix_on_embeddings(run, members, monkeypatch)
    ratios, targets = tensor(run["ratios"]), tensor(run["class_ids"])
    mixed = mix(tensor(run["embeddings_unmixed"]), ratios)
    close(f"{name}: mixed embeddings", mixed, run["embeddings_mixed"], 1e-5)
    detection, attribution = attributor.network.heads(mixed, compound=True)
    close(f"{name}: detection logits", detection, run["detection_logits"], 1e-5)
    close(f"{name}: compound attribution logits", attribution, run["attribution_logits"], 1e-5)
    losses = mixed_losses(attribution, detection, targets, ratios)
    for found, part in zip(losses, ("attribution", "detection"), strict=True):
        close(f"{name}: {part} loss of each sample", found, run[f"per_sample_{part}_loss"], 1e-5)
        close(f"{name}: {part} loss", found.mean(), run[f"{part}_loss"], 1e-5)
    total = attributor.loss(tensor(run["embeddings_unmixed"]), targets.flatten(), Step(0, 0, 0)).total
    close(f"{name}: loss of a step", total, run["total_loss"], 1e-5)
    if members == 2:
        total.backward()
        for head in ("attribution", "detection"):
            for part, found in getattr(attributor.network, head).named_parameters():
                close(f"{name}: gradient of {head} {part}", found.grad, run[f"grad_{part}_{head}"], 1e-5)


def test_repmix_answers_from_compound_logits_as_the_public_test_script_does(
    outputs: Outputs, close: Close, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = outputs("repmix_inference")
    attributor = repmix_on_embeddings({**run, "ratios": np.ones((8, 1), np.float32)}, 2, monkeypatch)
    answer = attributor.answer(tensor(run["embeddings"]))
    close("RepMix: answers", answer.attribution, run["attribution_output"], 1e-5)
    assert answer.attribution.argmax(1).tolist() == run["label_argmax"].tolist()
    assert (answer.attribution.argmax(1) > 0).tolist() == run["detection_label"].astype(bool).tolist()


def test_repmixs_backbone_mixes_after_the_last_stage_as_the_public_one_does(outputs: Outputs, close: Close) -> None:
    run = outputs("repmix_backbone")
    public = torchvision.models.resnet50()
    public.fc = nn.Linear(2048, 256)
    drawn = seeded(((name, tuple(each.shape)) for name, each in public.state_dict().items()), 77)
    attributor = RepMix(RepMixConfig(), SOURCES)
    network = attributor.network
    for name, values in drawn.items():
        ours = f"embedding.{name[3:]}" if name.startswith("fc.") else f"backbone.{name}"
        network.state_dict()[ours].copy_(torch.from_numpy(values))
    images = torch.from_numpy(np.random.RandomState(78).randn(4, 3, 64, 64).astype(np.float32))
    ratios = tensor(run["ratios"])

    def mixed() -> torch.Tensor:
        return network.embed(images, lambda features: mix(features, ratios), 5)

    with torch.no_grad():
        network.eval()
        close("RepMix: ResNet-50 embeddings", network.embed(images), run["embeddings_unmixed_eval"], 1e-5)
        close("RepMix: mixed ResNet-50 embeddings", mixed(), run["embeddings_mixed_eval"], 1e-5)
        network.train()
        # Division by the deviation of four images: processors differ by more than in the others.
        close("RepMix: the same in training", mixed(), run["embeddings_mixed_trainmode"], 5e-5)
    assert count(network) == 24_035_146


@pytest.mark.parametrize("members", [2, 3])
def test_an_epoch_has_every_image_as_anchor_once_with_partners_from_all(members: int, outputs: Outputs) -> None:
    run = outputs("repmix_sampling")
    labels = np.zeros(10, dtype=np.int64)
    batches = list(AnchoredSampler(labels, members=members, batch_size=4 * members, seed=6))
    assert [len(batch) for batch in batches] == run[f"n{members}_loader_images_per_step"].tolist()
    rows = np.array([draw.row for batch in batches for draw in batch]).reshape(10, members)
    for ids in (rows, run[f"n{members}_loader_ids"]):
        assert sorted(ids[:, 0].tolist()) == list(range(10))
    assert len({(draw.row, draw.repeat) for batch in batches for draw in batch}) == 10 * members
    steps = list(AnchoredSampler(np.zeros(1000), members=2, batch_size=64))
    assert (len(steps), sum(map(len, steps)), len(steps[-1])) == (32, 2000, 16)


def test_partners_are_drawn_uniformly_with_replacement_the_anchor_among_them() -> None:
    sampler = AnchoredSampler(np.zeros(10), members=2, batch_size=20)
    drawn = []
    for epoch in range(400):
        sampler.set_epoch(epoch)
        drawn += [draw.row for batch in sampler for draw in batch]
    anchors, partners = np.array(drawn).reshape(-1, 2).T
    # Over 4,000 draws the public code had 0.1025, and 379 to 440 of each.
    assert abs(float((anchors == partners).mean()) - 0.1) < 0.02
    counts = np.bincount(partners)
    assert counts.min() > 340 and counts.max() < 460
