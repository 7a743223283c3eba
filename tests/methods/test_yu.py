"""Yu et al.: what pooling sees, the bands of its variants, and the visual mode's game in one step."""

import pytest
import torch
from ganprint_plugins import yu
from ganprint_plugins.yu import Front, ProgressiveClassifier, Yu
from ganprint_plugins.yu_spec import YuConfig
from torch import nn

from ganprint.attributor import View
from ganprint.errors import ConfigError
from ganprint.models import Step


def build(**settings: object) -> Yu:
    torch.manual_seed(0)
    view = View(size=int(str(settings.pop("size", 32))))
    return Yu(YuConfig.model_validate({"feature_base": 128, **settings, "view": view}), ("real", "a", "b"))


def test_pooling_earlier_shrinks_the_patch_that_a_place_sees() -> None:
    def reach(pool_from: int) -> int:
        network = ProgressiveClassifier(64, 2, YuConfig(feature_base=128, pool_from=pool_from))
        image = torch.zeros(1, 3, 64, 64, requires_grad=True)
        features = network.features(image + torch.rand(1, 3, 64, 64))
        place = features.shape[-1] - 1
        features[0, :, place, place].sum().backward()
        return int((image.grad.abs().sum((0, 1, 2)) > 0).sum())

    assert reach(32) < reach(16) < reach(8)


def test_a_freshly_drawn_network_keeps_the_scale_of_its_input() -> None:
    torch.manual_seed(0)
    network = ProgressiveClassifier(64, 8, YuConfig(feature_base=512))
    features = network.features[:-2](torch.randn(8, 3, 64, 64))
    # Every average pooling takes variance away; without equalised weights nothing would be left.
    assert 0.02 < float(features.detach().std()) < 5


def test_bands_add_up_to_the_image_and_the_low_one_is_smooth() -> None:
    images = torch.rand(2, 3, 32, 32)
    small = Front(32, 16, residual=False)(images)
    assert small.shape == (2, 3, 16, 16)
    band = Front(32, 32, residual=True)(images)
    rebuilt = band + nn.functional.interpolate(small, (32, 32), mode="bilinear")
    torch.testing.assert_close(rebuilt, images)
    assert Front(32, 8, residual=True)(images).shape == (2, 3, 8, 8)
    checkers = (torch.arange(32)[:, None] + torch.arange(32)) % 2 * 2.0 - 1
    assert float(Front(32, 16, residual=False)(checkers.expand(1, 3, 32, 32)).abs().max()) < 1e-5
    flat = torch.full((1, 3, 32, 32), 0.7)
    assert float(Front(32, 32, residual=True)(flat).abs().max()) < 1e-5


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"size": 44}, "cannot halve 44 px until 4 px"),
        ({"size": 36, "variant": "visual"}, "cannot halve 36 px until 4 px"),
        ({"variant": "pre-downsampling", "resolution": 12}, "cannot be halved to 12 px"),
        ({"variant": "pre-downsampling-residual", "resolution": 64}, "cannot be halved to 64 px"),
        ({"backbone": "resnet999"}, "no model called resnet999"),
    ],
)
def test_sizes_that_do_not_halve_are_refused(settings: dict[str, object], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        build(**settings)


def test_the_reimplementation_is_any_backbone_with_a_linear_layer() -> None:
    network = build(backbone="resnet18", backbone_options={"channels": [8, 8, 8, 8]}).network
    assert list(network.state_dict())[-2:] == ["0.output.weight", "0.output.bias"]
    assert network(torch.zeros(2, 3, 32, 32)).shape == (2, 3)


def test_one_step_drives_the_critic_up_and_the_autoencoder_against_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yu, "GRADIENT_PENALTY", 0.0)
    monkeypatch.setattr(yu, "DRIFT", 0.0)
    torch.manual_seed(0)
    critic = nn.Sequential(nn.Flatten(), nn.Linear(12, 1))
    real, made = torch.randn(5, 3, 2, 2), torch.randn(5, 3, 2, 2, requires_grad=True)
    yu._critic_loss(critic, real, made, Step(0, 0, 0)).backward()
    toward_made = critic[1].weight.detach().view(3, 2, 2)
    # Descent moves what is made to where the critic's value is higher, and the critic to value it lower.
    for gradient in made.grad:
        torch.testing.assert_close(gradient, -yu.ADVERSARIAL * toward_made / 5)
    expected = (made.detach().mean(0) - real.mean(0)).flatten()
    torch.testing.assert_close(critic[1].weight.grad.flatten(), expected)


def test_the_gradient_penalty_is_ten_times_the_squared_distance_of_the_slope_from_one() -> None:
    critic = nn.Sequential(nn.Flatten(), nn.Linear(12, 1, bias=False))
    nn.init.zeros_(critic[1].weight)
    critic[1].weight.data[0, 0] = 3.0
    zeros = torch.zeros(4, 3, 2, 2)
    assert float(yu._critic_loss(critic, zeros, zeros.requires_grad_(), Step(0, 0, 0)).detach()) == pytest.approx(40)


def test_validation_judges_attribution_alone() -> None:
    attributor = build(variant="visual")
    images, labels = torch.rand(4, 3, 32, 32), torch.tensor([0, 1, 2, 1])
    validation = attributor.loss(images, labels, None)
    training = attributor.loss(images, labels, Step(0, 0, 0))
    expected = nn.functional.cross_entropy(validation.logits, labels)
    torch.testing.assert_close(validation.total, expected)
    assert training.total.item() > validation.total.item()
    torch.testing.assert_close(training.logits, validation.logits)


def test_processes_penalise_the_critic_at_the_points_of_one() -> None:
    seen: list[torch.Tensor] = []

    class Recorder(nn.Module):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            seen.append(images.detach()[:, 0, 0, 0])
            return images.flatten(1).sum(1)

    def between(images: int, step: Step) -> torch.Tensor:
        made = torch.zeros(images, 3, 4, 4, requires_grad=True)
        yu._critic_loss(Recorder(), torch.ones(images, 3, 4, 4), made, step)
        return seen[-1]

    parts = [between(3, Step(0, 1, 2, rank, 2)) for rank in (0, 1)]
    assert torch.equal(torch.cat(parts), between(6, Step(0, 1, 2)))
    assert not torch.equal(*parts)
