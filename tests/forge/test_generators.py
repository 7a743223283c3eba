"""Seven architectures: each trains to the same weights however it is interrupted, and samples alike everywhere."""

from pathlib import Path

import pytest
import torch
from PIL import Image

from ganprint.errors import ManifestError, TrainingError, UsageError, WeightsError
from ganprint.forge.augment import augment
from ganprint.forge.families import FAMILIES, family_of
from ganprint.forge.family import LATENT
from ganprint.forge.gan_training import DivergedError, GeneratorTraining
from ganprint.forge.generator_store import list_generators, load_generator
from ganprint.forge.grid import Grid, Task
from ganprint.forge.layers import enlarge
from ganprint.forge.losses import hinge_critic, logistic_critic, logistic_generator, r1_penalty, slope_penalty
from ganprint.forge.mmdgan import discrepancy
from ganprint.forge.photos import chosen_semantics, read_photos
from ganprint.forge.progan import STAGE_STEPS, ProGAN
from ganprint.forge.quality import spectral_distance
from ganprint.forge.sampling import sample_images
from ganprint.forge.stylegan2 import ModulatedConvolution
from ganprint.weights.card import MODEL_FILE

from .conftest import write_photos

PHOTOS = torch.randint(0, 256, (20, 3, 64, 64), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def training(name: str, seed: int = 0, precision: str = "fp32") -> GeneratorTraining:
    """Return a training in small steps, the critic coming with the second."""
    family = family_of(name, 64)
    family.batch = 4
    family.begins = lambda step: step < 1
    return GeneratorTraining(family, PHOTOS, name=name, seed=seed, precision=precision)


def test_a_generator_begins_with_colours_and_outlines_of_the_photographs() -> None:
    bright = torch.full((20, 3, 64, 64), 200, dtype=torch.uint8)
    bright[:, :, 32:] = 40
    begun = GeneratorTraining(family_of("cramergan", 64), bright, name="halves", seed=0)
    assert begun.advance(40)
    assert begun.place.history[0].keys() == {"step", "generator"}
    upper, lower = torch.stack(list(sample_images(begun.trained, range(8)))).float().chunk(2, dim=2)
    assert upper.mean() > lower.mean() + 50
    assert not family_of("progan", 64).begins(10**6)


def test_latents_times_components_vary_as_the_photographs_do() -> None:
    both = torch.cat([PHOTOS, PHOTOS.flip(3)]).double().div(127.5).sub(1).flatten(1)
    begun = training("dcgan")
    outlines = begun._outlines(torch.zeros(1, LATENT), 0)
    torch.testing.assert_close(outlines.flatten(), both.mean(0).float(), rtol=0, atol=1e-5)
    _, components = begun._principal
    # Twenty photographs and their mirror images span less than the latents have: nothing is left out.
    power = (both - both.mean(0)).square().sum() / len(both)
    torch.testing.assert_close(components.double().square().sum(), power, rtol=1e-4, atol=0)


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("resolution", [64, 128])
def test_a_generator_is_compact_and_its_critic_judges_its_images(name: str, resolution: int) -> None:
    family = family_of(name, resolution)
    generator, critic = family.generator(), family.critic()
    assert 0.5e6 <= sum(each.numel() for each in generator.parameters()) <= 2e6
    with torch.no_grad():
        images = generator(torch.randn(2, LATENT))
        assert images.shape == (2, 3, resolution, resolution)
        assert len(critic(images)) == 2


@pytest.mark.parametrize("name", FAMILIES)
def test_an_interrupted_training_goes_on_to_the_same_weights(name: str, tmp_path: Path) -> None:
    whole = training(name)
    assert whole.advance(3)
    first = training(name)
    assert not first.advance(3, stop=lambda: first.place.step == 2)
    first.save(tmp_path / "checkpoint.safetensors")
    second = training(name)
    second.load(tmp_path / "checkpoint.safetensors")
    assert second.place.step == 2 and second.advance(3)
    for one, other in ((whole.trained, second.trained), (whole.critic, second.critic)):
        for key, tensor in one.state_dict().items():
            torch.testing.assert_close(other.state_dict()[key], tensor, rtol=0, atol=0)
    start = training(name).generator.state_dict()
    assert any(not torch.equal(each, start[key]) for key, each in whole.generator.state_dict().items())
    with pytest.raises(TrainingError, match="another architecture"):
        training(name, seed=1).load(tmp_path / "checkpoint.safetensors")


@pytest.mark.parametrize("name", FAMILIES)
def test_an_image_is_of_its_seed_and_number_alone(name: str) -> None:
    torch.manual_seed(0)
    generator = family_of(name, 64).generator()
    together = list(sample_images(generator, range(5), seed=3))
    (alone,) = sample_images(generator, [4], seed=3)
    assert together[4].dtype == torch.uint8
    assert torch.equal(alone, together[4])
    (other,) = sample_images(generator, [4], seed=4)
    assert not torch.equal(other, alone)


@pytest.mark.parametrize("name", FAMILIES)
def test_in_float64_an_image_is_the_same_to_rounding(name: str) -> None:
    torch.manual_seed(0)
    generator = family_of(name, 64).generator()
    single = torch.stack(list(sample_images(generator, range(2))))
    double = torch.stack(list(sample_images(generator.double(), range(2))))
    apart = (single.int() - double.int()).abs()
    assert apart.max() <= 1 and (apart > 0).float().mean() < 1e-2


@pytest.mark.parametrize("name", FAMILIES)
def test_half_precision_trains_and_leaves_float32(name: str) -> None:
    half = training(name, precision="bf16")
    assert half.advance(2)
    tensors = half.trained.state_dict().values()
    assert {tensor.dtype for tensor in tensors if tensor.is_floating_point()} == {torch.float32}
    assert all(torch.isfinite(tensor).all() for tensor in tensors)


LINEAR = torch.linspace(-1, 1, 12).view(1, 3, 2, 2)


def linear(images: torch.Tensor) -> torch.Tensor:
    """Return a critic's judgements whose slope is LINEAR everywhere."""
    return (images * LINEAR).sum((1, 2, 3))[:, None]


def test_critics_judge_photographs_up_and_generators_their_own() -> None:
    high, low = torch.full((4, 1), 3.0), torch.full((4, 1), -3.0)
    for critic_loss in (logistic_critic, hinge_critic):
        assert critic_loss(high, low) < 0.1 < 6 <= critic_loss(low, high)
    assert logistic_generator(high) < 0.1 < 3 < logistic_generator(low)
    real, fake = torch.randn(2, 4, 3, 2, 2)
    length = LINEAR.norm()
    torch.testing.assert_close(slope_penalty(linear, real, fake), (length - 1).square())
    torch.testing.assert_close(r1_penalty(linear, real), length.square())


@pytest.mark.parametrize("name", FAMILIES)
def test_each_familys_losses_pull_apart_and_together(name: str) -> None:
    """A critic that tells photographs and fakes apart has the smaller loss; a generator wants to be taken for real."""
    family = family_of(name, 64)
    width = len(family.critic()(torch.zeros(1, 3, 64, 64))[0])
    bright, dark = torch.full((8, 3, 64, 64), 0.5), torch.full((8, 3, 64, 64), -0.5)

    def judge(images: torch.Tensor) -> torch.Tensor:
        # Slope 1, so that penalties are nothing: the mean times the square root of the number of values.
        judged = images.mean((1, 2, 3), keepdim=True).flatten(1) * (3 * 64 * 64) ** 0.5
        return torch.nn.functional.pad(judged, (0, width - 1)) / 50

    step = 1  # No lazy penalty.
    assert family.generator_loss(judge, bright, bright) < family.generator_loss(judge, bright, dark)
    # Distances do not care which is which, but whether they are apart.
    photographs = bright if name in ("cramergan", "mmdgan") else dark
    assert family.critic_loss(judge, bright, dark, step) < family.critic_loss(judge, photographs, bright, step)


def test_path_lengths_are_evened_out() -> None:
    family = family_of("stylegan2", 64)
    torch.manual_seed(0)
    generator, latents = family.generator(), torch.randn(4, LATENT)
    assert family.regularise(generator, latents, 1) is None
    penalty = family.regularise(generator, latents, 0)
    assert penalty is not None and float(penalty.detach()) > 0


def test_a_training_that_diverged_is_not_saved(tmp_path: Path) -> None:
    diverged = training("dcgan")
    with torch.no_grad():
        next(diverged.generator.parameters()).fill_(float("nan"))
    with pytest.raises(DivergedError, match="diverged before step 0"):
        diverged.save(tmp_path / "checkpoint.safetensors")
    assert not list(tmp_path.iterdir())


def test_two_generators_share_no_weights_to_begin_with() -> None:
    one, other = (GeneratorTraining(family_of("dcgan", 64), PHOTOS, name=name, seed=0) for name in ("a", "b"))
    first, second = next(one.generator.parameters()), next(other.generator.parameters())
    assert not torch.equal(first, second)


def test_a_progressive_generator_grows_and_fades_in() -> None:
    family = ProGAN(64)
    assert [family.reached(step) for step in (0, STAGE_STEPS - 1)] == [1.0, 1.0]
    assert 1 < family.reached(STAGE_STEPS) < 2
    assert family.reached(2 * STAGE_STEPS - 1) == 2.0
    assert family.reached(10**6) == 4.0
    generator, critic = family.generator(), family.critic()
    for step in (0, STAGE_STEPS, 2 * STAGE_STEPS - 1):
        family.grow([generator, critic], step)
        with torch.no_grad():
            images = generator(torch.randn(2, LATENT))
            assert images.shape == family.seen(torch.zeros(2, 3, 64, 64), step).shape
            assert critic(images).shape == (2, 1)


def test_a_modulated_convolution_is_the_papers_weights_scaled() -> None:
    torch.manual_seed(0)
    layer = ModulatedConvolution(5, 7, 3)
    features, style = torch.randn(1, 5, 8, 8), torch.randn(1, LATENT)
    scaled = layer.convolution.weight * layer.convolution.scale * layer.style(style)[0][:, None, None]
    scaled = scaled / scaled.square().sum((1, 2, 3), keepdim=True).sqrt()
    expected = torch.nn.functional.conv2d(features, scaled, layer.convolution.bias, padding=1)
    torch.testing.assert_close(layer(features, style), expected, rtol=1e-4, atol=1e-4)


def test_enlarging_keeps_what_is_flat() -> None:
    flat = torch.full((1, 2, 8, 8), 3.0)
    inner = enlarge(flat)
    assert inner.shape == (1, 2, 16, 16)
    torch.testing.assert_close(inner[..., 2:-2, 2:-2], torch.full((1, 2, 12, 12), 3.0))


def test_discrepancy_is_nothing_between_the_same_and_more_between_others() -> None:
    generator = torch.Generator().manual_seed(0)
    one, same = torch.randn(2, 400, 3, generator=generator)
    assert abs(float(discrepancy(one, same))) < 0.05 < float(discrepancy(one, same + 2))


def test_augmentation_has_a_gradient_and_leaves_the_shape() -> None:
    torch.manual_seed(0)
    images = torch.rand(8, 3, 16, 16).requires_grad_()
    changed = augment(images)
    assert changed.shape == images.shape
    (gradient,) = torch.autograd.grad(changed.sum(), images)
    assert (gradient.flatten(1).abs().sum(1) > 0).all()


def test_spectral_distance_is_small_between_halves_and_large_to_blur() -> None:
    random = torch.randint(0, 256, (400, 3, 64, 64), dtype=torch.uint8)
    blurred = torch.nn.functional.avg_pool2d(random.float(), 5, 1, 2).to(torch.uint8)
    near, far = (spectral_distance(random[:200], other) for other in (random[200:], blurred[:200]))
    assert 0 <= near < 1 < 10 * near < far


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Return a folder of two semantics; one photograph is broken, and `few` has too few."""
    return write_photos(tmp_path / "photos", face=18, few=3)


def test_a_grid_is_trained_in_turns_and_resumes(photos: Path, tmp_path: Path) -> None:
    tasks = [Task("dcgan", "face"), Task("cramergan", "face", 1)]
    grid = Grid(photos, tasks, tmp_path / "out", 2)
    steps: list[tuple[str, int]] = []
    assert grid.train(report=lambda task, step: steps.append((task.source, step)))
    assert steps == [("dcgan", 1), ("dcgan", 2), ("cramergan", 1), ("cramergan", 2)]
    cards = list_generators(tmp_path / "out")
    assert [card.name for _, card in cards] == ["cramergan-face-64-seed1", "dcgan-face-64-seed0"]
    for folder, card in cards:
        assert (card.steps, card.photos, card.resolution) == (2, 17, 64)
        assert card.distance is not None and card.sha256 and card.versions["torch"]
        assert Image.open(folder / "samples.png").size == (512, 512)
        assert (folder / "losses.png").is_file()
        generator, _ = load_generator(folder)
        assert len(list(sample_images(generator, range(2)))) == 2
    further = Grid(photos, tasks, tmp_path / "out", 3)
    first, second = sorted(tasks, key=lambda task: further._place(task).seconds)
    assert not further.train(stop=lambda: further.done(first) == 3)
    assert (further.done(first), further.done(second)) == (3, 2)


def test_what_cannot_be_trained_on_or_is_damaged_is_a_sentence(photos: Path, tmp_path: Path) -> None:
    for error, says, work in (
        (ManifestError, "has 3 photographs", lambda: read_photos(photos, "few", 64)),
        (UsageError, "no photographs of cat", lambda: chosen_semantics(photos, ["cat"])),
        (ManifestError, "There is no folder", lambda: chosen_semantics(tmp_path / "nowhere", [])),
        (ManifestError, "has no folders in it", lambda: chosen_semantics(photos / "few", [])),
        (UsageError, "no architecture 'gan'", lambda: family_of("gan", 64)),
        (UsageError, "not made at 32 px", lambda: family_of("dcgan", 32)),
        (UsageError, "cannot be kept under", lambda: Grid(photos, [Task("dcgan", "my cats")], tmp_path / "out", 1)),
    ):
        with pytest.raises(error, match=says):
            work()
    grid = Grid(photos, [Task("dcgan", "face")], tmp_path / "out", 1)
    grid.train()
    model = grid.folder(grid.tasks[0]) / MODEL_FILE
    model.write_bytes(model.read_bytes()[:-1] + b"x")
    with pytest.raises(WeightsError, match="damaged"):
        load_generator(model.parent)
    with pytest.raises(WeightsError, match="no generator in"):
        load_generator(tmp_path)
    card = model.parent / "card.yaml"
    for text in ("[" * 5000, card.read_text().replace("semantic: face", "semantic: ../face")):
        card.write_text(text)
        with pytest.raises(WeightsError, match="is not"):
            load_generator(model.parent)
