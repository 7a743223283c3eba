"""The record of a case: what was examined, by what, with what result, so that it can be done again and compared."""

import hashlib
import json
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import AwareDatetime, BaseModel

from ganprint.attributor import REAL
from ganprint.errors import OutputExistsError, UsageError
from ganprint.forensics.bench import Bench
from ganprint.forensics.decision import INCONCLUSIVE, UNKNOWN
from ganprint.forensics.verdict import WRITTEN, Verdict, how_to_read
from ganprint.images import printable
from ganprint.weights import Card, VerdictRates, utc_now
from ganprint.weights.provenance import hardware, versions

MAX_RECORD_BYTES = 1 << 30


class WeightsFacts(BaseModel):
    """The weights that answered, and what is known of how often they err."""

    model_config = WRITTEN

    method: str
    weights: str
    weights_sha256: str | None
    plugin: str
    sources: list[str]
    calibration: str
    rates: list[VerdictRates] = []
    enrolled: dict[str, str] = {}


class Examined(BaseModel):
    """One image: its verdict, the SHA-256 of its file when all was answered, and why a person must look at it."""

    model_config = WRITTEN

    verdict: Verdict
    sha256_after: str | None = None
    review: list[str] = []


class CaseRecord(BaseModel):
    """What `attribute --report` writes and `verify` reads; field names are stable.

    Paths are as they were named, relative ones to `folder`. `date` is when the images had been answered, in UTC.
    """

    model_config = WRITTEN

    schema_version: Literal[1] = 1
    date: AwareDatetime
    command: str
    folder: str
    versions: dict[str, str]
    system: str
    hardware: str
    device: str
    weights: list[WeightsFacts]
    fusion_sha256: str | None = None
    stability: bool = False
    enrolled: bool = True
    images: list[Examined]


def make_record(
    bench: Bench,
    verdicts: Sequence[Verdict],
    command: str,
    *,
    device: str = "cpu",
    enrolled: bool = True,
) -> CaseRecord:
    """Return the record of verdicts that a bench has given; each file is read again for its hash."""
    return CaseRecord(
        date=utc_now(),
        command=_text(command),
        folder=_text(str(Path.cwd())),
        versions=versions(),
        system=platform.platform(),
        hardware=hardware(device),
        device=device,
        weights=[
            _facts(judge.card, {each.name: each.sha256 for each in judge.galleries}) for judge in bench.judges
        ],
        fusion_sha256=bench.fusion[2] if bench.fusion else None,
        stability=bench.stability,
        enrolled=enrolled,
        images=[_examined(verdict) for verdict in verdicts],
    )


def _facts(card: Card, enrolled: dict[str, str]) -> WeightsFacts:
    return WeightsFacts(
        method=card.method,
        weights=card.name,
        weights_sha256=card.sha256,
        plugin=f"{card.plugin.distribution} {card.plugin.version}",
        sources=list(card.sources),
        calibration=how_to_read(card),
        rates=card.judgement.rates if card.judgement else [],
        enrolled=enrolled,
    )


def _examined(verdict: Verdict) -> Examined:
    after = file_sha256(Path(verdict.path)) if verdict.sha256 and verdict.path != "-" else None
    return Examined(verdict=verdict, sha256_after=after, review=why_review(verdict, after))


def file_sha256(path: Path) -> str | None:
    """Return the SHA-256 of a file in hex, None where it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except (OSError, ValueError):
        return None


def why_review(verdict: Verdict, after: str | None) -> list[str]:
    """Return why a person must look at an image before anyone relies on the answer, none where nothing calls for it."""
    if verdict.error is not None:
        return ["It could not be examined."]
    reasons = []
    if verdict.verdict == INCONCLUSIVE:
        reasons.append("The verdict is inconclusive.")
    if verdict.verdict == UNKNOWN:
        reasons.append("It is called synthetic, by a source that cannot be named.")
    if any(not change.holds for change in verdict.stability):
        reasons.append("The verdict changes under benign changes of the image.")
    if verdict.agreement is not None and verdict.agreement.real and verdict.agreement.synthetic:
        reasons.append("The methods do not agree.")
    if verdict.views is not None and verdict.views.agreeing < verdict.views.count:
        reasons.append("Parts of the image point to different sources.")
    if verdict.metadata is not None and verdict.metadata.signs and verdict.verdict == REAL:
        reasons.append("Its metadata name a generator, its pixels were called real.")
    if verdict.warnings:
        reasons.append("There are warnings.")
    if after is not None and after != verdict.sha256:
        reasons.append("The file changed while it was examined.")
    return reasons


def json_schema(of: Literal["verdict", "case"]) -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of what is written: a verdict's line, or the record of a case."""
    model: type[BaseModel] = Verdict if of == "verdict" else CaseRecord
    found = model.model_json_schema(mode="serialization")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **found}


def save_record(record: CaseRecord, path: Path, *, force: bool = False) -> None:
    """Write a record as JSON, whole or not at all; raise OutputExistsError unless `force` where it is there."""
    if path.exists() and not force:
        raise OutputExistsError(f"{path} is there already.", "Give --force to overwrite it.")
    content = json.dumps(record.model_dump(mode="json"), ensure_ascii=False, indent=1)
    write_whole(path, content.encode("utf-8", "backslashreplace"))


def write_whole(path: Path, content: bytes) -> None:
    """Write a file, whole or not at all; raise UsageError where that is not possible."""
    partial = path.with_name(f".{path.name}.partial")
    try:
        partial.write_bytes(content)
        partial.replace(path)
    except OSError as cause:
        partial.unlink(missing_ok=True)
        raise UsageError(
            f"{printable(str(path))} cannot be written: {cause.strerror}.", "Name another file, or make room."
        ) from cause


def read_record(path: Path) -> CaseRecord:
    """Read a record; raise UsageError where there is none, or it is damaged or of another kind."""
    shown = printable(str(path))
    try:
        if path.stat().st_size > MAX_RECORD_BYTES:
            raise UsageError(f"{shown} is too large to be a record.", "Name the JSON that --report wrote.")
        # Not by pydantic's own reader, which refuses bytes of a file name that are no text.
        return CaseRecord.model_validate(json.loads(path.read_bytes()))
    except OSError as cause:
        raise UsageError(
            f"{shown} cannot be read: {cause.strerror}.", "Name the JSON that --report wrote."
        ) from cause
    except (ValueError, RecursionError) as cause:
        raise UsageError(f"{shown} is no record of a case.", "Name the JSON that --report wrote.") from cause


def _text(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode()
