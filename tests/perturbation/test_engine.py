"""Batches come out as their images would alone, whatever their size, dtype, device and company."""

import numpy as np
import pytest
import torch

from ganprint.errors import PerturbationError
from ganprint.perturbation import CORRUPTIONS, UNTOUCHED, Perturbation, perturb
from ganprint.perturbation.blur import displace

from ..conftest import run_code

WITHOUT_GRADIENT = ("shot_noise", "jpeg_compression")


def difference(one, other):
    return (one.float() - other.float()).abs().max().item()


@pytest.mark.parametrize("size", [(64, 64), (45, 31), (160, 120)], ids=str)
def test_an_image_is_the_same_alone_and_in_a_batch_of_64(photograph, size):
    image = torch.nn.functional.interpolate(photograph[None].float(), size=size).to(torch.uint8)
    images = torch.cat([image.roll(shift, 3) for shift in range(64)])
    draws = [Perturbation(CORRUPTIONS[i % 19], 1 + i % 5, 1000 + i) for i in range(64)]
    together = perturb(images, draws)
    assert together.dtype == torch.uint8
    assert together.shape == images.shape
    for index in range(0, 64, 3):
        alone = perturb(images[index : index + 1], [draws[index]])
        assert difference(together[index], alone[0]) <= 1, draws[index]


@pytest.mark.parametrize("kind", CORRUPTIONS)
def test_mixed_severities_of_one_kind_do_not_touch_each_other(photograph, kind):
    draws = [Perturbation(kind, severity, 6) for severity in (1, 2, 3, 4, 5)]
    images = photograph[None].repeat(5, 1, 1, 1)
    together = perturb(images, draws)
    for index, draw in enumerate(draws):
        assert difference(together[index], perturb(photograph[None], [draw])[0]) <= 1
    strengths = [(each.float() - photograph.float()).square().mean().item() for each in together]
    assert strengths[4] > strengths[0] > 0


