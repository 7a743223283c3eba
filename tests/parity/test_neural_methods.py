"""Networks and losses of RepMix, Reverse Engineering, Yu et al. and DCT-CNN equal those of the public codes.

The references were made by running those codes; inputs and parameters are drawn here again. `pytest -s` prints the
table of docs/results/parity.md.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torchvision
from ganprint_plugins import yu
from ganprint_plugins.dct_cnn import DCTCNN, DCTCNNConfig
from ganprint_plugins.repmix import RepMix, RepMixConfig, mix, mixed_losses
from ganprint_plugins.reverse_engineering import (
    ReverseEngineering,
    ReverseEngineeringConfig,
    fingerprint_losses,
)
from ganprint_plugins.yu import ProgressiveClassifier, VisualFingerprints, Yu, YuConfig
from torch import nn
from torch.nn import functional

from ganprint.attributor import View
from ganprint.images.spectrum import dct2, log_dct
from ganprint.models import Step
from ganprint.training.batches import AnchoredSampler
from ganprint.training.moments import Moments

from .conftest import Arrays, Close, from_tensorflow, load_in_order, seeded

Outputs = Callable[[str], Arrays]
SOURCES = ("real", "a", "b", "c", "d", "e", "f", "g")


def tensor(values: np.ndarray) -> torch.Tensor:
    found = torch.from_numpy(values)
    return found.long() if found.dtype == torch.int16 else found


def count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


# RepMix


def repmix_on_embeddings(run: Arrays, members: int, monkeypatch: pytest.MonkeyPatch) -> RepMix:
    """Return RepMix with the reference's heads and ratios, on embeddings in the place of images."""
    config = RepMixConfig(
        backbone="compact", mix_count=members, mix_level=0, backbone_options={"widths": [8] * 4}
    )
    attributor = RepMix(config, SOURCES)
    attributor.network.backbone = attributor.network.embedding = nn.Identity()  # type: ignore[assignment]
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


def test_repmixs_backbone_mixes_after_the_last_stage_as_the_public_one_does(
    outputs: Outputs, close: Close
) -> None:
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
def test_an_epoch_has_every_image_as_anchor_once_with_partners_from_all(
    members: int, outputs: Outputs
) -> None:
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


# Reverse Engineering


def reverse_engineering(**settings: Any) -> ReverseEngineering:
    config = ReverseEngineeringConfig.model_validate({"view": View(size=128), **settings})
    attributor = ReverseEngineering(config, SOURCES[:5])
    for layer in attributor.network.head.modules():
        if isinstance(layer, nn.Dropout):
            layer.p = 0.0
    return attributor


def fen_parameters(attributor: ReverseEngineering, seed: int) -> None:
    """Load what the references were made with into the fingerprint network and, of two hidden units, the head."""
    network = attributor.network
    shapes = [(name, tuple(each.shape)) for name, each in network.estimator.state_dict().items()]
    load_in_order(network.estimator, seeded(shapes, seed, means=0.2).values())
    if attributor.config.hidden != 2:
        return
    shapes = [(name, tuple(each.shape)) for name, each in network.head.state_dict().items()]
    head = list(seeded(shapes, 33).values())
    # So that no sigmoid saturates.
    head[4], head[5], head[6] = (
        head[4] * np.float32(0.001),
        head[5] + np.float32(0.6),
        head[6] * np.float32(0.8),
    )
    load_in_order(network.head, head)


