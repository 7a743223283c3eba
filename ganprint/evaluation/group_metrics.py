"""Means over groups and sources, with intervals that resample groups (a cluster bootstrap).

A *group* is one trained model or one photo source. Its images are not independent, so a mean over images has too narrow
an interval and is ruled by the groups with the most images. Here each group has one vote in its source, and each source
one vote in the mean.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

FEWEST_GROUPS = 8
"""Fewer groups than these get no interval: a percentile of so few says too little."""
DRAWS = 2000
LEVEL = 0.95
PERCENTILES = (50 * (1 - LEVEL), 50 * (1 + LEVEL))


@dataclass(frozen=True)
class GroupMean:
    """A mean over `groups` groups with `images` images, and its 95 % interval.

    `low` and `high` are None where there are fewer than FEWEST_GROUPS groups.
    """

    value: float
    low: float | None
    high: float | None
    groups: int
    images: int

    @property
    def excludes_zero(self) -> bool:
        """Whether there is an interval and 0 is outside it: what makes a difference one."""
        return self.low is not None and self.high is not None and (self.low > 0 or self.high < 0)


def group_mean(value: np.ndarray, source: np.ndarray, group: np.ndarray) -> GroupMean:
    """Return the mean of `value` over the images of a group, the groups of a source, and the sources, in this order.

    `value` is float or bool (N,), `source` and `group` are names (N,); equal group names in two sources are two groups.
    The interval is of the percentiles of DRAWS resamples, each of n - 1 of the n groups of every source, with
    replacement (Rao and Wu 1988: n of n is too narrow where sources have two or three groups). A source of one group
    adds nothing to the width: nothing is known of its other groups. The same rows give the same interval in any order.
    Of `first - second` on the same rows it is the paired bootstrap: means being linear, the difference of two resampled
    means is the resampled mean of the differences. Raises ValueError where there is no row, or a value is not finite.
    """
    if not len(value) or not np.isfinite(value).all():
        raise ValueError("there is no image, or a value is not finite")
    source_codes = np.unique(source, return_inverse=True)[1]
    group_names, group_codes = np.unique(group, return_inverse=True)
    pairs, places, images = np.unique(
        source_codes * np.int64(len(group_names)) + group_codes, return_inverse=True, return_counts=True
    )
    means, of = np.bincount(places, weights=value) / images, pairs // len(group_names)
    parts = np.split(means, np.flatnonzero(of[1:] != of[:-1]) + 1)
    low = high = None
    if len(means) >= FEWEST_GROUPS:
        shares = resampled_shares([len(part) for part in parts])
        spread = sum(share @ part for share, part in zip(shares, parts, strict=True)) / len(parts)
        low, high = (float(bound) for bound in np.percentile(spread, PERCENTILES))
    return GroupMean(float(np.mean([part.mean() for part in parts])), low, high, len(means), len(value))


def resampled_shares(sizes: Sequence[int]) -> Iterator[np.ndarray]:
    """Yield for sources of so many groups each group's share of DRAWS resamples, (DRAWS, size); rows sum to 1."""
    random = np.random.default_rng(0)
    for size in sizes:
        drawn = max(size - 1, 1)
        # How often each group is drawn: the same as drawing groups one by one, with less memory.
        yield random.multinomial(drawn, np.full(size, 1 / size), size=DRAWS) / drawn
