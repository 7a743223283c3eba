"""Which score separates images of unknown generators from known ones, on the split val.

choose_score.py DATA RUN: DATA is the manifest, RUN the folder of a training of it, whose statistics are used again.
Each source in turn is unknown: residual statistics without networks are fitted to `train` without it, and its images
compared with those of the other sources in `val`. Prints one CSV row a source with the AUROC of each score, groups and
sources weighing the same. The energy is left out: these answers are normalised, so it is the same for all images, and
of ViM, which adds it, only the residual is left.
"""

import csv
import sys

import numpy as np
import torch
from ganprint_plugins.residual_statistics.collect import Rows
from ganprint_plugins.residual_statistics.method import ResidualStatistics
from ganprint_plugins.residual_statistics.spec import ResidualStatisticsConfig
from recipes import collected
from sklearn.metrics import roc_auc_score

from ganprint.calibration.decision import group_weights
from ganprint.calibration.open_set import Known

FEWEST_GROUPS = 4
"""Groups of a source from which on it takes a turn."""


def measure(
    rows: Rows, trained: np.ndarray, sources: tuple[str, ...], unknown: int, config: ResidualStatisticsConfig
) -> dict[str, float]:
    """Return the AUROC of each score where a source is unknown; `trained`, bool (images,), are those of `train`."""
    kept = trained[rows.images] & (rows.labels != unknown)
    others = Rows(
        rows.statistics[torch.from_numpy(np.flatnonzero(kept))],
        (rows.labels - (rows.labels > unknown))[kept],
        *(each[kept] for each in (rows.groups, rows.images, rows.weights, rows.draws, rows.compressed)),
    )
    method = ResidualStatistics(config, [*sources[:unknown], *sources[unknown + 1 :]])
    method.fit_rows(others, np.ones(len(others.labels), dtype=bool))
    plain = np.flatnonzero(rows.draws == 0)
    logits, embedded = method.answer_rows(rows.statistics[torch.from_numpy(plain)])
    images, first, places = np.unique(rows.images[plain], return_index=True, return_inverse=True)
    count = np.bincount(places)[:, None]
    embeddings, probabilities = (
        np.stack([np.bincount(places, column) for column in values.double().numpy().T], 1) / count
        for values in (embedded, logits.exp())
    )
    labels, groups = rows.labels[plain][first], rows.groups[plain][first]
    reference = trained[images] & (labels != unknown)
    known = Known(embeddings[reference], labels[reference], images[reference], 1.0)
    asked = (labels == unknown) | (~trained[images] & (labels > 0))
    some = embeddings[asked]
    scores = {
        "max-probability": probabilities[asked].max(1),
        "mahalanobis": known.mahalanobis(some),
        "knn": known.similarity(some),
        "residual": -known.residual(some),
    }
    weights = group_weights(labels[asked], groups[asked])
    alike = labels[asked] != unknown
    return {name: roc_auc_score(alike, score, sample_weight=weights) for name, score in scores.items()}


def main() -> None:
    """Print the rows, and their means."""
    data, run = sys.argv[1:]
    manifest, images, config, rows = collected(data, run)
    trained = images.splits == "train"
    writer = csv.writer(sys.stdout)
    found: list[dict[str, float]] = []
    for unknown in range(1, len(manifest.sources)):
        if len(set(rows.groups[rows.labels == unknown])) < FEWEST_GROUPS:
            continue
        found.append(measure(rows, trained, manifest.sources, unknown, config))
        if len(found) == 1:
            writer.writerow(["unknown source", *found[0]])
        writer.writerow([manifest.sources[unknown], *(f"{value:.3f}" for value in found[-1].values())])
    means = {name: float(np.mean([each[name] for each in found])) for name in found[0]}
    writer.writerow(["mean", *(f"{value:.3f}" for value in means.values())])


if __name__ == "__main__":
    main()
