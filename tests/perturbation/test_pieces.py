"""A large image comes out of its pieces as out of the whole, value by value."""

import pytest
import torch

from ganprint.perturbation import Perturbation, perturb, pieces
from ganprint.perturbation.engine import PAINTERS


@pytest.mark.parametrize("kind", [*pieces.IN_PIECES, "glass_blur", *PAINTERS])
@pytest.mark.parametrize("severity", [1, 3, 5])
@pytest.mark.parametrize("size", [(601, 43), (5, 400), (60, 257)])
def test_pieces_give_what_the_whole_gives(
    kind: str, severity: int, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    image = torch.randint(0, 256, (1, 3, *size), dtype=torch.uint8, generator=torch.manual_seed(0))
    image[..., :20] = 200  # what is flat shows a seam
    how = [Perturbation(kind, severity, 7)]
    whole = perturb(image, how)
    monkeypatch.setattr(pieces, "LARGE", 1536)  # whole blocks of normal numbers
    assert pieces.is_large(image)
    by_rows = kind in pieces.BY_ROW and size[0] < 4 * pieces.REACH
    in_parts = pieces.pieces_of(image, image.clone(), kind) if kind in pieces.IN_PIECES else pieces.parts_of(*size)
    assert len([*in_parts]) > 1 or by_rows
    assert torch.equal(perturb(image, how), whole)
