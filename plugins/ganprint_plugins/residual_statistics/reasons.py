"""Names of the kinds of statistics, for sentences."""

from functools import cache

import torch
from torch import Tensor

from ganprint_plugins.residual_statistics.features import Statistic, names
from ganprint_plugins.residual_statistics.frozen import INPUTS, OF_INPUT

WORDS = {
    "energy": "strength and shape of the noise",
    "autocorrelation": "how the noise repeats from pixel to pixel",
    "phase": "periods of 2, 4 or 8 pixels",
    "spectrum": "spectrum of the noise",
    "co-occurrence": "pairs of neighbouring noise values",
    "dct": "8 x 8 block frequencies",
    "colour": "range of the colours",
    "peaks": "spectral peaks at multiples of 1/8",
    "patterns": "local patterns of light and dark",
    "half size": "noise at half size",
    "noise level": "how the noise is spread and grows with brightness",
    "noise of R, G and B": "how alike the noise of red, green and blue is",
}
"""Families of statistics as a sentence names them."""
OF_FROZEN = {
    "residual": "texture of the noise, by an ImageNet network",
    "crop": "texture of the picture, by an ImageNet network",
}
"""What the frozen network sees, as a sentence names its features."""


def _kind(statistic: Statistic) -> str:
    where = {"Y": " in brightness", "R-G": " in colour", "B-G": " in colour"}.get(statistic.channel, "")
    if statistic.family == "noise level":
        where = ""
    return WORDS[statistic.family] + where


OF_COLUMNS = (
    *(_kind(each) for each in names()),
    *(OF_FROZEN[each] for each in INPUTS for _ in range(OF_INPUT)),
)
"""The kind of each statistic, then of each feature of the frozen network."""
KINDS = tuple(dict.fromkeys(OF_COLUMNS))
"""Kinds of statistics: a family, in brightness or in the two colour channels together."""


@cache
def kind_matrix() -> Tensor:
    """Return 1 where a statistic or feature (row) is of a kind (column), else 0: float32 (F + D, len(KINDS))."""
    return torch.eye(len(KINDS))[torch.tensor([KINDS.index(each) for each in OF_COLUMNS])]
