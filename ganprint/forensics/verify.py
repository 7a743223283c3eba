"""Examine a case again and compare with its record."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel

from ganprint.calibration.fusion import find_fusion
from ganprint.devices import find_device
from ganprint.errors import GanprintError, ImageError, ImageUnreadableError, WeightsError
from ganprint.forensics.ensemble import Ensemble
from ganprint.forensics.predictors import load_predictor
from ganprint.forensics.record import (
    ABSENT,
    CaseRecord,
    Examined,
    WeightsFacts,
    examined,
    file_sha256,
    leaves,
    weights_facts,
)
from ganprint.forensics.verdict_stream import stream_verdicts
from ganprint.images import ImageFile
from ganprint.images.limits import DEFAULT_MAX_PIXELS
from ganprint.plain_text import printable
from ganprint.provenance.stated import read_stated
from ganprint.remote import is_elsewhere, join_location
from ganprint.weights import list_weights

TOLERANCE = 0.002
"""How far numbers may differ: other processors and versions round otherwise, by far less."""
_NUMBERS_IN_TEXT = ("reason",)
"""Texts that have such numbers in them."""
_NUMBER = re.compile(r"(\d+)(\.\d+)?(%?)")


Outcome = Literal["same", "differs", "file changed", "file missing", "not repeatable"]


class Comparison(BaseModel, frozen=True):
    """What became of one image when it was examined again: `details` say in what it differs, or why it could not be."""

    path: str
    outcome: Outcome
    details: list[str] = []


def load_recorded(record: CaseRecord, *, device: str | None = None) -> Ensemble:
    """Load the weights that a case was examined with, found by their hashes.

    Raises WeightsError where they are not installed, or sources that had a part are not enrolled as they were.
    """
    folders = [_find(facts) for facts in record.weights]
    device = find_device(device or record.device)
    predictors = []
    for facts, folder in zip(record.weights, folders, strict=True):
        predictor = load_predictor(folder, device=device, enrolled=bool(facts.enrolled))
        # Those that were enrolled since had no part in the case.
        then = [gallery for gallery in predictor.galleries if gallery.name in facts.enrolled]
        if {gallery.name: gallery.sha256 for gallery in then} != facts.enrolled:
            raise WeightsError(
                f"The sources {', '.join(map(printable, facts.enrolled))} are not all enrolled as they were when the "
                "case was examined.",
                f"Enrol the same images again for {facts.weights}.",
            )
        predictors.append(replace(predictor, galleries=then))
    # One that was learned since had no part in the case.
    fusion = find_fusion([predictor.card for predictor in predictors]) if record.fusion_sha256 else None
    if (fusion[2] if fusion else None) != record.fusion_sha256:
        raise WeightsError(
            "The fusion of methods has changed since the case was examined.",
            "Restore the fusion.json of that time; the record has its SHA-256.",
        )
    return Ensemble(predictors, fusion, record.stability)


def _find(facts: WeightsFacts) -> Path:
    fitting = [entry for entry in list_weights() if entry.card and entry.card.sha256 == facts.weights_sha256]
    for entry in sorted(fitting, key=lambda entry: entry.name != facts.weights):
        return entry.path
    raise WeightsError(
        f"The weights {printable(facts.weights)} ({(facts.weights_sha256 or '')[:12]}) are not installed.",
        "Name their folder in GANPRINT_WEIGHTS.",
    )


def changed_facts(record: CaseRecord, ensemble: Ensemble) -> list[str]:
    """Return what a record says of the weights that is not so any more, or never was."""
    then = [facts.model_dump(mode="json") for facts in record.weights]
    now = [facts.model_dump(mode="json") for facts in weights_facts(ensemble)]
    return list(_differences("weights", then, now, tolerance=0.0))


def unlike_report(record: Path) -> list[str]:
    """Return a sentence if the HTML report beside a record names another record than this by its SHA-256."""
    page, digest = record.with_suffix(".html"), file_sha256(record)
    if digest is None or not page.is_file() or digest in page.read_text("utf-8", "replace"):
        return []
    return [f"{page.name} was not written with this {record.name}: one of them was changed or replaced."]


def verify_record(record: CaseRecord, ensemble: Ensemble, kept_in: Path = Path()) -> Iterator[Comparison]:
    """Examine the images of a record, kept in a folder, again, in order, and yield how each compares."""
    folder = kept_in / record.folder
    for then, again in zip(record.images, stream_verdicts(_images(record, folder), ensemble), strict=True):
        path = then.verdict.path
        if path == "-" or is_elsewhere(path):
            where = "It was read from standard input." if path == "-" else "It was read from another machine."
            yield Comparison(path=path, outcome="not repeatable", details=[where])
        else:
            yield _compare(then, examined(again, folder))


def _images(record: CaseRecord, folder: Path) -> Iterator[tuple[str, ImageFile | GanprintError]]:
    limit = record.max_pixels or DEFAULT_MAX_PIXELS
    for image in record.images:
        name = image.verdict.path
        try:
            if is_elsewhere(name):
                # A record comes from anyone, and asks no machine to be told that somebody reads it.
                raise ImageUnreadableError(f"{printable(name)} is on another machine.")
            path = join_location(folder, name)
            yield name, read_stated(path, name=name, max_pixels=limit, metadata=True)
        except ImageError as error:
            yield name, error


def _compare(then: Examined, now: Examined) -> Comparison:
    path, before, after = then.verdict.path, then.verdict, now.verdict
    if after.error is not None and after.error.code == "not_found" and before.error != after.error:
        return Comparison(path=path, outcome="file missing", details=[after.error.message])
    if now.sha256_after != (before.sha256 or then.sha256_after):
        details = [f"SHA-256 {before.sha256 or then.sha256_after} then, {now.sha256_after} now."]
        return Comparison(path=path, outcome="file changed", details=details)
    details = list(_differences("", then.model_dump(mode="json"), now.model_dump(mode="json")))
    return Comparison(path=path, outcome="differs" if details else "same", details=details)


def _differences(where: str, then: Any, now: Any, tolerance: float = TOLERANCE) -> Iterator[str]:
    """Yield each place where two trees of JSON differ, numbers by more than `tolerance` of the larger, or of 1."""
    for place, *pair in leaves(then, now, where):
        before, after = (None if value is ABSENT else value for value in pair)
        if isinstance(before, float) and isinstance(after, float | int):
            # Written so that NaN, too, is a difference.
            same = abs(before - after) <= tolerance * max(1.0, abs(before), abs(after))
        elif isinstance(before, str) and isinstance(after, str) and place.endswith(_NUMBERS_IN_TEXT):
            same = _say_the_same(before, after)
        else:
            same = before == after
        if not same:
            yield f"{place}: {before!r} then, {after!r} now"


def _say_the_same(then: str, now: str) -> bool:
    """Return whether two sentences differ in their numbers only, and those by TOLERANCE and their rounding at most.

    Counts, which have no decimals, must be equal.
    """
    if _NUMBER.sub("0", then) != _NUMBER.sub("0", now):
        return False
    for one, other in zip(_NUMBER.finditer(then), _NUMBER.finditer(now), strict=True):
        decimals, unit = one[2] or "", 100 if one[3] else 1
        if decimals.count("") != (other[2] or "").count("") or one[3] != other[3]:
            return False
        last_place = 10.0 ** -max(len(decimals) - 1, 0)
        allowed = TOLERANCE * unit + last_place if decimals or one[3] else 0.0
        if abs(float(one[1] + decimals) - float(other[1] + (other[2] or ""))) > allowed * 1.000001:
            return False
    return True