@pytest.mark.parametrize("kind", CORRUPTIONS)
@pytest.mark.parametrize("size", [(1, 1), (5, 9), (33, 7)], ids=str)
def test_tiny_and_odd_images_come_out_whole(kind, size):
    images = torch.randint(0, 256, (5, 3, *size), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    draws = [Perturbation(kind, severity, 5) for severity in (1, 2, 3, 4, 5)]
    assert perturb(images, draws).shape == images.shape
    floats = perturb(images / 255, draws)
    assert torch.isfinite(floats).all()


@pytest.mark.parametrize("kind", CORRUPTIONS)
def test_floating_images_match_8_bit_ones(photograph, kind):
    """Where nothing is truncated or rounded the two differ by at most one level and what that leads to."""
    draws = [Perturbation(kind, severity, 3) for severity in (1, 3, 5)]
    images = photograph[None].repeat(3, 1, 1, 1)
    floating = perturb(images.double() / 255, draws)
    assert floating.dtype == torch.float64
    assert floating.min() >= 0
    assert floating.max() <= 1
    assert (floating * 255 - perturb(images, draws)).abs().mean() <= 0.6


@pytest.mark.parametrize("kind", [kind for kind in CORRUPTIONS if kind not in WITHOUT_GRADIENT])
def test_gradients_flow_back_to_the_image(photograph, kind):
    """A step along the gradient raises the sum of the result as the gradient says."""
    generator = torch.Generator().manual_seed(2)
    # No ties between values and nothing near black or white: there the functions have kinks.
    images = photograph[None, :, :40, :40] / 255 * 0.5 + 0.2
    images = images + torch.rand(images.shape, generator=generator) * 0.05
    weights = torch.rand(images.shape, generator=generator)
    draw = [Perturbation(kind, 1, 9)]
    images.requires_grad_()
    (gradient,) = torch.autograd.grad((perturb(images, draw) * weights).sum(), images)
    # The 8-bit steps inside glass_blur, which the gradient passes by, ask for a longer way.
    step = gradient.sign() * (0.02 if kind == "glass_blur" else 0.0005)
    with torch.no_grad():
        ahead = (perturb(images + step, draw).double() * weights).sum()
        behind = (perturb(images - step, draw).double() * weights).sum()
    assert (ahead - behind).item() == pytest.approx(2 * (gradient * step).sum().item(), rel=0.02)
    assert gradient.abs().sum() > 0


@pytest.mark.parametrize("kind", ["pixelate", "defocus_blur"])
def test_gradients_flow_after_images_of_that_size_were_perturbed_in_inference_mode(photograph, kind):
    images = photograph[None, :, :37, :41] / 255
    with torch.inference_mode():
        expected = perturb(images, [Perturbation(kind, 3, 9)])
    images.requires_grad_()
    result = perturb(images, [Perturbation(kind, 3, 9)])
    assert torch.equal(result, expected)
    (gradient,) = torch.autograd.grad(result.sum(), images)
    assert gradient.abs().sum() > 0


@pytest.mark.parametrize("kind", WITHOUT_GRADIENT)
def test_kinds_without_gradient_leave_the_others_theirs(photograph, kind):
    images = (photograph[None, :, :32, :32].float() / 255).repeat(2, 1, 1, 1).requires_grad_()
    result = perturb(images, [Perturbation(kind, 2, 1), Perturbation("contrast", 1, 1)])
    (gradient,) = torch.autograd.grad(result.sum(), images)
    assert gradient[0].abs().sum() == 0
    assert gradient[1].abs().sum() > 0


def test_untouched_images_come_back_as_a_copy(photograph):
    images = photograph[None].clone()
    result = perturb(images, [UNTOUCHED], at=224)
    assert torch.equal(result, images)
    result.zero_()
    assert images.any()


def test_the_images_given_stay_as_they_were(photograph):
    for kind in CORRUPTIONS:
        for images in (photograph[None].clone(), photograph[None] / 255):
            before = images.clone()
            perturb(images, [Perturbation(kind, 5, 1)])
            assert torch.equal(images, before), kind


@pytest.mark.parametrize("engine", ["torch", "imagecorruptions"])
def test_at_corrupts_at_that_size_and_gives_the_own_size_back(photograph, engine, request):
    if engine != "torch":
        request.getfixturevalue("reference_engine")
    image = photograph[None, :, :100, :80].contiguous()
    draw = [Perturbation("pixelate", 5, 0)]
    result = perturb(image, draw, at=224, engine=engine)
    assert result.shape == image.shape
    resized = torch.nn.functional.interpolate(image.float(), size=(224, 224), mode="bilinear", antialias=True)
    by_hand = perturb(resized.round().clamp(0, 255).to(torch.uint8), draw, engine=engine)
    by_hand = torch.nn.functional.interpolate(by_hand.float(), size=(100, 80), mode="bilinear", antialias=True)
    assert (result - by_hand).abs().max() <= 0.51
    assert difference(result, perturb(image, draw, engine=engine)) > 20


@pytest.mark.usefixtures("reference_engine")
def test_the_global_random_states_are_left_alone(photograph):
    torch.manual_seed(4)
    np.random.seed(4)
    expected = torch.rand(3), np.random.rand(3)
    torch.manual_seed(4)
    np.random.seed(4)
    for engine in ("torch", "imagecorruptions"):
        for kind in CORRUPTIONS:
            perturb(photograph[None, :, :40, :40].contiguous(), [Perturbation(kind, 2, 1)], engine=engine)
    assert torch.equal(torch.rand(3), expected[0])
    assert np.array_equal(np.random.rand(3), expected[1])


def test_glass_displaces_pixels_in_the_order_of_a_loop(photograph):
    image = photograph[:, :20, :24].clone()
    reach = 3
    offsets = torch.randint(-reach, reach, (2, 14, 18), generator=torch.Generator().manual_seed(5))
    looped = image.clone()
    for row in range(20 - reach, reach, -1):
        for column in range(24 - reach, reach, -1):
            right, down = offsets[:, row - reach - 1, column - reach - 1].tolist()
            looped[:, row, column] = looped[:, row + down, column + right]
    assert torch.equal(displace(image, offsets, reach), looped)


@pytest.mark.parametrize(
    ("images", "count", "options", "said"),
    [
        (torch.zeros(3, 8, 8, dtype=torch.uint8), 1, {}, "(B, 3, H, W)"),
        (torch.zeros(1, 1, 8, 8, dtype=torch.uint8), 1, {}, "(B, 3, H, W)"),
        (torch.zeros(1, 3, 0, 8, dtype=torch.uint8), 1, {}, "(B, 3, H, W)"),
        (torch.zeros(1, 3, 8, 8, dtype=torch.int32), 1, {}, "uint8"),
        (torch.zeros(2, 3, 8, 8, dtype=torch.uint8), 1, {}, "2 images came with 1"),
        (torch.zeros(1, 3, 8, 8, dtype=torch.uint8), 1, {"engine": "numpy"}, "torch, imagecorruptions"),
        (torch.zeros(1, 3, 8, 8, dtype=torch.uint8), 1, {"at": 0}, "0 x 0"),
    ],
)
def test_wrong_input_is_refused_in_a_sentence(images, count, options, said):
    with pytest.raises(PerturbationError) as caught:
        perturb(images, [Perturbation("fog", 1, 1)] * count, **options)
    assert said in f"{caught.value.message} {caught.value.hint}"


def test_the_torch_engine_needs_no_opencv_and_no_other_heavy_library():
    program = (
        "import sys, torch, ganprint.perturbation as p;"
        "p.perturb(torch.zeros(19, 3, 40, 40, dtype=torch.uint8), [p.Perturbation(k, 1, 1) for k in p.CORRUPTIONS]);"
        "print([m for m in ('cv2', 'torchvision', 'skimage', 'imagecorruptions') if m in sys.modules])"
    )
    assert run_code(program).strip() == "[]"


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("kind", CORRUPTIONS)
def test_cuda_gives_each_image_its_own_stream_and_the_same_strength(photograph, kind):
    images = photograph[None].repeat(20, 1, 1, 1).cuda()
    draws = [Perturbation(kind, 1 + i % 5, i) for i in range(20)]
    there = perturb(images, draws)
    assert there.device == images.device
    assert difference(there[7:8], perturb(images[7:8], draws[7:8])) <= 1
    here = perturb(images.cpu(), draws)
    strength = [(each.cpu().float() - photograph).square().mean().item() for each in (there, here)]
    assert strength[0] == pytest.approx(strength[1], rel=0.15)
