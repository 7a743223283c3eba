"""How well a file's format, quality and size predict its source."""

from collections.abc import Sequence

import numpy as np
from pydantic import BaseModel, Field

WARNED_FROM = 0.2
"""Association from which a bias is warned of: well above what a shared, mixed origin leaves."""

_RARE = 5
"""Values of fewer images than this count as one: sizes of photographs are nearly all different."""


class Leading(BaseModel, frozen=True):
    """The most frequent value of a source, and the share of its images that have it."""

    value: str
    share: float


class Bias(BaseModel, frozen=True):
    """How a feature of the files goes with the source, and the source that stands out most."""

    feature: str = Field(description="what was compared, such as format")
    association: float = Field(description="Cramer's V with Bergsma's correction: 0 none, 1 complete")
    source: str = Field(description="the source whose values differ most from all others'")
    value: str = Field(description="the value that sets it apart")
    share: float = Field(description="share of that source's images with the value")
    share_elsewhere: float = Field(description="share of all other sources' images with it")
    leading: dict[str, Leading] = Field(description="the most frequent value of every source")

    @property
    def sentence(self) -> str:
        """Say the bias in words."""
        by = "the traces of it in the pixels" if self.feature.startswith("native") else "it alone"
        return (
            f"{self.feature[0].upper()}{self.feature[1:]} goes with the source (Cramer's V "
            f"{self.association:.2f}): {self.value!r} is {self.share:.0%} of {self.source!r} and "
            f"{self.share_elsewhere:.0%} of the other sources; a method may recognise {self.source!r} by {by}."
        )


def find_bias(name: str, sources: np.ndarray, source_names: Sequence[str], values: np.ndarray) -> Bias | None:
    """Measure how `values`, str (N,), go with `sources`, int (N,) indexing `source_names`.

    Return None where there are fewer than two sources or two values to compare.
    """
    present, rows = np.unique(sources, return_inverse=True)
    words, columns = np.unique(_merge_rare(values), return_inverse=True)
    if len(present) < 2 or len(words) < 2:
        return None
    table = np.zeros((len(present), len(words)))
    np.add.at(table, (rows, columns), 1)
    here = table / table.sum(axis=1, keepdims=True)
    others = table.sum(axis=0) - table
    elsewhere = others / others.sum(axis=1, keepdims=True)
    apart = np.abs(here - elsewhere).sum(axis=1) / 2
    source = int(apart.argmax())
    value = int(np.abs(here - elsewhere)[source].argmax())
    return Bias(
        feature=name,
        association=round(cramers_v(table), 4),
        source=source_names[present[source]],
        value=str(words[value]),
        share=round(float(here[source, value]), 4),
        share_elsewhere=round(float(elsewhere[source, value]), 4),
        leading={
            source_names[code]: Leading(value=str(words[row.argmax()]), share=round(float(row.max()), 4))
            for code, row in zip(present, here, strict=True)
        },
    )


def cramers_v(table: np.ndarray) -> float:
    """Return Cramer's V of a contingency table of counts (R, C), in [0, 1].

    Corrected for the chance association of many values in few rows (Bergsma 2013, equation 8).
    """
    total = table.sum()
    expected = table.sum(axis=1, keepdims=True) * table.sum(axis=0) / total
    phi2 = float(((table - expected) ** 2 / expected).sum() / total)
    rows, columns = table.shape
    corrected = max(0.0, phi2 - (rows - 1) * (columns - 1) / (total - 1))
    smaller = min(size - (size - 1) ** 2 / (total - 1) for size in (rows, columns)) - 1
    return min(1.0, float(np.sqrt(corrected / smaller))) if smaller > 0 else 0.0


def _merge_rare(values: np.ndarray) -> np.ndarray:
    words, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    return np.where(counts < _RARE, "others, each rare", words)[inverse] if len(words) > _RARE else values
