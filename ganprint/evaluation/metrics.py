"""Accuracies, NMI, recall, confusion, AUROC and OSCR, over groups or over images, with their intervals."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from ganprint.evaluation.group_metrics import DRAWS, FEWEST_GROUPS, PERCENTILES, group_mean, resampled_shares
from ganprint.weights import Interval

Unit = Literal["group", "image"]
"""What has one vote: a group, as intervals assume that groups are independent, or an image."""


Codes = tuple[np.ndarray, tuple[str, ...]]
"""Names of rows, as `Manifest.codes` gives them."""


@dataclass(frozen=True)
class Scores:
    """Metrics of answers over K sources, each with its 95 % interval where there is one.

    `values` has `detection_accuracy` and, where any label is known, `attribution_accuracy` and `nmi`; of images also
    `balanced_accuracy`, the mean recall of the sources present, which attribution over groups is already. `recall` is
    by source.
    """

    values: dict[str, Interval]
    recall: dict[str, Interval]


@dataclass(frozen=True)
class GroupAnswers:
    """What was answered for G groups: counts int (G, K), their labels (G,) in -1..K-1, and their names (G,).

    `places` (N,) says which group each answer is of.
    """

    counts: np.ndarray
    labels: np.ndarray
    source: np.ndarray
    group: np.ndarray
    places: np.ndarray

    @classmethod
    def of(cls, labels: np.ndarray, predicted: np.ndarray, source: Codes, group: Codes, count: int) -> "GroupAnswers":
        """Count predictions int (N,) in 0..K-1 by source and group, each given as codes (N,) and their names."""
        pairs = source[0] * np.int64(len(group[1])) + group[0]
        keys, first, places = np.unique(pairs, return_index=True, return_inverse=True)
        counts = np.zeros((len(keys), count), dtype=np.int64)
        np.add.at(counts, (places, predicted), 1)
        source_names, group_names = (np.array(each[1], dtype=np.str_)[each[0][first]] for each in (source, group))
        return cls(counts, labels[first], source_names, group_names, places)

    def values(self, metric: str) -> np.ndarray:
        """Return the share of right answers of each group, (G,): of real or synthetic, or of the source."""
        total = self.counts.sum(1)
        if metric == "detection_accuracy":
            real = self.counts[:, 0]
            right: np.ndarray = np.where(self.labels == 0, real, total - real)
        else:
            right = self.counts[np.arange(len(total)), np.maximum(self.labels, 0)]
        return right / total  # type: ignore[no-any-return]

    def known(self) -> "GroupAnswers":
        """Return the groups of known sources, and their answers."""
        there = self.labels >= 0
        counts, labels, source, group = (each[there] for each in (self.counts, self.labels, self.source, self.group))
        places = np.cumsum(there) - 1
        return GroupAnswers(counts, labels, source, group, places[self.places[there[self.places]]])

    def votes(self) -> np.ndarray:
        """Return the share (G,) that each group has in its source: those of a source sum to 1."""
        _, places, sizes = np.unique(self.source, return_inverse=True, return_counts=True)
        return 1 / sizes[places]

    def resampled_votes(self) -> np.ndarray:
        """Return the share (DRAWS, G) that each group has in its source in resamples of its source's groups."""
        _, places, sizes = np.unique(self.source, return_inverse=True, return_counts=True)
        votes = np.empty((DRAWS, len(places)))
        for number, shares in enumerate(resampled_shares(sizes.tolist())):
            votes[:, places == number] = shares
        return votes

    def nmi(self, votes: np.ndarray) -> np.ndarray:
        """Return NMI where groups have these votes (R, G) in their source, and each source one, as (R,)."""
        shares = self.counts / self.counts.sum(1, keepdims=True)
        parts = [self.source == name for name in np.unique(self.source)]
        joint = np.stack([votes[:, part] @ shares[part] for part in parts], axis=1)
        return _nmi(joint / len(parts))


