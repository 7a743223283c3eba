"""Reverse Engineering: its networks, losses and a training step equal those of the public code."""

from typing import Any

import numpy as np
import torch
from ganprint_plugins.reverse_engineering import ReverseEngineering, fingerprint_losses
from ganprint_plugins.reverse_engineering_spec import ReverseEngineeringConfig
from torch import nn

from ganprint.attributor import View
from ganprint.models import Step

from .conftest import SOURCES, Close, Outputs, count, load_in_order, seeded, tensor


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
    head[4:7] = head[4] * np.float32(0.001), head[5] + np.float32(0.6), head[6] * np.float32(0.8)
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
    attributor.network.estimator = nn.Identity()
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
    # A bias before batch normalisation has a gradient of rounding errors, of which Adam makes a whole step.
    rounding = ("layers.1.0.bias", "layers.2.0.bias")
    for (name, parameter), theirs in zip(estimated.items(), public, strict=True):
        if theirs in rounding:
            assert max(float(parameter.grad.abs().max()), np.abs(run[f"grad/{theirs}"]).max()) < 1e-3
        else:
            close(f"Reverse Engineering: gradient of {name}", parameter.grad, run[f"grad/{theirs}"], 1e-4)
    optimizer.step()
    for parameter, theirs in zip(estimated.values(), public, strict=True):
        if theirs not in rounding:
            what, expected = f"Reverse Engineering: {theirs} after the step", run[f"after_step/{theirs}"]
            close(what, parameter, expected, 1e-5)


def test_reverse_engineering_has_the_published_number_of_parameters() -> None:
    network = reverse_engineering().network
    assert (count(network.estimator), count(network.head)) == (559_363, 33_609_605)
