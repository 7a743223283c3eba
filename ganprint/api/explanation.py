"""Draw the evidence of an answer, or the average spectra of sources: the workflows of `ganprint explain`."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from ganprint.api.choices import chosen_card, chosen_device, chosen_weights
from ganprint.api.image_inputs import ImageInput, read_one
from ganprint.api.outputs import check_figure, refuse_own_inputs
from ganprint.attributor import View
from ganprint.data import Manifest
from ganprint.remote import last_part
from ganprint.weights import load_attributor

if TYPE_CHECKING:
    from ganprint.forensics.evidence import Evidence


def explain(
    image: ImageInput,
    *,
    method: str | None = None,
    weights: str | Path | None = None,
    maps: Sequence[str] | None = None,
    out: str | Path | None = None,
    device: str = "auto",
    threads: int | None = None,
    force: bool = False,
) -> "Evidence":
    """Return pictures of what the answer for an image is made of, and write them to the PNG `out` if that is named.

    `maps` are some of own, occlusion, gradients, grad-cam, residual and spectrum, all that the method has if left out.
    The panels of the result hold their values as arrays, its caption says what they show. Raises UsageError for a map
    that the method cannot have, ImageError and WeightsError.
    """
    file = None if out is None else Path(out)
    maps = [maps] if isinstance(maps, str) else maps
    check_figure(file, force=force)
    refuse_own_inputs([file], [image] if isinstance(image, (str, Path)) else [])
    read = read_one(image)
    from ganprint.forensics.evidence import Evidence, crop_map, deciding_crop, gather_evidence
    from ganprint.images.views import answerable_crops, whole_picture

    attributor, card = load_attributor(chosen_weights(weights, method), device=chosen_device(device, threads))
    crops = answerable_crops(read.pixels, card.view)
    crop = crops.pixels[deciding_crop(attributor, card, crops.pixels)]
    evidence = gather_evidence(attributor, card, crop, Path(read.name).name, maps)
    over_picture = crop_map(attributor, card, whole_picture(read.pixels)) if maps is None else None
    if over_picture is not None:
        evidence = Evidence((*evidence.panels, over_picture), evidence.caption)
    if crops.nothing is not None:
        said = f"`attribute` calls this image inconclusive: there is nothing to examine ({crops.nothing})."
        evidence = Evidence(evidence.panels, f"{said} {evidence.caption}")
    if file is not None:
        from ganprint.reporting.panels import draw_panels

        draw_panels(evidence.panels, evidence.caption, file, force=force)
    return evidence


def picture_name(image: str | Path, *, method: str | None = None, weights: str | Path | None = None) -> Path:
    """Return what the picture for an image is called if that is not named: IMAGE-METHOD.png."""
    return Path(f"{Path(last_part(image)).stem}-{chosen_card(weights, method).method}.png")


def explain_spectra(
    data: str | Path,
    out: str | Path,
    *,
    split: str | None = None,
    preprocessing: Literal["resize", "native"] = "native",
    size: int = 128,
    limit: int | None = None,
    seed: int = 0,
    workers: int = 0,
    force: bool = False,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Path:
    """Draw the mean spectrum of each source of a manifest or folder as the PNG `out`, and return its path.

    Arguments are the options of `ganprint explain --spectrum`; `progress` gets images read, and all.
    """
    from ganprint.reporting.panels import draw_panels
    from ganprint.reporting.spectra import average_spectra, spectrum_panels

    file = Path(out)
    check_figure(file, force=force)
    refuse_own_inputs([file], [data])
    images = Manifest.open(data).select(split, limit=limit, seed=seed)
    spectra = average_spectra(images, View(kind=preprocessing, size=size), workers=workers, progress=progress)
    caption = (
        f"Mean logarithm of the orthonormal DCT-II's magnitudes over {len(images)} images of {last_part(data)}"
        f"{', split ' + split if split else ''}, {preprocessing} preprocessing to {size} px, low frequencies top left. "
        "Differences between sources are differences of these images, format and content included."
    )
    draw_panels(spectrum_panels(spectra), caption, file, force=force)
    return file