def score_groups(answers: GroupAnswers, sources: tuple[str, ...]) -> Scores:
    """Score answers as means over groups within a source and then over sources, with `group_mean`'s intervals.

    NMI is estimated with too much from few groups, and its resamples with as much again: the bias that these show is
    taken from the value once and from their percentiles twice.
    """
    known = answers.known()
    values = {"detection_accuracy": _mean(answers.values("detection_accuracy"), answers)}
    recall = {}
    if len(known.labels):
        right = known.values("attribution_accuracy")
        values["attribution_accuracy"] = _mean(right, known)
        observed = float(known.nmi(known.votes()[None])[0])
        spread = known.nmi(known.resampled_votes())
        low, high = np.percentile(spread, PERCENTILES) if len(known.labels) >= FEWEST_GROUPS else (None, None)
        bias = max(float(spread.mean()) - observed, 0.0)
        bounds = (None if bound is None else bound - 2 * bias for bound in (low, high))
        values["nmi"] = bounded(observed - bias, *bounds)
        recall = {
            sources[label]: _mean(right, known, known.labels == label) for label in np.unique(known.labels).tolist()
        }
    return Scores(values, recall)


def _mean(right: np.ndarray, of: GroupAnswers, among: np.ndarray | slice = np.s_[:]) -> Interval:
    found = group_mean(right[among], of.source[among], of.group[among])
    return bounded(found.value, found.low, found.high)


def score_images(confusion: np.ndarray, sources: tuple[str, ...]) -> Scores:
    """Score answers as fractions of images, from counts (K + 1, K) of true against predicted sources.

    The last row is of images of a source outside the K. Resampling images with replacement changes these metrics only
    through the counts, so the bootstrap draws them from the multinomial of the observed ones, which is the same thing,
    quickly. The interval of NMI is corrected as that over groups is; the value is the uncorrected one of the papers.
    """
    count, total = len(sources), int(confusion.sum())
    drawn = np.random.default_rng(0).multinomial(total, confusion.ravel() / total, size=DRAWS)
    resamples = drawn.reshape(-1, count + 1, count)
    observed, spread = _metrics(confusion[None]), _metrics(resamples)
    if "nmi" in spread:
        spread["nmi"] -= 2 * max(float(np.nanmean(spread["nmi"])) - float(observed["nmi"][0]), 0.0)
    recall = _recall(confusion[None])[0]
    recall_spread = _recall(resamples)
    present = np.flatnonzero(confusion[:count].sum(1))
    return Scores(
        values={name: interval(values[0], spread[name]) for name, values in observed.items()},
        recall={sources[k]: interval(recall[k], recall_spread[:, k]) for k in present},
    )


def count_answers(labels: np.ndarray, predicted: np.ndarray, count: int) -> np.ndarray:
    """Return the confusion matrix (K + 1, K) of labels int (N,) in -1..K-1 and predictions int (N,) in 0..K-1."""
    confusion = np.zeros((count + 1, count), dtype=np.int64)
    np.add.at(confusion, (np.where(labels < 0, count, labels), predicted), 1)
    return confusion


def _metrics(matrices: np.ndarray) -> dict[str, np.ndarray]:
    """Return each metric for matrices (R, K + 1, K), as (R,)."""
    total = matrices.sum((1, 2))
    right = matrices[:, 0, 0] + matrices[:, 1:, 1:].sum((1, 2))
    known = matrices[:, :-1]
    metrics = {"detection_accuracy": right / total}
    if known[0].sum():
        # A resample may draw no image of a known source; it then says nothing of attribution.
        images = known.sum((1, 2))
        some = np.where(images > 0, images, np.nan)
        metrics["attribution_accuracy"] = np.trace(known, axis1=1, axis2=2) / some
        recall = _recall(matrices)
        present = np.isfinite(recall).sum(1)
        metrics["balanced_accuracy"] = np.nansum(recall, axis=1) / np.where(present > 0, present, np.nan)
        metrics["nmi"] = np.where(images > 0, _nmi(known / np.maximum(images, 1)[:, None, None]), np.nan)
    return metrics


