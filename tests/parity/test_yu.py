"""Yu et al.: classifier and visual fingerprints equal those of the public code."""

import numpy as np
import pytest
import torch
from ganprint_plugins import yu
from ganprint_plugins.yu import ProgressiveClassifier, VisualFingerprints, Yu
from ganprint_plugins.yu_spec import YuConfig
from torch import nn
from torch.nn import functional

from ganprint.attributor import View
from ganprint.models import Step

from .conftest import SOURCES, Close, Outputs, count, from_tensorflow, load_in_order, tensor


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
def test_yus_classifier_gives_the_public_logits_loss_and_gradients(switch, seed, outputs, close) -> None:
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
def test_yus_classifier_has_the_published_number_of_parameters(sources, settings, parameters) -> None:
    assert count(ProgressiveClassifier(128, sources, YuConfig(**settings))) == parameters


def visual(size: int, base: int) -> VisualFingerprints:
    config = YuConfig(variant="visual", feature_base=base)
    small = config.model_copy(update={"view": View.model_construct(kind="resize", size=size)})
    return VisualFingerprints(small, 5)


def test_visual_fingerprints_their_losses_and_critic_are_the_public_ones(outputs, close) -> None:
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
