"""The record of a case: images, weights, versions and results, so that it can be repeated and compared."""

import hashlib
import json
import math
import platform
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, Field

from ganprint.calibration.decision import INCONCLUSIVE, UNKNOWN
from ganprint.errors import UsageError, check_choice
from ganprint.files import open_file, read_file, refuse_existing, write_output
from ganprint.forensics.conclusion import MOST_AGREE
from ganprint.forensics.ensemble import Ensemble
from ganprint.forensics.verdict import Verdict, Written
from ganprint.forensics.wording import how_to_read
from ganprint.plain_text import printable, to_json
from ganprint.remote import join_location, location, seen_from
from ganprint.weights import VerdictRates, utc_now
from ganprint.weights.environment import hardware, versions
from ganprint.weights.records import without_folders

MAX_RECORD_BYTES = 64 << 20
ABSENT = object()
"""What stands for a field that JSON does not have."""


class WeightsFacts(Written):
    """The weights that answered, and what is known of how often they err."""

    method: str
    weights: str
    weights_sha256: str | None
    plugin: str
    sources: list[str]
    calibration: str
    rates: list[VerdictRates] = Field([])
    enrolled: dict[str, str] = Field({})


class Examined(Written):
    """One image: its verdict, the SHA-256 of its file when all was answered, and why a person must look at it."""

    verdict: Verdict
    sha256_after: str | None = None
    review: list[str] = Field([])


class CaseRecord(Written):
    """What `attribute --report` writes and `verify` reads; field names are stable.

    Paths are relative to `folder`, and that to the record's own: a record says nothing of where a machine keeps its
    files, and in `command` absolute paths are their last parts. `date` is when the images had been answered, in UTC.
    """

    schema_version: Literal[1] = 1
    date: AwareDatetime
    command: str
    folder: str
    versions: dict[str, str]
    system: str
    hardware: str
    device: str
    weights: Annotated[list[WeightsFacts], Field(min_length=1)]
    fusion_sha256: str | None = None
    stability: bool = False
    max_pixels: int | None = None
    images: Annotated[list[Examined], Field(min_length=1)]


def make_record(
    ensemble: Ensemble,
    verdicts: Sequence[Verdict],
    command: str,
    *,
    device: str = "cpu",
    max_pixels: int | None = None,
    folder: Path = Path(),
) -> CaseRecord:
    """Return the record of an ensemble's verdicts, for a folder; each file is hashed again."""
    return CaseRecord(
        date=utc_now(),
        command=without_folders(command).encode("utf-8", "backslashreplace").decode(),
        folder=".",
        versions=versions(),
        system=platform.platform(),
        hardware=hardware(device),
        device=device,
        weights=weights_facts(ensemble),
        fusion_sha256=ensemble.fusion[2] if ensemble.fusion else None,
        stability=ensemble.stability,
        max_pixels=max_pixels,
        images=[_from(folder, examined(verdict, Path())) for verdict in verdicts],
    )


def _from(folder: Path, image: Examined) -> Examined:
    """Return what was examined with its path as seen from a folder, in the message of an error, too."""
    verdict = image.verdict
    if verdict.path == "-":
        return image
    path = seen_from(folder, location(verdict.path))
    update: dict[str, object] = {"path": path}
    if verdict.error is not None:
        # As a word, once: a file may be called `image`, as may be what it is not.
        named = rf"(?<!\w){re.escape(printable(verdict.path))}(?!\w)"
        message = re.sub(named, lambda _: printable(path), verdict.error.message, count=1)
        update["error"] = verdict.error.model_copy(update={"message": message})
    return image.model_copy(update={"verdict": verdict.model_copy(update=update)})


def weights_facts(ensemble: Ensemble) -> list[WeightsFacts]:
    """Return what a record says of each predictor's weights."""
    return [
        WeightsFacts(
            method=predictor.card.method,
            weights=predictor.card.name,
            weights_sha256=predictor.card.sha256,
            plugin=f"{predictor.card.plugin.distribution} {predictor.card.plugin.version}",
            sources=list(predictor.card.sources),
            calibration=how_to_read(predictor.card),
            rates=predictor.card.judgement.rates if predictor.card.judgement else [],
            enrolled={each.name: each.sha256 for each in predictor.galleries},
        )
        for predictor in ensemble.predictors
    ]


