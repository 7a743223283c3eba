"""Compare weights under conditions: the workflow of `ganprint compare`."""

import hashlib
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from platformdirs import user_cache_path

from ganprint.api.candidates import chosen_candidates, named_candidate, renamed_sources
from ganprint.api.choices import Names, check_names, chosen_data, chosen_device, listed
from ganprint.api.chosen_conditions import (
    adversarial_asked,
    distinct_conditions,
    others_asked,
    parse_condition,
    robustness_asked,
)
from ganprint.api.outputs import check_folder
from ganprint.data import Manifest
from ganprint.errors import ImageError, UsageError
from ganprint.evaluation.entry import Entry
from ganprint.remote import last_part
from ganprint.weights import add_result

if TYPE_CHECKING:
    from ganprint.evaluation.plan import JobBatch
    from ganprint.evaluation.runner import Comparison

QUICK_IMAGES, QUICK_SEVERITIES = 120, (1, 3, 5)
"""Of the embedded benchmark, where robustness is not asked for in full: minutes on a CPU."""
QUICK_SENTENCE = (
    f"robustness on {QUICK_IMAGES} images of the embedded benchmark, at severities "
    f"{', '.join(map(str, QUICK_SEVERITIES))}; --full takes all images and all severities."
)


def compare(
    data: str | Path | None = None,
    *,
    progress: "Callable[[JobBatch, int], None]" = lambda batch, images: None,
    finished: "Callable[[JobBatch], None]" = lambda batch: None,
    warn: Callable[[ImageError], None] = lambda failure: None,
    **options: object,
) -> list[Entry]:
    """Measure weights under conditions and return the results, by weights and then condition.

    `options` are those of `prepare_comparison`. `progress` is told of each batch its batch of results and how many
    images it had, `finished` of each batch, `warn` of images that cannot be read. What is finished when it is
    interrupted is not computed again. Raises a GanprintError where something named is not there or does not fit.
    """
    comparison = prepare_comparison(data, **options)  # type: ignore[arg-type]
    entries = comparison.run(progress=progress, finished=finished, warn=warn)
    if options.get("record"):
        record_results(comparison, entries)
    return entries


def prepare_comparison(
    data: str | Path | None = None,
    *,
    weights: Names = (),
    method: str | None = None,
    conditions: str | Sequence[str] = (),
    robustness: bool = False,
    full: bool = False,
    open_set: bool = False,
    resharing: bool = False,
    adversarial: bool = False,
    split: str | None = None,
    corruptions: str | Sequence[str] = (),
    severities: Sequence[int] = (),
    attacks: str | Sequence[str] = (),
    epsilons: Sequence[int] = (),
    target: Literal["attribution", "detection"] = "attribution",
    steps: int | None = None,
    surrogate: str | None = None,
    out: str | Path | None = None,
    predictions: bool = False,
    renamed: str | Sequence[str] = (),
    images: str | None = None,
    engine: Literal["torch", "imagecorruptions"] = "torch",
    precision: Literal["fp32", "bf16"] = "fp32",
    seed: int = 0,
    limit: int | None = None,
    batch_size: int = 32,
    workers: int = 0,
    device: str = "auto",
    threads: int | None = None,
    force: bool = False,
    record: bool = False,
    command: str = "ganprint.compare",
    say: Callable[[str], None] = lambda sentence: None,
    making: Callable[[str], None] = lambda what: None,
) -> "Comparison":
    """Return a comparison that is ready to run, with the results that are there already.

    Arguments are the options of `ganprint compare`; names are a string, as on the command line, or several. Without
    `data` the images are the embedded benchmark's, and robustness is then measured on some of them unless `full` is
    given, which `say` is told; `making` gets what is made of the benchmark. Without `out` results are kept in the
    user's cache.
    """
    quick = robustness and data is None and not (full or limit or corruptions or severities)
    _check_kept(out, predictions=predictions, record=record, limit=limit, quick=quick)
    if quick:
        limit, severities = QUICK_IMAGES, QUICK_SEVERITIES
    weights, corruptions, attacks = listed(weights), listed(corruptions), listed(attacks)
    names = renamed_sources([renamed] if isinstance(renamed, str) else renamed)
    check_names(method, weights)

    def asked_on(on: str) -> list[tuple[str, str]]:
        return distinct_conditions(
            [
                *map(parse_condition, listed(conditions)),
                *robustness_asked(on, corruptions, severities, asked=robustness),
                *adversarial_asked(on, attacks, epsilons, target, steps, asked=adversarial),
                *others_asked(on, resharing=resharing, open_set=open_set),
            ],
            surrogate,
        )

    asked_on("")  # What is no condition is refused before data are made or read.
    device = chosen_device(device, threads)
    # What imports torch comes after what can be refused without it.
    from ganprint.evaluation.plan import Settings
    from ganprint.evaluation.runner import Comparison

    manifest = Manifest.open(chosen_data(data, progress=making), root=images, allow_gaps=True)
    asked = asked_on(split or manifest.test_split) or _usual_conditions(manifest, split)
    if quick:
        say(QUICK_SENTENCE)
    return Comparison(
        manifest,
        chosen_candidates(weights, method, manifest),
        asked,
        Settings(
            seed=seed,
            limit=limit,
            engine=engine,
            precision=precision,
            device=device,
            batch_size=batch_size,
            workers=workers,
            renamed=names,
            command=command,
        ),
        kept_results(manifest) if out is None else Path(out),
        predictions,
        force,
        named_candidate(surrogate) if surrogate else None,
    )


def _check_kept(out: str | Path | None, *, predictions: bool, record: bool, limit: int | None, quick: bool) -> None:
    """Refuse results that cannot be kept as was asked."""
    if predictions and out is None:
        raise UsageError("--predictions needs a folder of results.", "Name one with --out.")
    check_folder(None if out is None else Path(out))
    if record and (limit or quick):
        raise UsageError("--record needs whole splits.", "Leave --limit out." if limit else "Add --full.")


def _usual_conditions(manifest: Manifest, split: str | None) -> list[tuple[str, str]]:
    """Return the conditions where none is asked for: clean and perturbed, and clean on unseen semantic classes."""
    on = split or manifest.test_split
    unseen = [("test_unseen", "none")] if not split and "test_unseen" in manifest.split_names else []
    return [(on, "none"), (on, "test-seen"), *unseen]


def record_results(comparison: "Comparison", entries: Sequence[Entry]) -> None:
    """Write results into the cards of their weights, but those of attacks through others' gradients."""
    folders = {candidate.name: candidate.path for candidate in comparison.candidates}
    # A card says what its own weights' gradients allow; an attack through others' is the leaderboard's.
    for entry in (each for each in entries if each.surrogate is None):
        result = entry.result().model_copy(update={"command": entry.command})
        add_result(folders[entry.weights], result)


def kept_results(manifest: Manifest) -> Path | None:
    """Return the folder in the user's cache for results on these images, None where it cannot be written to.

    Images that were replaced since are others: files are told apart by size and date.
    """
    digest = hashlib.sha256(manifest.sha256.encode())
    for row in range(len(manifest)):
        path = manifest.path(row)
        digest.update(str(path).encode("utf-8", "surrogateescape"))
        with suppress(OSError):
            facts = Path(path).stat()
            digest.update(f"{facts.st_size} {facts.st_mtime_ns}".encode())
    name = f"{Path(last_part(manifest.name)).stem}-{digest.hexdigest()[:16]}"
    folder = user_cache_path("ganprint") / "results" / name
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return None
    return folder
