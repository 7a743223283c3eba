"""Enrol sources from example images, list them and remove them: the workflows of `ganprint enroll`."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ganprint.api.choices import chosen_card, chosen_device, chosen_weights
from ganprint.api.image_inputs import Images, Inputs, all_absent, read_named
from ganprint.calibration.decision import check_rate
from ganprint.errors import ImageError, WeightsError
from ganprint.files import locked_folder
from ganprint.forensics import gallery as galleries
from ganprint.forensics.gallery import Gallery
from ganprint.forensics.predictors import load_predictor
from ganprint.plain_text import printable
from ganprint.weights import Card


@dataclass(frozen=True)
class Enrolled:
    """A source that was enrolled for the weights of `card`; `doubts` are sentences on what to expect of it.

    `failures` are the images that could not be read or have nothing to examine.
    """

    gallery: Gallery
    card: Card
    doubts: tuple[str, ...]
    failures: tuple[ImageError, ...]


def enroll(
    name: str,
    images: Images,
    *,
    method: str | None = None,
    weights: str | Path | None = None,
    false_alarm: float = 0.01,
    recursive: bool = False,
    device: str = "auto",
    threads: int | None = None,
    force: bool = False,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Enrolled:
    """Add a source by some of its images, for `attribute` to name it where an image lies among them.

    Arguments are those of `ganprint enroll`; it is kept on this machine for these weights. `progress` gets images read,
    and all. Raises UsageError for too few images, a name that is taken, and where another process enrols for these
    weights; the ImageError of the first where none of the images is there.
    """
    check_rate("false_alarm", false_alarm)
    chosen = chosen_weights(weights, method)
    named = list(Inputs(images, recursive).named())
    for error in all_absent(named):
        raise error
    device = chosen_device(device, threads)
    from ganprint.images.views import find_crops

    predictor = load_predictor(chosen, device=device, enrolled=False)
    found, failures = {}, []
    with locked_folder(galleries.gallery_file(name, predictor.card).parent):
        for number, (_, image) in enumerate(read_named(named), 1):
            progress(number, len(named))
            if isinstance(image, ImageError):
                failures.append(image)
                continue
            crops = find_crops(image.pixels, predictor.card.view)
            if crops.nothing is not None:
                # `attribute` would name no source for it, or for others like it.
                reason = f"{printable(image.name)} has nothing to examine: {crops.nothing}."
                failures.append(ImageError(reason, "Leave it out."))
            # An image that is there twice is one.
            elif image.sha256 not in found:
                (found[image.sha256],) = predictor.answer([crops.pixels])
        gallery = galleries.enrol(name, found, predictor.card, predictor.known, false_alarm=false_alarm)
        galleries.save_gallery(gallery, predictor.card, force=force)
    try:
        others = galleries.list_galleries(predictor.card)
        doubts = list(galleries.overlaps(gallery, others, predictor.known))
    except WeightsError as error:
        doubts = [f"{error.message} {error.hint}"]  # Of another source: this one is enrolled.
    return Enrolled(gallery, predictor.card, tuple(doubts), tuple(failures))


def enrolled_sources(*, method: str | None = None, weights: str | Path | None = None) -> list[Gallery]:
    """Return the sources that are enrolled for weights."""
    return galleries.list_galleries(chosen_card(weights, method))


def remove_enrolled(name: str, *, method: str | None = None, weights: str | Path | None = None) -> None:
    """Forget an enrolled source; raise UsageError where there is none of this name."""
    galleries.remove_gallery(name, chosen_card(weights, method))
