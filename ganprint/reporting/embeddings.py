"""Figures of images: their embeddings, and the spectra of their sources."""

import numpy as np

from ganprint.attributor import View
from ganprint.data import Manifest
from ganprint.drawing import Figure, colour, marker
from ganprint.evaluation.answers import Computing, whole_answers
from ganprint.evaluation.conditions import Condition
from ganprint.evaluation.runner import Comparison
from ganprint.perturbation import parse_policy
from ganprint.plain_text import file_part
from ganprint.reporting.panels import panel_figure
from ganprint.reporting.spectra import average_spectra, spectrum_panels

MOST_IMAGES = 2000
"""More points hide each other, and t-SNE's time grows with them."""
FEWEST_IMAGES = 10


def image_figures(comparison: Comparison) -> dict[str, Figure]:
    """Return `embedding-WEIGHTS-SPLIT`, t-SNE of where each of the weights places images, and `spectra-SPLIT`.

    They are of the clean splits of a comparison: at most MOST_IMAGES, spread over the sources, at least
    FEWEST_IMAGES, and where a method does not place all alike.
    """
    figures: dict[str, Figure] = {}
    clean = [job for job in comparison.jobs if str(job.condition.policy) == "none"]
    for split in dict.fromkeys(job.split for job in clean):
        for job in (job for job in clean if job.split == split):
            images = comparison.images(job).select(limit=MOST_IMAGES)
            attributor, name = comparison.attributor(job.candidate), job.candidate.name
            computing = Computing(workers=comparison.settings.workers)
            rows, answers, _ = whole_answers(attributor, images, Condition(parse_policy("none")), computing)
            points, images = np.stack([answer.embedding for answer in answers]), images.take(rows)
            if len(points) < FEWEST_IMAGES:
                continue
            if f"spectra-{split}" not in figures:
                figures[f"spectra-{split}"] = _spectra(images, attributor.config.view, split)
            if not np.isfinite(points).all() or not np.ptp(points, axis=0).any():
                continue  # All in one place, or nowhere: t-SNE has nothing to spread.
            title = f"{name}, {split}, clean: t-SNE of {len(points)} images"
            figures[f"embedding-{name}-{split}"] = _scatter(points, images, title)
    return {file_part(name): figure for name, figure in figures.items()}


def _spectra(images: Manifest, view: View, split: str) -> Figure:
    caption = (
        f"Mean logarithm of the orthonormal DCT-II's magnitudes over {len(images)} images of {split}, "
        f"{view.kind} preprocessing to {view.size} px, low frequencies top left. Differences between sources are "
        "differences of these images, format and content included."
    )
    return panel_figure(spectrum_panels(average_spectra(images, view)), caption)


def _scatter(points: np.ndarray, images: Manifest, title: str) -> Figure:
    """Draw points in the plane where t-SNE (van der Maaten and Hinton 2008) brings them, coloured by source."""
    from sklearn.manifold import TSNE

    perplexity = min(30.0, (len(points) - 1) / 3)
    places = TSNE(init="pca", perplexity=perplexity, random_state=0).fit_transform(points)
    figure = Figure(figsize=(6.4, 4.4), dpi=150, layout="constrained")
    axes = figure.add_subplot()
    names = images.column("source")
    known = [name for name in images.sources if name in set(names)]
    for number, name in enumerate([*known, *sorted(set(names) - set(known))]):
        across, up = places[names == name].T
        style = (colour(number), marker(number)) if number < len(known) else ("black", "x")
        axes.scatter(across, up, s=6, color=style[0], marker=style[1], linewidths=0.8, label=name)
    axes.set_title(title, fontsize=9)
    axes.set_axis_off()
    figure.legend(loc="outside right center", fontsize=7, frameon=False, markerscale=2)
    return figure
