"""The report of a case: a self-contained HTML report."""

import base64
import gc
import io
from collections import Counter
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ganprint.calibration.decision import percent, whole_percent
from ganprint.files import refuse_existing, write_output
from ganprint.forensics.ensemble import Ensemble
from ganprint.forensics.evidence import crop_map, deciding_crop, gather_evidence, possible_maps
from ganprint.forensics.record import CaseRecord, file_sha256
from ganprint.forensics.verdict import NO_RULE, Verdict
from ganprint.forensics.wording import PRIOR, WITHOUT_ENROLLED, crops_in_words, most_likely, ratio_sentence
from ganprint.images import ImageFile
from ganprint.images.content import Box, content_box
from ganprint.images.large import is_large
from ganprint.images.views import find_crops, whole_picture
from ganprint.remote import last_part
from ganprint.reporting.page import render
from ganprint.reporting.panels import panel_png

THUMBNAIL = 360
"""Longest side in pixels of the picture of an image that the page holds."""
MAPPED = 20
"""Images of a case that get maps, which take seconds each and half a megabyte of the page."""


@dataclass(frozen=True)
class Exhibit:
    """What a report shows of an image, as data URIs: its pixels reduced, and maps with their caption, if any."""

    thumbnail: str
    content: Box
    """The part of the image inside its plain borders, beyond which no crop shows anything."""
    maps: str | None = None
    caption: str = ""
    crop: int | None = None
    """Place of the crop that the maps are of among those of the verdict."""
    beyond: bool = False
    """Whether it has no maps because MAPPED images before it have them."""


class Exhibits:
    """What a report shows of each image, collected image by image, so that none stays in memory.

    With `maps`, the first MAPPED images get maps of the first predictor's method: over the picture, and of the
    crop that speaks most for the answer.
    """

    def __init__(self, ensemble: Ensemble, maps: bool = True) -> None:
        self.predictor, self.maps = ensemble.predictors[0], maps
        self._seen: dict[str | None, Exhibit] = {}

    def see(self, image: ImageFile) -> None:
        """Keep what the report shows of an image: pictures of its pixels, and none of its file's bytes."""
        key = image.sha256
        if key not in self._seen:
            beyond = self.maps and len(self._seen) >= MAPPED
            drawn = self._draw_maps(image) if self.maps and not beyond else (None, "", None)
            self._seen[key] = Exhibit(_thumbnail(image), content_box(image.pixels), *drawn, beyond=beyond)
            if is_large((image.width, image.height)):
                # Matplotlib leaves an exception in a cycle of references, whose frames hold the pixels.
                gc.collect()

    def of(self, verdict: Verdict) -> Exhibit | None:
        """Return what was kept of the image that a verdict is on, None where it was not seen."""
        return self._seen.get(verdict.sha256)

    def _draw_maps(self, image: ImageFile) -> tuple[str | None, str, int | None]:
        attributor, card = self.predictor.attributor, self.predictor.card
        picture = whole_picture(image.pixels)
        crops = find_crops(picture, card.view).pixels
        if not len(crops):
            return None, "", None
        place = deciding_crop(attributor, card, crops)
        crop = crops[place]
        maps = [name for name in possible_maps(attributor, crop) if name != "own"]
        evidence = gather_evidence(attributor, card, crop, last_part(image.name), maps)
        over_picture = crop_map(attributor, card, picture)
        panels = evidence.panels if over_picture is None else (over_picture, *evidence.panels)
        return _data_uri(panel_png(panels), "image/png"), evidence.caption, place


def _thumbnail(image: ImageFile) -> str:
    picture = Image.fromarray(_coarse(image.pixels))
    picture.thumbnail((THUMBNAIL, THUMBNAIL))
    encoded = io.BytesIO()
    picture.save(encoded, "JPEG", quality=88)
    return _data_uri(encoded.getvalue(), "image/jpeg")


def _coarse(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return pixels averaged over blocks where they are many times a thumbnail's, a row of blocks at a time."""
    block = min(pixels.shape[:2]) // (4 * THUMBNAIL)
    if block < 2:
        return pixels
    rows = [
        np.asarray(Image.fromarray(pixels[top : top + block]).reduce(block))
        for top in range(0, len(pixels) // block * block, block)
    ]
    return np.concatenate(rows)


def _data_uri(content: bytes, kind: str) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"


def write_report(record: CaseRecord, exhibits: Exhibits, path: Path, *, force: bool = False) -> None:
    """Write a case as one HTML page, whole or not at all; it names the SHA-256 of the JSON beside it, if there is one.

    All text is shown escaped and printable, whatever files and their metadata say. Raises OutputExistsError where the
    page is there and `force` is not given, UsageError where it cannot be written.
    """
    refuse_existing(path, force=force)
    beside = path.with_suffix(".json")
    images = [(each, exhibits.of(each.verdict)) for each in record.images]
    page = render(
        "report.html",
        chance_in_percent=percent,
        chance_in_whole_percent=whole_percent,
        record=record,
        images=images,
        no_rule=NO_RULE,
        prior="" if all(each.verdict.reason == NO_RULE for each in record.images) else PRIOR,
        ratio_sentence=ratio_sentence,
        crops_in_words=crops_in_words,
        most_likely=most_likely,
        without_enrolled=WITHOUT_ENROLLED,
        date=f"{record.date.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC",
        verdicts=Counter(each.verdict.verdict for each in record.images if each.verdict.error is None).most_common(),
        maps=exhibits.maps,
        mapped=MAPPED,
        limited=any(kept.beyond for _, kept in images if kept),
        record_name=beside.name,
        record_sha256=file_sha256(beside),
    )
    write_output(path, page.encode("utf-8"))
