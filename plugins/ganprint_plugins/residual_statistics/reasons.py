"""Names of the kinds of statistics, for sentences."""

from functools import cache

import torch
from torch import Tensor

from ganprint_plugins.residual_statistics.features import Statistic, names

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


def _kind(statistic: Statistic) -> str:
    where = {"Y": " in brightness", "R-G": " in colour", "B-G": " in colour"}.get(statistic.channel, "")
    if statistic.family == "noise level":
        where = ""
    return WORDS[statistic.family] + where


KINDS = tuple(dict.fromkeys(_kind(each) for each in names()))
"""Kinds of statistics: a family, in brightness or in the two colour channels together."""


@cache
def kind_matrix() -> Tensor:
    """Return 1 where a statistic (row) is of a kind (column), else 0: float32 (F, len(KINDS))."""
    places = torch.tensor([KINDS.index(_kind(each)) for each in names()])
    return torch.eye(len(KINDS))[places]
