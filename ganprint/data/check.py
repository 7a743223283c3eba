"""Check a manifest's images for missing, broken, duplicate and leaked files, and for format biases."""

import hashlib
import multiprocessing
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing
from typing import Literal, NamedTuple

import numpy as np
from pydantic import BaseModel, Field

from ganprint.data.bias import WARNED_FROM, Bias, find_bias
from ganprint.data.manifest import Manifest
from ganprint.errors import ImageError, WorkerDiedError, check_count
from ganprint.images.formats import open_image
from ganprint.images.parts import Parts
from ganprint.images.quiet import quiet_decoders
from ganprint.images.read import read_parts
from ganprint.provenance.jpeg import nearest_quality

EXAMPLES = 100
"""How many duplicates are listed; the counts cover all."""

IMBALANCE_FROM = 3.0
"""Ratio of the most to the least frequent source from which imbalance is warned of."""


class FileFacts(NamedTuple):
    """What one file is; `error` is its stable code and empty where it could be read.

    `content` and `pixels` are SHA-256 digests, of the bytes and of the decoded pixels with their shape.
    `quality` estimates the JPEG quality 1 to 100, and is 0 for other formats.
    """

    error: str = ""
    message: str = ""
    content: bytes = bytes(32)
    pixels: bytes = bytes(32)
    format: str = ""
    quality: int = 0
    width: int = 0
    height: int = 0


class FileProblem(BaseModel, frozen=True):
    """A file that cannot be used, and why."""

    path: str
    source: str
    code: str
    message: str


class Duplicate(BaseModel, frozen=True):
    """Files that hold the same image; `kind` says whether their bytes or only their pixels are equal."""

    kind: Literal["bytes", "pixels"]
    paths: list[str]
    sources: list[str]
    splits: list[str]


class GroupLeak(BaseModel, frozen=True):
    """A group that has images in several splits, with their number in each."""

    group: str
    images: dict[str, int]


class Count(BaseModel, frozen=True):
    """How many images a source has of a semantic class in a split."""

    source: str
    semantic: str
    split: str
    images: int


class CheckReport(BaseModel, frozen=True):
    """What `check` found. `usable` is false when a file is missing or unreadable."""

    manifest: str
    sha256: str = Field(description="of the rows, as Manifest.sha256")
    images: int = Field(description="rows of the manifest")
    checked: int = Field(description="files opened")
    usable: bool
    missing: list[FileProblem]
    unreadable: list[FileProblem]
    duplicate_images: int = Field(description="files that repeat another one, by bytes or by pixels")
    duplicates_across_splits: int = Field(description="images that stand in more than one split")
    duplicates_across_sources: int = Field(description="images that stand under more than one source")
    duplicates: list[Duplicate] = Field(description=f"at most {EXAMPLES}, those across splits or sources first")
    group_leaks: list[GroupLeak]
    labels_without_images: list[int]
    counts: list[Count]
    biases: list[Bias]
    warnings: list[str]


