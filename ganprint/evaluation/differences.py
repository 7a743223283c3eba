"""Differences between results on the same images, by resampling the same groups for both (a paired bootstrap)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ganprint.evaluation.group_metrics import FEWEST_GROUPS, PERCENTILES, GroupMean, group_mean
from ganprint.evaluation.metrics import GroupAnswers
from ganprint.evaluation.results import Evaluation


@dataclass(frozen=True, eq=False)
class GroupSample:
    """A result's value for each of G groups, from which a difference to another result is resampled.

    NMI is not a mean over groups: it has `answers` in the place of values.
    """

    source: np.ndarray
    group: np.ndarray
    images: np.ndarray
    value: np.ndarray | None = None
    answers: GroupAnswers | None = None

    def is_of_the_groups_of(self, other: "GroupSample") -> bool:
        """Return whether both are of the same images, as far as groups and their sizes tell."""
        return all(np.array_equal(getattr(self, of), getattr(other, of)) for of in ("source", "group", "images"))


def group_sample(entry: Evaluation, metric: str) -> GroupSample | None:
    """Return a result's sample, None where it has no details or its metric is not a mean over groups and not NMI."""
    every, detection = entry.per_group.values(), metric == "detection_accuracy"
    found = [each for each in every if detection or each.attribution_accuracy is not None]
    if entry.unit != "group" or not found or metric not in ("detection_accuracy", "attribution_accuracy", "nmi"):
        return None
    source, group = (np.array([getattr(each, name) for each in found]) for name in ("source", "group"))
    images = np.array([each.n for each in found])
    if metric != "nmi":
        return GroupSample(source, group, images, np.array([getattr(each, metric) for each in found]))
    names = list(next(iter(entry.confusion.values())))
    counts = np.array([[each.answers.get(name, 0) for name in names] for each in found])
    labels = np.array([names.index(each.source) for each in found])
    answers = GroupAnswers(counts, labels, source, group, np.arange(len(found)))
    return GroupSample(source, group, images, answers=answers)


def mean_sample(samples: Sequence[GroupSample | None]) -> GroupSample | None:
    """Return the mean of results on the same groups, None where one has no values or is of others."""
    there = [each for each in samples if each is not None]
    values = [each.value for each in there if each.value is not None]
    if not values or len(values) < len(samples) or not all(each.is_of_the_groups_of(there[0]) for each in there):
        return None
    first = there[0]
    return GroupSample(first.source, first.group, first.images, np.mean(values, axis=0))


def difference(first: GroupSample | None, second: GroupSample | None) -> GroupMean | None:
    """Return first less second with its 95 % interval over groups, None where they are not of the same groups."""
    if first is None or second is None or not first.is_of_the_groups_of(second):
        return None
    if first.value is not None and second.value is not None:
        return group_mean(first.value - second.value, first.source, first.group)
    if first.answers is None or second.answers is None:
        return None
    votes = first.answers.resampled_votes()
    even = first.answers.votes()[None]
    observed = float(first.answers.nmi(even)[0] - second.answers.nmi(even)[0])
    spread = first.answers.nmi(votes) - second.answers.nmi(votes)
    # What is left of the bias of both: see score_groups.
    bias = float(spread.mean()) - observed
    low = high = None
    if len(first.group) >= FEWEST_GROUPS:
        low, high = (float(bound) - 2 * bias for bound in np.percentile(spread, PERCENTILES))
    return GroupMean(observed - bias, low, high, len(first.group), int(first.images.sum()))
