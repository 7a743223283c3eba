"""Verdicts on a stream of images, a batch at a time."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice

from torch import Tensor

from ganprint.attributor import Attributor
from ganprint.errors import GanprintError
from ganprint.forensics.answer import answer_images
from ganprint.forensics.verdict import Verdict, failed, judge
from ganprint.images import ImageFile
from ganprint.images.views import crop_views
from ganprint.weights import Card


def stream_verdicts(
    images: Iterable[tuple[str, ImageFile | GanprintError]],
    attributor: Attributor,
    card: Card,
    *,
    batch_size: int = 16,
) -> Iterator[Verdict]:
    """Yield a verdict for each image, named, in their order; only the views of a batch are held.

    What kept an image from being read comes in its place, and goes on as a verdict that says so.
    """
    viewed = (_view(name, image, card) for name, image in images)
    while batch := list(islice(viewed, batch_size)):
        answers = iter(answer_images(attributor, [views for _, _, views in batch if views is not None]))
        for name, image, _ in batch:
            if isinstance(image, GanprintError):
                yield failed(name, image, card)
            else:
                yield judge(image, next(answers), card)


def _view(
    name: str, image: ImageFile | GanprintError, card: Card
) -> tuple[str, ImageFile | GanprintError, Tensor | None]:
    """Return an image's views, and the image without its pixels: a batch of photographs is a gigabyte."""
    if isinstance(image, GanprintError):
        return name, image, None
    return name, replace(image, pixels=image.pixels[:0].copy()), crop_views(image.pixels, card.view)
