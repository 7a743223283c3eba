"""Fusion of several methods: a weighted product of their probabilities, learned for every combination."""

import hashlib
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path

import numpy as np
from pydantic import AwareDatetime, BaseModel, Field, ValidationError

from ganprint.calibration.probabilities import SMALLEST, softmax
from ganprint.errors import WeightsError
from ganprint.files import read_file, refuse_existing, write_output
from ganprint.names import SourceName
from ganprint.weights import Card, JudgementRecord, search_path
from ganprint.weights.records import Sha256

FUSION_FILE = "fusion.json"
MAX_FUSION_BYTES = 16 << 20
SHRINKAGE = 0.01
"""How much a squared weight costs beside the log loss: methods that say the same share what they weigh."""


class Member(BaseModel, frozen=True, extra="forbid", allow_inf_nan=False):
    """Weights that take part."""

    method: str
    weights: str
    weights_sha256: Sha256


class Combination(BaseModel, frozen=True, extra="forbid", allow_inf_nan=False):
    """What was learned for some of the members: how much each weighs, by its weights' hash, and how to judge.

    What is weighed are the members' probabilities before their calibration, which the weights stand in for. `log_loss`
    and `calibration_error` are of images kept out in turn; `alone` has the log loss of each member on the same sources.
    In the judgement the score is the share of members that find an image like those they know.
    """

    weights: dict[Sha256, float]
    judgement: JudgementRecord
    log_loss: float
    calibration_error: float
    alone: dict[str, float]


class Fusion(BaseModel, frozen=True, extra="forbid", allow_inf_nan=False):
    """A file of combinations over members that were answered for the same images, and the sources that all know."""

    schema_version: int = Field(1, ge=1, le=1)
    members: list[Member]
    sources: tuple[SourceName, ...]
    data: str
    data_sha256: Sha256
    split: str
    policies: tuple[str, ...]
    seed: int
    images: int
    command: str
    date: AwareDatetime
    combinations: list[Combination]

    def combination(self, cards: Sequence[Card]) -> Combination | None:
        """Return what was learned for exactly these weights, None where nothing was."""
        asked = {card.sha256 for card in cards}
        return next((each for each in self.combinations if set(each.weights) == asked), None)


def choices(members: int) -> list[tuple[int, ...]]:
    """Return every choice of two and more of so many members."""
    return [which for count in range(2, members + 1) for which in combinations(range(members), count)]


def restrict(probabilities: np.ndarray, own: Sequence[str], sources: Sequence[str]) -> np.ndarray:
    """Return probabilities (N, K) of the sources `own`, of those in `sources` only, brought to sum 1."""
    kept = np.maximum(probabilities[:, [list(own).index(name) for name in sources]], SMALLEST)
    return kept / kept.sum(1, keepdims=True)  # type: ignore[no-any-return]


def pool(members: Sequence[np.ndarray], weights: Sequence[float]) -> np.ndarray:
    """Return the weighted product of probabilities (N, K), brought to sum 1.

    A logarithmic opinion pool (Genest and Zidek, Statistical Science 1986, section 3): where members differ, no source
    gets as much as they give it where they agree.
    """
    logs = [weight * np.log(each) for weight, each in zip(weights, members, strict=True)]
    return softmax(sum(logs[1:], logs[0]))


def fit_pool(members: Sequence[np.ndarray], labels: np.ndarray, of_rows: np.ndarray) -> list[float]:
    """Return the weights, none below 0, under which labels (N,) are most likely given probabilities (N, K) each.

    `of_rows` (N,) weigh the rows.
    """
    from scipy.optimize import minimize

    logs = np.stack([np.log(each) for each in members], axis=-1)
    rows, share = np.arange(len(labels)), of_rows / of_rows.sum()

    def loss(weights: np.ndarray) -> tuple[float, np.ndarray]:
        sums = logs @ weights
        sums -= sums.max(1, keepdims=True)
        shares = np.exp(sums)
        totals = shares.sum(1)
        shares /= totals[:, None]
        slopes = (shares[..., None] * logs).sum(1) - logs[rows, labels]
        value = share @ (np.log(totals) - sums[rows, labels]) + SHRINKAGE * (weights**2).sum()
        return float(value), share @ slopes + 2 * SHRINKAGE * weights

    start = np.full(len(members), 1 / len(members))
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=[(0, None)] * len(members))
    return [float(weight) for weight in found.x]


def find_fusion(cards: Sequence[Card]) -> tuple[Fusion, Combination, str] | None:
    """Return the first fusion on the weights' search path that was learned for these weights, and its file's SHA-256.

    A damaged file raises WeightsError.
    """
    for folder in search_path():
        path = folder / FUSION_FILE
        if not path.is_file():
            continue
        try:
            content = read_file(path, limit=MAX_FUSION_BYTES)
            fusion = Fusion.model_validate_json(content)
        except (OSError, ValidationError) as cause:
            raise WeightsError(
                f"{path} is not a fusion file, or is damaged.", "Make it again: ganprint fuse"
            ) from cause
        found = fusion.combination(cards)
        if found is not None:
            if not all(set(fusion.sources) <= set(card.sources) for card in cards):
                raise WeightsError(
                    f"{path} names sources that not all of its members know.", "Make it again: ganprint fuse"
                )
            return fusion, found, hashlib.sha256(content).hexdigest()
    return None


def save_fusion(fusion: Fusion, path: Path, *, force: bool = False) -> None:
    """Write a fusion, whole or not at all; raise OutputExistsError where the file is there and `force` is not given."""
    refuse_existing(path, force=force, hint="Add --force to replace it.")
    write_output(path, f"{fusion.model_dump_json(indent=1, exclude_none=True)}\n".encode())
