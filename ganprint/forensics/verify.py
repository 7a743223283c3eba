"""A case examined again, and compared with its record."""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from ganprint.errors import GanprintError, ImageError, WeightsError
from ganprint.forensics.bench import Bench
from ganprint.forensics.fusion import find_fusion
from ganprint.forensics.judges import load_judge
from ganprint.forensics.record import CaseRecord, WeightsFacts
from ganprint.forensics.stream import stream_verdicts
from ganprint.forensics.verdict import Verdict
from ganprint.images import ImageFile, printable, read_image
from ganprint.images.limits import DEFAULT_MAX_PIXELS
from ganprint.weights import list_weights

TOLERANCE = 0.002
"""How far numbers may differ: other processors and versions round otherwise, by far less."""

Outcome = Literal["same", "differs", "file changed", "file missing", "not repeatable"]


class Comparison(BaseModel):
    """What became of one image when it was examined again: `details` say in what it differs, or why it could not be."""

    model_config = ConfigDict(frozen=True)

    path: str
    outcome: Outcome
    details: list[str] = []


def load_recorded(record: CaseRecord, *, device: str | None = None) -> Bench:
    """Load the weights that a case was examined with, told by their hashes.

    Raises WeightsError where they are not installed, or other sources are enrolled for them now.
    """
    judges = []
    for facts in record.weights:
        judge = load_judge(_find(facts), device=device or record.device, enrolled=record.enrolled)
        enrolled = {gallery.name: gallery.sha256 for gallery in judge.galleries}
        if enrolled != facts.enrolled:
            raise WeightsError(
                f"Other sources are enrolled for {facts.weights} now than when the case was examined.",
                f"Then: {', '.join(map(printable, facts.enrolled)) or 'none'}; "
                f"now: {', '.join(map(printable, enrolled)) or 'none'}.",
            )
        judges.append(judge)
    fusion = find_fusion([judge.card for judge in judges]) if len(judges) > 1 else None
    if (fusion[2] if fusion else None) != record.fusion_sha256:
        raise WeightsError(
            "Methods are fused otherwise now than when the case was examined.",
            "Restore the fusion.json of that time; the record has its SHA-256.",
        )
    return Bench(judges, fusion, record.stability)


def _find(facts: WeightsFacts) -> Path:
    for entry in list_weights():
        if entry.card and entry.card.sha256 == facts.weights_sha256:
            return entry.path
    raise WeightsError(
        f"The weights {printable(facts.weights)} ({(facts.weights_sha256 or '')[:12]}) are not installed.",
        "Name their folder in GANPRINT_WEIGHTS.",
    )


def verify_record(record: CaseRecord, bench: Bench) -> Iterator[Comparison]:
    """Examine the images of a record again, in order, and yield how each compares."""
    verdicts = stream_verdicts(_images(record), bench)
    for examined, again in zip(record.images, verdicts, strict=True):
        yield _compare(examined.verdict, again)


def _images(record: CaseRecord) -> Iterator[tuple[str, ImageFile | GanprintError]]:
    for examined in record.images:
        name = examined.verdict.path
        try:
            path = Path(record.folder, name)
            yield name, read_image(path, name=name, max_pixels=DEFAULT_MAX_PIXELS, metadata=True)
        except ImageError as error:
            yield name, error


def _compare(then: Verdict, now: Verdict) -> Comparison:
    if then.path == "-":
        return Comparison(path="-", outcome="not repeatable", details=["It was read from standard input."])
    if now.error is not None:
        if then.error is not None and then.error.code == now.error.code:
            return Comparison(path=then.path, outcome="same")
        missing = now.error.code == "not_found"
        outcome: Outcome = "file missing" if missing else "differs"
        return Comparison(path=then.path, outcome=outcome, details=[now.error.message])
    if now.sha256 != then.sha256:
        if then.error is not None:
            return Comparison(
                path=then.path, outcome="differs", details=["It could not be read then, and can now."]
            )
        return Comparison(
            path=then.path, outcome="file changed", details=[f"SHA-256 {then.sha256} then, {now.sha256} now."]
        )
    details = list(_differences(then, now))
    return Comparison(path=then.path, outcome="differs" if details else "same", details=details)


def _differences(then: Verdict, now: Verdict) -> Iterator[str]:
    for name in ("verdict", "source", "format", "width", "height"):
        before, after = getattr(then, name), getattr(now, name)
        if before != after:
            yield f"{name}: {before} then, {after} now"
    for name, before, after in _numbers(then, now):
        if (before is None) != (after is None) or abs((before or 0.0) - (after or 0.0)) > TOLERANCE:
            yield f"{name}: {before} then, {after} now"
    before_changes = {change.change: change.verdict for change in then.stability}
    after_changes = {change.change: change.verdict for change in now.stability}
    if before_changes != after_changes:
        yield f"under changes: {before_changes} then, {after_changes} now"


def _numbers(then: Verdict, now: Verdict) -> Iterator[tuple[str, float | None, float | None]]:
    yield "synthetic_probability", then.synthetic_probability, now.synthetic_probability
    yield "known_score", then.known_score, now.known_score
    for name in sorted({*then.probabilities, *now.probabilities}):
        yield f"probability of {name}", then.probabilities.get(name), now.probabilities.get(name)
    for name in sorted({*then.enrolled, *now.enrolled}):
        yield f"nearness to {printable(name)}", then.enrolled.get(name), now.enrolled.get(name)
