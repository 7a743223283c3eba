"""The verdict on one image: what is answered, how sure, by what, and what to beware of."""

from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict

from ganprint.attributor import REAL, View
from ganprint.errors import GanprintError
from ganprint.forensics.answer import Answer
from ganprint.forensics.calibration import temper
from ganprint.images import ImageFile
from ganprint.weights import Card

UNCALIBRATED = "The probabilities are not calibrated: read them as an order of sources, not as odds."


class Failure(BaseModel):
    """Why there is no verdict: a stable code and a sentence."""

    model_config = ConfigDict(frozen=True)

    code: str
    message: str


class Verdict(BaseModel):
    """The answer for one image: a line of `attribute --json`; field names are stable.

    `verdict` is `real` or the name of a source, whichever has the largest probability, None where there is
    an `error`; `source` is the synthetic source, None for a real image. Probabilities are in [0, 1], means
    over the views, calibrated where the card says how; `spread` is their standard deviation over the views before
    that; `synthetic_probability` is one minus real's.
    """

    model_config = ConfigDict(frozen=True)

    schema_version: Literal[1] = 1
    path: str
    sha256: str | None = None
    width: int | None = None
    height: int | None = None
    format: str | None = None
    verdict: str | None = None
    source: str | None = None
    synthetic_probability: float | None = None
    probabilities: dict[str, float] = {}
    runner_up: str | None = None
    method: str
    weights: str
    weights_sha256: str | None
    warnings: list[str] = []
    error: Failure | None = None
    spread: dict[str, float] = {}


def judge(image: ImageFile, answer: Answer, card: Card) -> Verdict:
    """Turn a method's answer into a verdict, with every reason to doubt it among the warnings."""
    probabilities = answer.probabilities
    if card.calibration is not None:
        probabilities = temper(probabilities, card.calibration.temperature)
    order = np.argsort(-probabilities, kind="stable")
    uncalibrated = [UNCALIBRATED] if card.calibration is None else []
    names = card.sources
    verdict = names[order[0]]
    return Verdict(
        path=image.name,
        sha256=image.sha256,
        width=image.width,
        height=image.height,
        format=image.format,
        verdict=verdict,
        source=None if verdict == REAL else verdict,
        synthetic_probability=round(float(1 - probabilities[0]), 6),
        probabilities={name: round(float(p), 6) for name, p in zip(names, probabilities, strict=True)},
        runner_up=names[order[1]],
        warnings=[*_doubts(image, answer, probabilities, card), *image.notes, *uncalibrated],
        spread={name: round(float(s), 6) for name, s in zip(names, answer.spread, strict=True)},
        **_weights(card),
    )


def how_to_read(card: Card) -> str:
    """Return what may be made of the probabilities of these weights."""
    record = card.calibration
    if record is None:
        return UNCALIBRATED
    error = record.after["calibration_error"]
    return (
        f"The probabilities are calibrated on {record.images} images of {record.data} ({record.split}; policies "
        f"{', '.join(record.policies)}): there the largest differs by {error:.3f} on average from the share that is "
        "right. On images of other kinds it may differ by more."
    )


def failed(path: str, error: GanprintError, card: Card) -> Verdict:
    """Return the record of an image that could not be judged."""
    return Verdict(path=path, error=Failure(code=error.code, message=error.message), **_weights(card))


def _weights(card: Card) -> dict[str, Any]:
    return {"method": card.method, "weights": card.name, "weights_sha256": card.sha256}


def _doubts(image: ImageFile, answer: Answer, probabilities: np.ndarray, card: Card) -> list[str]:
    view: View = card.view
    doubts = []
    side = min(image.width, image.height)
    done, least = (
        ("enlarged", view.square) if view.kind == "resize" else ("continued by reflection", view.size)
    )
    if side < least:
        doubts.append(
            f"The image is too small: {image.width} x {image.height} px was {done} to the {least} px "
            "that these weights look at."
        )
    if view.kind == "resize" and side >= 2 * view.square:
        doubts.append(
            f"The image was reduced from {side} to {view.square} px, which removes most of a generator's traces; "
            "weights with the native view look at its own pixels."
        )
    if probabilities.argmax() == 0 and probabilities[0] < 0.5:
        doubts.append(
            "Real is the likeliest single answer, but the synthetic sources together are likelier than it."
        )
    agreeing = int((answer.views == int(answer.probabilities.argmax())).sum())
    if agreeing < len(answer.views):
        doubts.append(f"The crops disagree: {agreeing} of {len(answer.views)} point to the verdict.")
    return doubts
