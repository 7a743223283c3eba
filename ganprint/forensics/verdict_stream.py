"""Verdicts on a stream of images, a batch at a time."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from ganprint.errors import GanprintError
from ganprint.forensics.ensemble import Ensemble, Views
from ganprint.forensics.verdict import Change, Verdict
from ganprint.images import ImageFile
from ganprint.ordered_map import in_groups

AT_ONCE = 16


@dataclass(frozen=True)
class Viewed:
    """An image as the predictors see it, without its pixels, or why it was not read."""

    name: str
    image: ImageFile | GanprintError
    views: Views
    changed: list[tuple[str, Views]]


def stream_verdicts(images: Iterable[tuple[str, ImageFile | GanprintError]], ensemble: Ensemble) -> Iterator[Verdict]:
    """Yield a verdict for each image, named, in their order; only the crops of AT_ONCE are held.

    An image that could not be read has a verdict that says why.
    """
    for batch in in_groups(_viewed(images, ensemble), AT_ONCE):
        yield from answer_together(batch, ensemble)


def answer_together(batch: Sequence[Viewed], ensemble: Ensemble) -> list[Verdict]:
    """Return a verdict for each image, in their order."""
    asked = [
        (each.image, views)
        for each in batch
        if isinstance(each.image, ImageFile)
        for views in (each.views, *(views for _, views in each.changed))
    ]
    answered = iter(ensemble.decide(asked))
    verdicts = []
    for each in batch:
        if isinstance(each.image, GanprintError):
            verdicts.append(ensemble.failed(each.name, each.image))
            continue
        verdict = next(answered)
        verdicts.append(_with_changes(verdict, [(name, next(answered)) for name, _ in each.changed]))
    return verdicts


def _with_changes(verdict: Verdict, changed: Iterable[tuple[str, Verdict]]) -> Verdict:
    """Return a verdict with what becomes of it under changes, and a warning where it holds under few."""
    changes = [
        Change(
            change=name,
            verdict=each.verdict or "",
            synthetic_probability=each.synthetic_probability,
            holds=each.verdict == verdict.verdict,
        )
        for name, each in changed
    ]
    holds = sum(change.holds for change in changes)
    said = f"The verdict holds under {holds} of {len(changes)} mild changes only."
    warned = [said] if changes and holds <= len(changes) / 2 else []
    return verdict.model_copy(update={"stability": changes, "warnings": [*verdict.warnings, *warned]})


def _viewed(images: Iterable[tuple[str, ImageFile | GanprintError]], ensemble: Ensemble) -> Iterator[Viewed]:
    for name, image in images:
        viewed = view_image(name, image, ensemble)
        del image  # or its pixels are held while the next one is read
        yield viewed


def view_image(name: str, image: ImageFile | GanprintError, ensemble: Ensemble) -> Viewed:
    """Return an image's crops, and the image without its pixels: a batch of photographs is a gigabyte."""
    if isinstance(image, GanprintError):
        return Viewed(name, image, [], [])
    without = replace(image, pixels=image.pixels[:0].copy())
    return Viewed(name, without, ensemble.view(image.pixels), ensemble.changed(image.pixels))