def fen_draws() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return images of 64 px, fingerprints and images of 128 px, as one stream gave them."""
    random = np.random.RandomState(31)
    small = random.randn(2, 3, 64, 64)
    random.randn(3, 65, 65)
    fingerprints = 0.3 * random.randn(2, 3, 128, 128)
    drawn = (small, fingerprints, random.randn(2, 3, 128, 128))
    first, second, third = (torch.from_numpy(each.astype(np.float32)) for each in drawn)
    return first, second, third


def test_the_fingerprint_network_and_its_spectrum_are_the_public_ones(outputs: Outputs, close: Close) -> None:
    run = outputs("fen_network")
    attributor = reverse_engineering(depth=4, width=8, hidden=8)
    fen_parameters(attributor, 32)
    network, (images, _, _) = attributor.network, fen_draws()
    for mode in ("eval", "train"):
        network.train(mode == "train")
        _, spectrum = network.fingerprint(images)
        close(f"Reverse Engineering: spectrum, {mode}", spectrum, run[f"{mode}/magnitude_shifted"], 1e-5)
        highest = fingerprint_losses(spectrum[:, 0], spectrum, 51)["repetition"] / -0.001
        close(f"Reverse Engineering: maximum, {mode}", highest, run[f"{mode}/high_frequency_max"], 1e-5)
    statistics = [each for name, each in network.estimator.state_dict().items() if "running" in name]
    public = [run[name] for name in run if name.startswith("after_train_forward/")]
    for found, expected in zip(statistics, public, strict=True):
        close("Reverse Engineering: running statistics", found, expected, 1e-5)
    fen_parameters(attributor, 32)
    network.eval()
    close("Reverse Engineering: fingerprint", network.estimator(images), run["eval/residual"], 1e-5)


LOSSES = {"low": "low_frequency", "repetition": "max_energy", "energy": "residual_l2", "symmetry": "symmetry"}


def test_the_four_losses_the_head_and_its_sigmoid_are_the_public_ones(outputs: Outputs, close: Close) -> None:
    run, (_, fingerprints, _) = outputs("fen_losses_fixed_fingerprints"), fen_draws()
    attributor = reverse_engineering(depth=4, width=8, hidden=2)
    fen_parameters(attributor, 34)
    attributor.network.estimator = nn.Identity()  # type: ignore[assignment]
    residual, spectrum = attributor.network.fingerprint(fingerprints)
    for ours, public in LOSSES.items():
        found = fingerprint_losses(residual, spectrum, 51)[ours]
        close(f"Reverse Engineering: {ours} loss", found, run[f"train/{public}"], 1e-5)
    losses = attributor.loss(fingerprints, tensor(run["labels"]), Step(0, 0, 0))
    close("Reverse Engineering: loss of a step", losses.total, run["train/total"], 1e-5)
    answer = attributor.answer(fingerprints).attribution
    close("Reverse Engineering: answers", answer, run["test/head_sigmoid_outputs"], 1e-5)


def test_one_training_step_of_reverse_engineering_ends_where_the_public_one_does(
    outputs: Outputs, close: Close
) -> None:
    run, (_, _, images) = outputs("fen_training_step"), fen_draws()
    attributor = reverse_engineering(depth=4, width=8, hidden=2)
    fen_parameters(attributor, 34)
    network = attributor.network
    network.train()
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-4)
    losses = attributor.loss(images, tensor(run["labels"]), Step(0, 0, 0))
    close("Reverse Engineering: total of a training step", losses.total, run["train/total"], 1e-5)
    losses.total.backward()
    estimated = dict(network.estimator.named_parameters())
    public = [name.removeprefix("grad/") for name in run if name.startswith("grad/")]
    for (name, parameter), theirs in zip(estimated.items(), public, strict=True):
        close(f"Reverse Engineering: gradient of {name}", parameter.grad, run[f"grad/{theirs}"], 1e-4)
    optimizer.step()
    for parameter, theirs in zip(estimated.values(), public, strict=True):
        # A bias before batch normalisation has a gradient of rounding errors, of which Adam makes a whole step.
        if theirs not in ("layers.1.0.bias", "layers.2.0.bias"):
            close(
                f"Reverse Engineering: {theirs} after the step", parameter, run[f"after_step/{theirs}"], 1e-5
            )


def test_reverse_engineering_has_the_published_number_of_parameters() -> None:
    network = reverse_engineering().network
    assert (count(network.estimator), count(network.head)) == (559_363, 33_609_605)


# Yu et al.


def yu_parameters(module: nn.Module, random: np.random.RandomState) -> None:
    """Draw parameters as tensorflow code lays them out: N(0, 1) weights, biases of a tenth."""
    values = []
    for parameter in module.state_dict().values():
        shape = tuple(parameter.shape)
        if parameter.ndim == 1:
            values.append((0.1 * random.randn(*shape)).astype(np.float32))
        else:
            axes = {4: (2, 3, 1, 0), 2: (1, 0)}[parameter.ndim]
            drawn = random.randn(*(shape[axis] for axis in axes))
            values.append(from_tensorflow(drawn.astype(np.float32)))
    load_in_order(module, values)


@pytest.mark.parametrize(("switch", "seed"), [(4, 41), (32, 42)])
def test_yus_classifier_gives_the_public_logits_loss_and_gradients(
    switch: int, seed: int, outputs: Outputs, close: Close
) -> None:
    run, random = outputs(f"yu_cpatch_postpool_switch{switch}"), np.random.RandomState(seed)
    attributor = Yu(YuConfig(view=View(size=128), feature_base=64, pool_from=switch), SOURCES[:5])
    images = torch.from_numpy(random.randint(0, 256, (2, 3, 128, 128)).astype(np.uint8))
    yu_parameters(attributor.network, random)
    losses = attributor.loss(attributor.scale(images), tensor(run["labels"]), Step(0, 0, 0))
    close(f"Yu et al., pooled from {switch}: logits", losses.logits, run["logits"], 1e-5)
    close(f"Yu et al., pooled from {switch}: loss", losses.total, run["mean_loss"], 1e-5)
    losses.total.backward()
    names = [
        f"{size}x{size}/{layer}/{part}"
        for size in (128, 64, 32, 16, 8, 4)
        if size > switch or size == 4
        for layer in (("Conv0", "Conv1") if size > 4 else ("Conv0", "Dense1", "Dense2"))
        for part in ("weight", "bias")
    ]
    for name, parameter in zip(names, attributor.network.parameters(), strict=True):
        # The reference has those of the smaller tensors.
        if f"grad/{name}" in run:
            expected = from_tensorflow(run[f"grad/{name}"])
            close(f"Yu et al., pooled from {switch}: gradient of {name}", parameter.grad, expected, 1e-4)


def test_yus_layers_pad_by_reflection_and_scale_their_weights(outputs: Outputs, close: Close) -> None:
    run = outputs("yu_layers")
    convolution, dense = yu.Equalised(nn.Conv2d(2, 3, 3)), yu.Equalised(nn.Linear(72, 3), gain=1.0)
    load_in_order(convolution, [from_tensorflow(run[f"param/c/{part}"]) for part in ("weight", "bias")])
    load_in_order(dense, [from_tensorflow(run["param/d/weight"]), np.zeros(3, np.float32)])
    features = tensor(run["x"])
    found = functional.leaky_relu(convolution(features), yu.SLOPE)
    close("Yu et al.: convolution", found, run["conv_bias_lrelu"], 1e-5)
    close("Yu et al.: dense layer", dense(features.flatten(1)), run["dense_no_bias"], 1e-5)


@pytest.mark.parametrize(
    ("sources", "settings", "parameters"),
    [
        (5, {}, 8_913_797),
        (2, {}, 8_912_258),
        (11, {}, 8_916_875),
        (5, {"feature_base": 8192}, 22_785_029),
        *[
            (5, {"pool_from": switch}, parameters)
            for switch, parameters in {
                8: 5_963_909, 16: 4_931_333, 32: 4_525_637, 64: 4_350_437, 128: 4_211_717
            }.items()
        ],
    ],
)  # fmt: skip
def test_yus_classifier_has_the_published_number_of_parameters(
    sources: int, settings: dict[str, int], parameters: int
) -> None:
    assert count(ProgressiveClassifier(128, sources, YuConfig(**settings))) == parameters  # type: ignore[arg-type]


def visual(size: int, base: int) -> VisualFingerprints:
    config = YuConfig(variant="visual", feature_base=base)
    small = config.model_copy(update={"view": View.model_construct(kind="resize", size=size)})
    return VisualFingerprints(small, 5)


def test_visual_fingerprints_their_losses_and_critic_are_the_public_ones(
    outputs: Outputs, close: Close
) -> None:
    run = outputs("yu_visnet_autoencoder")
    pixels = np.random.RandomState(44).randint(0, 256, (4, 3, 16, 16)).astype(np.float32)
    images, network = torch.from_numpy(pixels) / 127.5 - 1, visual(16, 64)
    random = np.random.RandomState(45)
    yu_parameters(network.reconstruct, random)
    drawn = random.randn(16, 16, 3, 5).astype(np.float32)
    network.fingerprints.data.copy_(torch.from_numpy(from_tensorflow(drawn).copy()))
    yu_parameters(network.critic, random)
    made = network.reconstruct(images)
    close("Yu et al., visual: reconstruction", made, run["reconstruction"], 1e-5)
    logits, scores = network(images), network.critic(made)[:, 0]
    close("Yu et al., visual: logits", logits, run["logits"], 1e-5)
    close("Yu et al., visual: critic's scores", scores, run["D_scores_of_reconstruction"].ravel(), 1e-5)
    classified = functional.cross_entropy(logits, tensor(run["labels"]), reduction="none")
    close("Yu et al., visual: classification loss", classified, run["per_image_class_loss"], 1e-5)
    apart = (made - images).abs().mean((1, 2, 3))
    total = classified + yu.RECONSTRUCTION * apart - yu.ADVERSARIAL * scores
    close("Yu et al., visual: autoencoder's loss", total, run["per_image_total_loss"], 1e-5)


def test_visual_fingerprints_have_the_published_number_of_parameters() -> None:
    network = visual(128, 1024)
    assert count(network.reconstruct) + network.fingerprints.numel() == 14_400_019
    assert count(network.critic) == 8_916_353


# DCT-CNN


def dct_cnn(sources: int, size: int) -> DCTCNN:
    config = DCTCNNConfig().model_copy(update={"view": View.model_construct(kind="resize", size=size)})
    return DCTCNN(config, SOURCES[:sources])


def test_cosine_spectra_and_their_statistics_are_the_public_ones(outputs: Outputs, close: Close) -> None:
    run = {name.removeprefix("color/"): each for name, each in outputs("dct_preprocessing").items()}
    images = tensor(run["images_uint8"]).permute(0, 3, 1, 2)
    # Below, the public logarithm is one of rounding errors.
    clear = np.abs(run["dct2"]).transpose(0, 3, 1, 2) > 1e-6
    alike = clear.all(0)

    def channels_first(name: str) -> np.ndarray:
        return run[name].transpose(*range(run[name].ndim - 3), -1, -3, -2)

    close("DCT-CNN: cosine transform", dct2(images.double()), channels_first("dct2"), 1e-6)
    spectra = log_dct(images.double())
    close("DCT-CNN: logarithms", spectra[clear], channels_first("log_scaled")[clear], 1e-6)
    attributor = dct_cnn(4, 16)
    moments = Moments(lambda each: log_dct(each.float()))
    moments.update(images, torch.zeros(4))
    close("DCT-CNN: means, in float32", moments.mean[alike], channels_first("mean")[alike], 1e-4)
    close("DCT-CNN: deviations, in float32", moments.deviation[alike], channels_first("std")[alike], 1e-4)
    attributor.network.mean.copy_(moments.mean)
    attributor.network.deviation.copy_(moments.deviation)
    found, expected = attributor.scale(images), channels_first("network_input")
    close("DCT-CNN: input of the network, in float32", found[:, alike], expected[:, alike], 1e-4)


def test_the_cosine_network_gives_the_public_answers(outputs: Outputs, close: Close) -> None:
    run = outputs("dct_cnn_forward")
    parameters = [run[name] for name in run if name.startswith("param/")]
    # The public network flattens (H, W, C).
    parameters[8] = parameters[8].reshape(4, 4, 32, 4).transpose(2, 0, 1, 3).reshape(512, 4)
    network = dct_cnn(4, 16).network
    load_in_order(network.layers, [from_tensorflow(each) for each in parameters])
    logits = network(tensor(run["x"]).permute(0, 3, 1, 2))
    close("DCT-CNN: probabilities", logits.softmax(1), run["softmax"], 1e-5)
    losses = functional.cross_entropy(logits, tensor(run["labels"]), reduction="none")
    close("DCT-CNN: losses", losses, run["per_image_loss"], 1e-5)
    assert count(dct_cnn(5, 128).network) == 169_961