def _recall(matrices: np.ndarray) -> np.ndarray:
    """Return the recall of each known source, (R, K), NaN where a matrix has no image of it."""
    known = matrices[:, :-1]
    images = known.sum(2)
    hits = np.diagonal(known, axis1=1, axis2=2)
    return np.where(images > 0, hits / np.maximum(images, 1), np.nan)


def _nmi(joint: np.ndarray) -> np.ndarray:
    """Normalised mutual information of joint distributions (R, S, K), by the arithmetic mean of entropies."""
    truth, answer = joint.sum(2), joint.sum(1)
    apart, together = _entropy(truth) + _entropy(answer), _entropy(joint.reshape(len(joint), -1))
    # Rounding may leave less than nothing shared.
    shared: np.ndarray = np.maximum(2 * (apart - together), 0) / np.where(apart > 0, apart, 1)
    shared[apart <= 0] = 1.0
    return shared


def _entropy(distributions: np.ndarray) -> np.ndarray:
    logarithms = np.log(np.where(distributions > 0, distributions, 1))
    return -(distributions * logarithms).sum(1)  # type: ignore[no-any-return]


def score_open_set(
    labels: np.ndarray, predicted: np.ndarray, confidence: np.ndarray, *, groups: GroupAnswers | None = None
) -> dict[str, Interval]:
    """Return `auroc` and `oscr` of answers int (N,) with confidences (N,), label -1 being an unknown source.

    AUROC is the chance that an image of a known source is answered with more confidence than one of an unknown source,
    ties counting half. OSCR (Dhamija, Günther and Boult, NeurIPS 2018) is the same where only rightly attributed images
    count: the area under correct classification against false positive rate. The 95 % percentile bootstrap draws
    images, or with `groups` groups, each of which has one vote in its source, and each source one; of fewer than 8
    groups there is no interval. Empty where there are only known or only unknown sources.
    """
    known = labels >= 0
    if known.all() or not known.any():
        return {}
    _, levels = np.unique(confidence, return_inverse=True)
    right = known & (labels == predicted)
    if groups is None:
        random, weights = np.random.default_rng(0), np.ones(len(labels))
        share = weights / len(labels)
        draws = (random.multinomial(len(labels), share) for _ in range(DRAWS))
    else:
        images = groups.counts.sum(1)
        weights = (groups.votes() / images)[groups.places]
        draws = ((votes / images)[groups.places] for votes in groups.resampled_votes())
    observed = dict(zip(("auroc", "oscr"), _areas(weights, levels, known, right), strict=True))
    if groups is not None and len(groups.group) < FEWEST_GROUPS:
        return {name: bounded(value, None, None) for name, value in observed.items()}
    spread = np.array([_areas(drawn, levels, known, right) for drawn in draws])
    return {name: interval(value, column) for (name, value), column in zip(observed.items(), spread.T, strict=True)}


def _areas(weights: np.ndarray, levels: np.ndarray, known: np.ndarray, right: np.ndarray) -> tuple[float, float]:
    """Return both areas of images that count `weights` (N,) times, ordered by `levels` (N,)."""
    unknown_at = np.bincount(levels, weights * ~known)
    # Unknown images below each level, half of those on it.
    below = np.cumsum(unknown_at) - unknown_at / 2
    pairs = (weights * known).sum() * unknown_at.sum()
    if not pairs:
        return np.nan, np.nan
    won = weights * below[levels] / pairs
    return float((won * known).sum()), float((won * right).sum())


def interval(value: float, spread: np.ndarray) -> Interval:
    """Return a value with the 95 % percentile interval of its resamples (R,), NaN being none."""
    return bounded(value, *np.nanpercentile(spread, PERCENTILES))


def bounded(value: float, low: float | None, high: float | None) -> Interval:
    """Return a metric in [0, 1] with its bounds, rounded, where correction may have left that range."""
    rounded = [None if each is None else round(min(max(float(each), 0.0), 1.0), 6) for each in (value, low, high)]
    assert rounded[0] is not None
    return Interval(value=rounded[0], low=rounded[1], high=rounded[2])
