"""Attacks go through a method's own view and answer, and make it wrong."""

from pathlib import Path

import numpy as np
import pytest
import torch

from ganprint.attributor import View
from ganprint.calibration.answer import answer_images
from ganprint.data import Manifest
from ganprint.evaluation.adversarial import answer_loss, attack_images
from ganprint.evaluation.answers import answer_manifest
from ganprint.evaluation.conditions import Condition
from ganprint.images.views import crop_views, differentiable_views
from ganprint.models import NeuralAttributor
from ganprint.perturbation import Attack
from ganprint.weights import load_attributor

GENERATOR = torch.Generator().manual_seed(0)
IMAGE = torch.randint(0, 256, (3, 90, 70), dtype=torch.uint8, generator=GENERATOR)
SMOOTH = torch.nn.functional.interpolate(IMAGE[None, :, :23, :18].float(), (184, 144), mode="bicubic").clamp(0, 255)


@pytest.fixture
def victim(tiny_weights: Path) -> NeuralAttributor:
    return load_attributor(tiny_weights)[0]


@pytest.mark.parametrize(
    "view",
    [
        View(kind="native", size=32, crops=5),
        View(kind="native", size=80, crops=3),
        View(size=70),
        View(size=60, answering_scale=70 / 60),
    ],
    ids=str,
)
def test_views_with_gradients_are_those_that_are_answered_for(view: View) -> None:
    found = differentiable_views(IMAGE[None].float(), view)[0]
    torch.testing.assert_close(found, crop_views(IMAGE, view).float())


def test_where_a_view_resizes_they_are_close() -> None:
    image = SMOOTH.round()[0].to(torch.uint8)
    found = differentiable_views(image[None].float(), View(size=48))[0]
    assert (found - crop_views(image, View(size=48)).float()).abs().mean() < 2


def test_the_loss_is_of_the_answer_to_the_whole_image(victim: NeuralAttributor) -> None:
    view = victim.config.view.model_copy(update={"kind": "native", "crops": 4})
    victim.config = victim.config.model_copy(update={"view": view})
    (answer,) = answer_images(victim, [crop_views(IMAGE, view)])
    batch = IMAGE[None].float()
    for label in range(3):
        right = answer.probabilities[label]
        torch.testing.assert_close(
            answer_loss(victim, [label], "attribution")(batch).item(), -np.log(right), rtol=1e-4, atol=1e-5
        )
    synthetic = -np.log(answer.probabilities[1:].sum())
    for label, target in ((2, "detection"), (-1, "detection"), (-1, "attribution")):
        found = answer_loss(victim, [label], target)(batch).item()
        assert found == pytest.approx(synthetic, rel=1e-4, abs=1e-5)


def test_images_of_several_sizes_are_attacked_each_by_itself(victim: NeuralAttributor) -> None:
    sizes = [IMAGE, IMAGE[:, :40, :40], IMAGE.flip(1)]
    together = attack_images(victim, sizes, [0, 1, 2], Attack("pgd", 8), [1, 2, 3])
    for image, attacked in zip(sizes, together, strict=True):
        assert attacked.shape == image.shape and attacked.dtype == torch.uint8
        assert 0 < (attacked.int() - image.int()).abs().max() <= 8
    (alone,) = attack_images(victim, sizes[1:2], [1], Attack("pgd", 8), [2])
    assert (alone == together[1]).float().mean() > 0.99


def test_an_image_with_fewer_crops_does_not_take_crops_from_others_of_its_batch(victim: NeuralAttributor) -> None:
    view = View(kind="native", size=victim.config.view.size, crops=4)
    victim.config = victim.config.model_copy(update={"view": view})
    random = torch.Generator().manual_seed(1)
    rich = torch.randint(0, 256, (3, 128, 128), dtype=torch.uint8, generator=random)
    poor = torch.full_like(rich, 120)
    poor[:, 40:76, 40:76] = rich[:, 40:76, 40:76]
    assert len(crop_views(rich, view)) == 4 > len(crop_views(poor, view))
    together = answer_loss(victim, [1, 1], "attribution")(torch.stack([rich, poor]).float())
    for image, loss in zip((rich, poor), together, strict=True):
        alone = answer_loss(victim, [1], "attribution")(image[None].float())
        torch.testing.assert_close(loss, alone[0], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("target", ["attribution", "detection"])
def test_answers_under_attack_are_worse(victim: NeuralAttributor, tiny_manifest: Path, target: str) -> None:
    images = Manifest.open(tiny_manifest, sources=victim.sources).select("test_seen")
    attack = Attack("pgd", 16, target)
    shares = []
    for condition in (Condition(attack), Condition(Attack("fgsm", 1))):
        (found,) = answer_manifest([victim], images, condition, victim=victim)
        labels, predicted = found.labels, found.predicted
        right = labels == predicted if target == "attribution" else (labels > 0) == (predicted > 0)
        shares.append(right.mean())
    assert shares[0] < shares[1]