def check(
    manifest: Manifest,
    *,
    limit: int | None = None,
    workers: int = 0,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> CheckReport:
    """Open the images of a manifest, or `limit` of them spread over the sources, and compare them.

    Files are opened in `workers` processes, 0 being this one; `progress` is called with how many are done
    and how many there are. Counts, group leaks and empty labels cover every row, the rest what was opened.
    """
    check_count("workers", workers, least=0)
    opened = manifest if limit is None else manifest.select(limit=limit, seed=seed)
    facts: list[FileFacts] = []
    for fact in _inspect(opened, workers):
        facts.append(fact)
        if progress:
            progress(len(facts), len(opened))
    sources = opened.column("source").tolist()
    problems = [
        FileProblem(path=str(opened.path(row)), source=sources[row], code=fact.error, message=fact.message)
        for row, fact in enumerate(facts)
        if fact.error
    ]
    missing = [problem for problem in problems if problem.code == "not_found"]
    unreadable = [problem for problem in problems if problem.code != "not_found"]
    readable = np.flatnonzero([not fact.error for fact in facts])
    good = opened.take(readable)
    good_facts = [facts[row] for row in readable.tolist()]
    duplicates = _find_duplicates(good, good_facts)
    report = CheckReport(
        manifest=manifest.name,
        sha256=manifest.sha256,
        images=len(manifest),
        checked=len(opened),
        usable=not problems,
        missing=missing,
        unreadable=unreadable,
        duplicate_images=sum(len(duplicate.paths) - 1 for duplicate in duplicates),
        duplicates_across_splits=sum(len({*duplicate.splits} - {""}) > 1 for duplicate in duplicates),
        duplicates_across_sources=sum(len(duplicate.sources) > 1 for duplicate in duplicates),
        duplicates=duplicates[:EXAMPLES],
        group_leaks=_find_group_leaks(manifest),
        labels_without_images=list(manifest.empty_labels),
        counts=_count(manifest),
        biases=_find_biases(good, good_facts),
        warnings=[],
    )
    return report.model_copy(update={"warnings": list(_warn(report, manifest))})


def _inspect(manifest: Manifest, workers: int) -> Iterator[FileFacts]:
    paths = (str(manifest.path(row)) for row in range(len(manifest)))
    if not workers:
        yield from map(inspect_file, paths)
        return
    # Not forked: the caller may show progress from a thread, and a fork copies its locks as they stand.
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        try:
            yield from pool.map(inspect_file, paths, chunksize=32)
        except BrokenProcessPool as error:
            raise WorkerDiedError(
                hint="Use fewer --workers; from a script, call check under `if __name__ == '__main__':`."
            ) from error


def inspect_file(path: str) -> FileFacts:
    """Read a file as training would and return its facts, an error among them instead of raised."""
    try:
        image, _, parts = read_parts(path)
    except ImageError as error:
        return FileFacts(error=error.code, message=error.message)
    digest = hashlib.sha256(repr(image.pixels.shape).encode())
    digest.update(np.ascontiguousarray(image.pixels).data)
    return FileFacts(
        content=bytes.fromhex(image.sha256),
        pixels=digest.digest(),
        format=image.format,
        quality=_quality_of(parts) if image.format == "JPEG" else 0,
        width=image.width,
        height=image.height,
    )


def _quality_of(parts: Parts) -> int:
    with quiet_decoders(), closing(open_image(parts.payload, "JPEG")) as image:
        tables: dict[int, list[int]] = getattr(image, "quantization", {})
    return nearest_quality([np.array(tables[min(tables)]).reshape(8, 8)])[0] if tables else 0


def _find_duplicates(manifest: Manifest, facts: list[FileFacts]) -> list[Duplicate]:
    """Return one entry for each set of equal images: equal in bytes, or equal only in pixels."""
    sources, splits = manifest.column("source").tolist(), manifest.splits.tolist()
    by_pixels: dict[bytes, list[int]] = {}
    for row, fact in enumerate(facts):
        by_pixels.setdefault(fact.pixels, []).append(row)
    found = [
        Duplicate(
            kind="bytes" if len({facts[row].content for row in rows}) == 1 else "pixels",
            paths=[str(manifest.path(row)) for row in rows],
            sources=sorted({sources[row] for row in rows}),
            splits=sorted({splits[row] for row in rows}),
        )
        for rows in by_pixels.values()
        if len(rows) > 1
    ]
    return sorted(found, key=lambda duplicate: -max(len(duplicate.splits), len(duplicate.sources)))


def _find_group_leaks(manifest: Manifest) -> list[GroupLeak]:
    images: dict[str, dict[str, int]] = {}
    for (group, split), count in _tally(manifest, "group", "split").items():
        if group and split:
            images.setdefault(group, {})[split] = count
    return [GroupLeak(group=group, images=found) for group, found in sorted(images.items()) if len(found) > 1]


def _count(manifest: Manifest) -> list[Count]:
    tally = _tally(manifest, "source", "semantic", "split")
    return [
        Count(source=source, semantic=semantic, split=split, images=images)
        for (source, semantic, split), images in sorted(tally.items())
    ]


def _tally(manifest: Manifest, *columns: str) -> dict[tuple[str, ...], int]:
    coded = [manifest.codes(column) for column in columns]
    keys, counts = np.unique(np.stack([codes for codes, _ in coded]), axis=1, return_counts=True)
    return {
        tuple(names[code] for code, (_, names) in zip(key, coded, strict=True)): count
        for key, count in zip(keys.T.tolist(), counts.tolist(), strict=True)
    }


def _find_biases(manifest: Manifest, facts: list[FileFacts]) -> list[Bias]:
    sources, names = manifest.codes("source")
    every = np.arange(len(facts))
    jpeg = np.flatnonzero([fact.quality > 0 for fact in facts])
    # Steps of 5: a step of 1 or 2 is an encoder's rounding.
    qualities = [f"about {round(facts[row].quality / 5) * 5}" for row in jpeg.tolist()]
    properties = {
        "format": (every, np.array([fact.format for fact in facts], np.str_)),
        "size": (every, np.array([f"{fact.width}x{fact.height}" for fact in facts], np.str_)),
        "JPEG quality": (jpeg, np.array(qualities, np.str_)),
    }
    if "native_format" in manifest.columns:
        properties["native format"] = every, manifest.column("native_format")
    if {"native_width", "native_height"} <= set(manifest.columns):
        width, height = manifest.column("native_width"), manifest.column("native_height")
        properties["native size"] = every, np.char.add(np.char.add(width, "x"), height)
    found = (find_bias(name, sources[rows], names, values) for name, (rows, values) in properties.items())
    return [bias for bias in found if bias is not None]


def _warn(report: CheckReport, manifest: Manifest) -> Iterator[str]:
    if report.labels_without_images:
        yield f"No image has label {', '.join(map(str, report.labels_without_images))}."
    if report.duplicate_images:
        yield f"{report.duplicate_images} files repeat an image that another file holds."
    if report.duplicates_across_splits:
        yield f"Leakage: {report.duplicates_across_splits} images stand in more than one split."
    if report.duplicates_across_sources:
        yield f"{report.duplicates_across_sources} images stand under more than one source."
    if report.group_leaks:
        images = sum(sum(leak.images.values()) for leak in report.group_leaks)
        yield (
            f"{len(report.group_leaks)} groups ({images} images) have images in more than one split; results "
            "on such splits say nothing of other groups of the same source."
        )
    for bias in report.biases:
        if bias.association >= WARNED_FROM:
            yield bias.sentence
    counts = np.bincount(manifest.labels[manifest.labels >= 0], minlength=len(manifest.sources))
    present = np.flatnonzero(counts)
    if len(present) > 1 and counts[present].max() >= IMBALANCE_FROM * counts[present].min():
        most, least = present[counts[present].argmax()], present[counts[present].argmin()]
        yield (
            f"Sources are uneven: {manifest.sources[most]!r} has {counts[most]} images, "
            f"{manifest.sources[least]!r} {counts[least]}; train balanced and read balanced accuracy."
        )
