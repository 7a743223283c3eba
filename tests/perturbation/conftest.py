"""Images to perturb."""

import numpy as np
import pytest
import torch
from torch import Tensor


@pytest.fixture(scope="session")
def photograph() -> Tensor:
    """Return a photograph (3, 128, 128) uint8 that scikit-image carries: no two corners alike."""
    from skimage import data

    face = data.astronaut()[40:168, 160:288]
    return torch.from_numpy(np.ascontiguousarray(face.transpose(2, 0, 1)))
