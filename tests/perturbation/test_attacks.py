"""FGSM and PGD: within their bounds, as far as they can go, the same for an image in any batch."""

import pytest
import torch
from torch import Tensor

from ganprint.errors import PerturbationError
from ganprint.perturbation import Attack, parse_any_policy


def images(count: int = 3) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (count, 3, 8, 8), dtype=torch.uint8, generator=generator)


WEIGHTS = torch.randn(3, 8, 8, generator=torch.Generator().manual_seed(1))


def linear(batch: Tensor) -> Tensor:
    return (batch * WEIGHTS).sum((1, 2, 3))


@pytest.mark.parametrize("kind", ["fgsm", "pgd"])
@pytest.mark.parametrize("epsilon", [1, 8, 255])
def test_a_linear_loss_is_raised_as_far_as_the_bound_allows(kind: str, epsilon: int) -> None:
    """Of a linear loss the best change is known: epsilon along each weight's sign, cut at 0 and 255."""
    clean = images()
    found = parse_any_policy(f"attack:{kind}={epsilon}").apply(clean, linear, [0, 1, 2])
    best = (clean.float() + epsilon * WEIGHTS.sign()).clamp(0, 255)
    assert found.dtype == torch.uint8
    torch.testing.assert_close(found.float(), best, rtol=0, atol=0)


@pytest.mark.parametrize("attack", [Attack("fgsm", 4), Attack("pgd", 4), Attack("pgd", 4, steps=3)], ids=str)
def test_no_value_leaves_its_bound_and_the_loss_grows(attack: Attack) -> None:
    clean = images()

    def loss(batch: Tensor) -> Tensor:
        return (linear(batch) / 1000).tanh() + (batch / 255 - 0.5).square().mean((1, 2, 3))

    found = attack.apply(clean, loss, [5, 6, 7])
    assert (found.int() - clean.int()).abs().max() <= 4
    assert (loss(found.float()) > loss(clean.float())).all()


def test_an_image_comes_out_the_same_alone_and_in_any_batch() -> None:
    clean, attack = images(), Attack("pgd", 8, steps=2)

    def curved(batch: Tensor) -> Tensor:
        return (batch * WEIGHTS / 50).sin().sum((1, 2, 3))

    together = attack.apply(clean, curved, [5, 6, 7])
    alone = attack.apply(clean[1:2], curved, [6])
    torch.testing.assert_close(alone[0], together[1])
    assert not torch.equal(attack.apply(clean[1:2], curved, [9]), alone)


def test_a_gradient_that_is_not_finite_moves_nothing() -> None:
    clean = images(1)
    attacked = Attack("fgsm", 8).apply(clean, lambda batch: (batch - batch.detach()).log().sum((1, 2, 3)), [0])
    torch.testing.assert_close(attacked, clean)


@pytest.mark.parametrize(
    "text", ["attack:fgsm=2", "attack:pgd=8", "attack:pgd=8+target=detection", "attack:pgd=32+target=detection+steps=3"]
)
def test_an_attack_is_written_as_it_is_read(text: str) -> None:
    assert str(parse_any_policy(text)) == text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("attack:cw=8", "no attack 'cw'"),
        ("attack:pgd", "is not an attack"),
        ("attack:pgd=0", "not a valid largest change"),
        ("attack:pgd=1.5", "is not an attack"),
        ("attack:pgd=8+steps=0", "0 steps are too few"),
        ("attack:pgd=8+target=semantics", "cannot aim at 'semantics'"),
        ("attack:pgd=8+speed=3", "is not an attack"),
        ("attack:fgsm=8+steps=3", "a single step"),
        ("attack:pgd=8+steps=3+steps=4", "is not an attack"),
    ],
)
def test_what_is_no_attack_is_refused(text: str, said: str) -> None:
    with pytest.raises(PerturbationError, match=said):
        parse_any_policy(text)
