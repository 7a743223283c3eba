"""The perturbations that Yu et al. immunise against have the published strengths, one image at a time."""

import numpy as np
import pytest
import torch

from ganprint.errors import PerturbationError
from ganprint.perturbation import IMMUNISING, Perturbation, parse_policy, perturb
from ganprint.perturbation.digital import through_jpeg


def photos(count: int, size: int = 48) -> torch.Tensor:
    smooth = torch.rand(count, 3, 6, 6, generator=torch.Generator().manual_seed(0)) * 200 + 20
    return torch.nn.functional.interpolate(smooth, (size, size), mode="bicubic").clamp(0, 255).to(torch.uint8)


@pytest.mark.parametrize("kind", IMMUNISING)
def test_an_image_comes_out_the_same_alone_and_in_a_batch_and_changed(kind: str) -> None:
    images = photos(10)
    draws = [Perturbation(kind, 1 + i % 5, 100 + i) for i in range(10)]
    together = perturb(images, draws)
    assert together.shape == images.shape and together.dtype == torch.uint8
    for number, draw in enumerate(draws):
        alone = perturb(images[number : number + 1], [draw])[0]
        assert (alone.int() - together[number].int()).abs().max() <= 1
    assert (together != images).any()


@pytest.mark.parametrize("severity", [1, 2, 3, 4, 5])
def test_noise_has_the_deviation_of_its_fifth_of_5_to_20(severity: int) -> None:
    grey = torch.full((40, 3, 32, 32), 128, dtype=torch.uint8)
    noisy = perturb(grey, [Perturbation("random_noise", severity, i) for i in range(40)]).float()
    deviations = noisy.flatten(1).std(1)
    low, high = 5 + 3 * (severity - 1), 5 + 3 * severity
    assert low - 0.4 < float(deviations.min()) and float(deviations.max()) < high + 0.4
    assert float(deviations.max() - deviations.min()) > 1.5


def test_blur_of_severity_1_is_the_identity_and_grows_from_there() -> None:
    images = photos(1) ^ 37
    rough = [perturb(images, [Perturbation("random_blur", s, 0)]).float().diff(dim=3).abs().mean() for s in range(1, 6)]
    assert torch.equal(perturb(images, [Perturbation("random_blur", 1, 0)]), images)
    assert rough == sorted(rough, reverse=True)
    assert len(set(map(float, rough))) == 5


def test_a_crop_shows_between_80_and_95_percent_of_a_side() -> None:
    ramp = torch.arange(100.0).expand(1, 3, 100, 100).to(torch.uint8) * 2
    for severity, seed in [(s, i) for s in range(1, 6) for i in range(5)]:
        shown = perturb(ramp, [Perturbation("random_crop", severity, seed)]).float()
        span = float(shown[0, 0, 50, -1] - shown[0, 0, 50, 0]) / 198
        assert 0.95 - 0.03 * severity - 0.03 < span < 0.95 - 0.03 * (severity - 1) + 0.03


def test_jpeg_is_libjpegs_of_a_quality_between_75_and_10() -> None:
    images = photos(1)
    qualities = set()
    for severity in range(1, 6):
        made = perturb(images, [Perturbation("random_jpeg", severity, 3)])
        ends = (75 - 13 * (severity - 1), 75 - 13 * severity)
        equal = [q for q in range(ends[1], ends[0] + 1) if torch.equal(through_jpeg(images, [q]), made)]
        assert equal
        qualities.update(equal)
    assert len(qualities) >= 5


def test_relighting_changes_brightness_smoothly_and_by_no_more_than_the_strength() -> None:
    grey = torch.full((1, 3, 40, 40), 100, dtype=torch.uint8)
    for seed in range(5):
        lit = perturb(grey, [Perturbation("relighting", 5, seed)]).float()
        assert float(lit.min()) >= 40 and float(lit.max()) <= 160
        assert float(lit.std()) > 1
        assert float(lit.diff(dim=3).abs().max()) <= 5


def test_a_combination_is_of_some_of_the_five_and_differs_between_seeds() -> None:
    images = photos(1).expand(64, -1, -1, -1)
    made = perturb(images, [Perturbation("combination", 3, i) for i in range(64)])
    untouched = [(made[i] == images[i]).all().item() for i in range(64)]
    assert 0 <= sum(untouched) < 10
    assert len({made[i].numpy().tobytes() for i in range(64)}) > 50


def test_the_policy_draws_all_six_at_all_strengths() -> None:
    policy = parse_policy("immunise")
    drawn = [policy.draw(0, index) for index in range(300)]
    assert {each.kind for each in drawn} == set(IMMUNISING)
    assert {each.severity for each in drawn} == {1, 2, 3, 4, 5}
    assert parse_policy("random_jpeg:2").draw(0, 0).kind == "random_jpeg"


def test_the_reference_engine_says_that_it_has_none_of_them() -> None:
    image = torch.from_numpy(np.zeros((1, 3, 32, 32), np.uint8))
    with pytest.raises(PerturbationError, match="imagecorruptions has no random_crop"):
        perturb(image, [Perturbation("random_crop", 1, 0)], engine="imagecorruptions")
