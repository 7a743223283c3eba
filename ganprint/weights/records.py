"""The parts of a card: records of data, training, results, calibration and thresholds."""

import base64
import re
import shlex
from collections.abc import Sequence
from pathlib import PureWindowsPath
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, AwareDatetime, BaseModel, Field, JsonValue, StringConstraints

from ganprint.names import SourceName

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
WeightsName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]

_ROOT = r"(?:[/~]|[A-Za-z]:[\\/])"
_ABSOLUTE = re.compile(rf"(?:(?<![^=,])|(?<=::)){_ROOT}(?:[^=,]|[=,](?!{_ROOT}))*")
"""An absolute path that is an argument, or in one the value of a key, a part of a list, or an archive's of a URL."""


def without_folders(command: str) -> str:
    """Return a command with the names alone of absolute paths: a card is published, folders tell who made it."""
    try:
        words = shlex.split(command)
    except ValueError:
        return command
    # PureWindowsPath divides at slashes, too.
    short = [_ABSOLUTE.sub(lambda path: PureWindowsPath(path[0]).name, word) for word in words]
    return command if short == words else shlex.join(short)


Command = Annotated[str, AfterValidator(without_folders)]


def _checked_base64(text: str) -> str:
    base64.b64decode(text)
    return text


Base64 = Annotated[str, AfterValidator(_checked_base64)]


class Record(BaseModel, frozen=True, extra="forbid", allow_inf_nan=False, defer_build=True):
    """Frozen, and with no field but its own."""


class PluginRecord(Record):
    """The distribution that a method's plug-in comes from."""

    distribution: str
    version: str


class DataRecord(Record):
    """What the weights were trained on: a manifest by name and hash, and how many images of it."""

    name: str
    sha256: Sha256
    train: int = Field(ge=0)
    val: int = Field(ge=0)


class SeenRecord(Record):
    """Images and groups that weights have seen, of `n` images: base64 of the first 5 bytes of SHA-256 of each, sorted.

    They are hashes of a file's bytes, of its origin, and of a group's name; see `ganprint.weights.seen`.
    """

    images: Base64 = ""
    groups: Base64 = ""
    n: int = Field(ge=0)


class TrainingRecord(Record):
    """How training went; `losses` has one value an epoch under each name, `details` what a method adds."""

    epochs: int | None = Field(default=None, ge=0)
    seconds: float | None = Field(default=None, ge=0)
    precision: str | None = None
    best_epoch: int | None = None
    losses: dict[str, list[float]] = {}
    details: dict[str, JsonValue] = {}


class Interval(Record):
    """A metric in [-1, 1] with its 95 % interval, where one was computed."""

    value: float
    low: float | None = None
    high: float | None = None


class Result(Record):
    """One evaluation: metrics by the names of `evaluate --json`, recall per source and group, and its command.

    Metrics are means over `groups` groups, or fractions of images, as `unit` says; without it, of images.
    """

    split: str
    policy: str
    n: int = Field(ge=0)
    seed: int | None = None
    data_sha256: Sha256 | None = None
    at: int | None = None
    engine: str | None = None
    precision: str | None = None
    values: dict[str, Interval]
    per_source: dict[str, float] = {}
    per_source_intervals: dict[str, tuple[float, float]] = {}
    per_group: dict[str, float] = {}
    unit: Literal["group", "image"] | None = None
    groups: int | None = Field(default=None, ge=1)
    command: Command = ""


IsotonicCurve = tuple[tuple[float, float], ...]
"""Points (probability, share that is right) of a non-decreasing function, by ascending probability."""


class CalibrationRecord(Record):
    """What was fitted to answers to make probabilities mean what they say, and what it does to them.

    A `temperature` and an offset of real's log-probability; or, where that was better on what was kept out, the two of
    its log-odds and a `source_temperature` of the generators' shares, or an isotonic regression for each source.
    `before`, `after` and `otherwise`, the next best, have `calibration_error`, `brier_score` and
    `log_loss`; the latter two are of units that were not fitted on, in turn. A unit is a group where images have one,
    and all weigh the same. `images` are different ones, each under every policy.
    """

    temperature: float = Field(gt=0)
    real_offset: float = 0.0
    source_temperature: float | None = Field(None, gt=0)
    isotonic: list[IsotonicCurve] | None = None
    data: str
    data_sha256: Sha256
    split: str
    policies: tuple[str, ...]
    seed: int
    images: int = Field(ge=1)
    unit: Literal["image", "group"] = "image"
    groups: int | None = Field(default=None, ge=1)
    before: dict[str, float]
    after: dict[str, float]
    otherwise: dict[str, float] = {}
    seen: SeenRecord | None = None
    command: Command = ""
    date: AwareDatetime

    def fitted(self) -> dict[str, Any]:
        """Return what makes answers into probabilities; what is not used is not in it."""
        used = {name for name in ("real_offset", "source_temperature") if getattr(self, name)}
        return self.model_dump(mode="json", include={"temperature", "isotonic", *used})


SUPPORTED_LOSS = 0.1
"""Of Cllr by calibration, below which a likelihood ratio is stated."""
USEFUL = 0.8
"""Cllr below which a likelihood ratio is stated (1: it says nothing)."""