def examined(verdict: Verdict, folder: Path) -> Examined:
    """Return a verdict with the hash that its file, named relative to a folder, has now, and why to review it."""
    after = file_sha256(join_location(folder, verdict.path)) if verdict.path != "-" else None
    return Examined(verdict=verdict, sha256_after=after, review=why_review(verdict, after))


def file_sha256(path: Path | str) -> str | None:
    """Return the SHA-256 of a file in hex, None where it cannot be read."""
    try:
        with open_file(path) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except (OSError, ValueError):
        return None


def why_review(verdict: Verdict, after: str | None) -> list[str]:
    """Return why a person must look at an image before anyone relies on the answer, none where nothing calls for it."""
    if verdict.error is not None:
        return ["It could not be examined."]
    agreement, views, metadata = verdict.agreement, verdict.views, verdict.metadata
    conflict = agreement and ((agreement.real and agreement.synthetic) or len(agreement.sources) > 1)
    stated = metadata and metadata.signs and not verdict.is_synthetic
    reasons = {
        "The verdict is inconclusive.": verdict.verdict == INCONCLUSIVE,
        "It is called synthetic, by a source that cannot be named.": verdict.verdict == UNKNOWN,
        "The verdict changes under benign changes of the image.": not all(each.holds for each in verdict.stability),
        "The methods do not agree.": conflict,
        "Parts of the image point to different sources.": views and views.agreeing < MOST_AGREE * views.count,
        "Its metadata name a generator, its pixels were not called synthetic.": stated,
        "There are warnings.": verdict.warnings,
        "The file changed while it was examined.": after is not None and after != verdict.sha256,
    }
    return [reason for reason, holds in reasons.items() if holds]


def schema(of: Literal["verdict", "case"] = "verdict") -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of what is written: a verdict's line, or the record of a case."""
    check_choice("of", of, Literal["verdict", "case"])
    model: type[BaseModel] = Verdict if of == "verdict" else CaseRecord
    found = model.model_json_schema(mode="serialization")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **found}


def save_record(record: CaseRecord, path: Path, *, force: bool = False) -> None:
    """Write a record as JSON, whole or not at all; raise OutputExistsError unless `force` where it is there."""
    refuse_existing(path, force=force)
    write_output(path, to_json(record.model_dump(mode="json"), indent=1).encode())


def read_record(path: Path) -> CaseRecord:
    """Read a record; raise UsageError where there is none, it is damaged, of another kind, or says more than one can.

    What is in the file has to be what a record of it would hold again: a field that no record has, one that is given
    twice, a number that is not finite, or text in the place of a number is refused.
    """
    shown = printable(str(path))
    try:
        # Not by pydantic's own reader, which refuses bytes of a file name that are no text.
        given = json.loads(
            read_file(path, limit=MAX_RECORD_BYTES), object_pairs_hook=_no_key_twice, parse_constant=_not_finite
        )
        record = CaseRecord.model_validate(given)
        for place, one, written in leaves(given, record.model_dump(mode="json")):
            differ = type(one) is not type(written) or one != written or one in (math.inf, -math.inf)
            if differ and one is not ABSENT:
                raise ForgedRecordError(f"{printable(place or 'it')} is not as ganprint writes it")
        return record
    except ForgedRecordError as cause:
        raise UsageError(f"{shown} is not a case record: {cause}.", "Do not trust its content.") from cause
    except FileNotFoundError as cause:
        raise UsageError(f"There is no file {shown}.", "Name the JSON that --report wrote.") from cause
    except OSError as cause:
        raise UsageError(f"{shown} cannot be read: {cause.strerror}.", "Name the JSON that --report wrote.") from cause
    except (ValueError, RecursionError) as cause:
        raise UsageError(f"{shown} is not a case record.", "Name the JSON that --report wrote.") from cause


class ForgedRecordError(ValueError):
    """A record holds what none can; the message is a clause."""


def _no_key_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ForgedRecordError("a field is given twice")
    return found


def _not_finite(text: str) -> float:
    raise ForgedRecordError(f"it has the number {text}")


def leaves(one: Any, other: Any, where: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Yield each place of two trees of JSON where one of them ends, as in `a.b[0]`, and what each has there, if any."""
    if isinstance(one, dict) and isinstance(other, dict):
        for name in dict.fromkeys([*one, *other]):
            place = f"{where}.{name}" if where else name
            yield from leaves(one.get(name, ABSENT), other.get(name, ABSENT), place)
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for number, pair in enumerate(zip(one, other, strict=True)):
            yield from leaves(*pair, f"{where}[{number}]")
    else:
        yield where, one, other
