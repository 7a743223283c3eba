"""The verdict on one image: the answer, how certain it is, who gave it, and warnings."""

from typing import Literal

from pydantic import BaseModel

from ganprint.calibration.decision import is_synthetic
from ganprint.provenance.metadata import Metadata

UNCALIBRATED = "The probabilities are not calibrated: read them as an order of sources, not as odds."
NO_RULE = "There is no verdict: these weights are not calibrated, and what they give are scores."


class Written(BaseModel, frozen=True, json_schema_serialization_defaults_required=True):
    """A model that is written to files, every field of it."""


class Failure(Written):
    """Why there is no verdict: a stable code, a sentence, and what to do, "" where there is nothing."""

    code: str
    message: str
    hint: str = ""


class Ratio(Written):
    """A likelihood ratio for a proposition against its opposite: log10, and ENFSI's words where they are supported.

    `bounded` says that the ratio is as large or small as the data of its calibration can support.
    """

    proposition: str
    against: str
    log10: float
    words: str | None
    bounded: bool


class Evidence(Written):
    """A kind of evidence, and what it adds to the log-odds of synthetic (natural logarithm), the mean over crops."""

    kind: str
    log_odds: float


class Crop(Written):
    """A crop that had a vote: its corner in the image and its side, pixels, and its own P(synthetic)."""

    left: int
    top: int
    side: int
    synthetic_probability: float


class Views(Written):
    """How far the crops agree: their number, how many agree with the most likely source, and the least and largest
    probability of synthetic among them.
    """

    count: int
    agreeing: int
    least_synthetic: float
    most_synthetic: float


class MethodAnswer(Written):
    """What one of several methods answers for an image; fields as in Verdict."""

    method: str
    weights: str
    weights_sha256: str | None
    verdict: str | None
    reason: str | None
    synthetic_probability: float | None
    likeliest: str | None
    probabilities: dict[str, float]
    known_score: float | None
    views: Views | None


class Agreement(Written):
    """How many methods say real, synthetic (in any way) and neither, and how many name each source."""

    real: int
    synthetic: int
    inconclusive: int
    sources: dict[str, int]

    def in_words(self) -> str:
        """Return the counts as a phrase."""
        said = [(self.synthetic, "synthetic"), (self.real, "without a trace"), (self.inconclusive, "inconclusive")]
        return ", ".join(f"{count} {name}" for count, name in said if count)


class Change(Written):
    """The verdict after mild post-processing of the image, and whether it is the same."""

    change: str
    verdict: str
    synthetic_probability: float | None
    holds: bool


class Verdict(Written):
    """The answer for one image: a line of `attribute --json`; field names are stable.

    `verdict` is `real`, the name of a source or of a family of generators, `synthetic-unknown` or `inconclusive`, None
    where there is an `error`; `reason` says why. Weights that are not calibrated give `inconclusive`. `likeliest` has
    the largest probability. `source` and `family` are those that are named, None where none is. Where an image has
    nothing to examine there are no probabilities. `evidence` has what each kind of statistic adds, `crops` the crops
    that had a vote. Probabilities are in [0, 1], means over the crops, calibrated where the card says how; `spread` is
    their standard deviation over the crops before calibration; `synthetic_probability` is one minus real's.
    `known_score` is the similarity to the in-distribution reference, and `enrolled` how much nearer the image is to
    each enrolled source than to that. Of several methods, `method` and `weights` are all of them, `methods` has each
    one's answer, and the rest is the fused answer over the sources that all know, `weights_sha256` being that of the
    fusion. `judged_by_sha256` is of all that the answer depends on: weights, calibration, thresholds, enrolled sources,
    options. `stability` and `metadata` are there where they were asked for. `size_warnings` are those of
    `warnings` that say that the image is smaller than what weights look at. `stated_generator` is the generator that
    the file names in its metadata; it does not change any probability.
    """

    schema_version: Literal[1] = 1
    path: str
    sha256: str | None = None
    width: int | None = None
    height: int | None = None
    format: str | None = None
    verdict: str | None = None
    source: str | None = None
    family: str | None = None
    synthetic_probability: float | None = None
    probabilities: dict[str, float] = {}
    runner_up: str | None = None
    method: str
    weights: str
    weights_sha256: str | None
    warnings: list[str] = []
    size_warnings: list[str] = []
    error: Failure | None = None
    spread: dict[str, float] = {}
    reason: str | None = None
    likeliest: str | None = None
    known_score: float | None = None
    likelihood_ratios: list[Ratio] = []
    views: Views | None = None
    evidence: list[Evidence] = []
    crops: list[Crop] = []
    enrolled: dict[str, float] = {}
    methods: list[MethodAnswer] = []
    agreement: Agreement | None = None
    stability: list[Change] = []
    metadata: Metadata | None = None
    stated_generator: str | None = None
    judged_by_sha256: str | None = None

    @property
    def is_synthetic(self) -> bool:
        """Whether the verdict is a source, a family or synthetic-unknown."""
        return is_synthetic(self.verdict)