class LikelihoodRecord(Record):
    """How a probability becomes a likelihood ratio: log10 of it is a line in the log odds, within bounds.

    `most` and `least` are log10 of what the groups of images could support; `cllr` is the cost on groups kept out, each
    weighing the same, 0 to 1 and above, `cllr_min` what the best recalibration would leave of it.
    """

    slope: float = Field(ge=0)
    intercept: float
    most: float = Field(ge=0)
    least: float = Field(le=0)
    cllr: float = Field(ge=0)
    cllr_min: float = Field(ge=0)

    @property
    def holds(self) -> bool:
        """Whether ratios held well enough on groups kept out to be stated at all."""
        return self.cllr < USEFUL and self.cllr - self.cllr_min < SUPPORTED_LOSS


class Rate(Record):
    """A share of `n` images with its 95 % interval: Wilson's, or with `groups` a mean over groups, groups resampled.

    `low` and `high` are None where groups are too few for an interval.
    """

    n: int = Field(ge=1)
    groups: int | None = Field(default=None, ge=1)
    value: float
    low: float | None = None
    high: float | None = None

    @classmethod
    def of(cls, holds: Sequence[bool]) -> Self:
        """Return the rate of trues among some."""
        # Here, as reading a card needs none of it.
        from scipy.stats import binomtest

        found = binomtest(sum(map(bool, holds)), len(holds))
        bounds = found.proportion_ci(method="wilson")
        numbers = {"value": found.statistic, "low": bounds.low, "high": bounds.high}
        return cls(n=len(holds), **{name: round(float(number), 4) for name, number in numbers.items()})


OTHERS = "other generators"
"""The kind of source whose images are of generators that are no class."""


class KindRates(Record):
    """What became of the images of one kind of source: photographs, a family, or generators that are no class.

    Shares called real, synthetic in any way, by their family or their own source, by the right source, and by another.
    """

    real: Rate
    synthetic: Rate
    right_family: Rate | None = None
    right_source: Rate | None = None
    wrong_source: Rate | None = None


class VerdictRates(Record):
    """How often verdicts were right on one split under one policy, none of it fitted on.

    With `groups` all rates are means over groups, and over sources; `kinds` has them by kind of source. `verdicts` are
    shares of images: real, named sources, families, synthetic-unknown, inconclusive. `false_alarms` is the share of
    photographs called synthetic in any way, over all and by photo set; `missed` that of known sources' images called
    real. `answered` is the share of images of known sources that are called real, by a family or by a source, `right`
    how many of those are rightly called real or by the right source (a family alone does not count); `unknown` of
    images of other generators is the share that is synthetic-unknown or inconclusive. `auroc` and `oscr` are of known
    against other sources by each score; `cllr` is of synthetic against real.
    """

    data: str
    data_sha256: Sha256
    split: str
    policy: str
    seed: int
    n: int
    groups: int | None = Field(default=None, ge=1)
    kinds: dict[str, KindRates] = {}
    verdicts: dict[str, float]
    answered: Rate | None = None
    right: Rate | None = None
    false_alarms: Rate | None = None
    false_alarms_by_set: dict[str, Rate] = {}
    missed: Rate | None = None
    unknown: Rate | None = None
    auroc: dict[str, Interval] = {}
    oscr: dict[str, Interval] = {}
    calibration_error: float | None = None
    cllr: float | None = None
    cllr_min: float | None = None
    command: Command = ""


NO_REFERENCE = "0" * 64
"""In the place of a reference's hash where there is none, or it is not written yet."""


class JudgementRecord(Record):
    """How answers become verdicts: thresholds fitted where calibration was, for the rates that were asked for.

    An image whose `score` is below `unknown_below` is unlike the known ones: of those `false_unknown` are. It is
    synthetic from the probability `synthetic_from` on, which `false_alarm` of the photographs reach, and real up to
    `real_to`, which `miss` of the synthetic images do not exceed; a source is named from `source_from` on, where
    `wrong_source` of the names are wrong, and its family from `family_from` on, where `wrong_family` are. With `unit`
    group these are means over groups kept out, `groups` in all; with image, shares of images. `synthetic` and `sources`
    give likelihood ratios; `reference_sha256` is of the file that holds where known images lie; `rates` were measured
    on other images. With `mostly_grey`, most of the generated images had no colour, so images without it are judged as
    others are. No image is real whose `fine_detail`, in decibels, is below `detail_from`.
    """

    score: Literal["max-probability", "energy", "mahalanobis", "knn", "vim", "share of methods"]
    unknown_below: float
    synthetic_from: float = Field(ge=0, le=1)
    real_to: float = Field(ge=0, le=1)
    family_from: float = Field(default=1.0, ge=0, le=1)
    source_from: float = Field(ge=0, le=1)
    false_unknown: float = Field(gt=0, lt=1)
    false_alarm: float = Field(gt=0, lt=1)
    miss: float = Field(gt=0, lt=1)
    wrong_family: float = Field(default=0.1, gt=0, lt=1)
    wrong_source: float = Field(gt=0, lt=1)
    unit: Literal["image", "group"] = "image"
    groups: int | None = Field(default=None, ge=1)
    mostly_grey: bool = False
    detail_from: float | None = None
    synthetic: LikelihoodRecord
    sources: dict[SourceName, LikelihoodRecord] = {}
    reference_sha256: Sha256
    rates: list[VerdictRates] = []
