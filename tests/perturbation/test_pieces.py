"""A large image comes out of its pieces as out of the whole, value by value."""

import pytest
import torch

from ganprint.perturbation import Perturbation, perturb, pieces
from ganprint.perturbation.engine import PAINTERS


@pytest.mark.parametrize("kind", pieces.IN_PIECES)
@pytest.mark.parametrize("severity", [1, 5])
@pytest.mark.parametrize("size", [(601, 43), (100, 257)])
def test_pieces_give_what_the_whole_gives(
    kind: str, severity: int, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    image = torch.randint(0, 256, (1, 3, *size), dtype=torch.uint8, generator=torch.manual_seed(0))
    how = [Perturbation(kind, severity, 7)]
    whole = perturb(image, how)
    monkeypatch.setattr(pieces, "LARGE", 4096)
    assert pieces.is_large(image)
    assert len([*pieces.pieces_of(image, torch.empty_like(image), kind)]) > 1 or size[0] < 256
    assert torch.equal(perturb(image, how), whole)


@pytest.mark.parametrize("kind", ["glass_blur", *PAINTERS])
@pytest.mark.parametrize("severity", [1, 3, 5])
@pytest.mark.parametrize("size", [(301, 43), (5, 400), (60, 257)])
def test_what_is_drawn_for_the_whole_is_applied_by_rows(
    kind: str, severity: int, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    image = torch.randint(0, 256, (1, 3, *size), dtype=torch.uint8, generator=torch.manual_seed(0))
    image[..., :20] = 200  # what is flat shows a seam
    how = [Perturbation(kind, severity, 7)]
    whole = perturb(image, how)
    monkeypatch.setattr(pieces, "LARGE", 1500)
    assert pieces.is_large(image) and len([*pieces.parts_of(size[0], 3 * size[1])]) > 1
    assert torch.equal(perturb(image, how), whole)
