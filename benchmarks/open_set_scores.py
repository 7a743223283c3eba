"""Which score tells generators that weights do not know, by leaving each source of train and val out in turn.

open_set_scores.py DATA RUN: DATA is the manifest, RUN the folder of a training of it, whose statistics are used again.
For each generated source the regressions are fitted to `train` without it; then the images of `val` are known ones, and
those of the source, in both splits, unknown. Prints the AUROC of each score, groups weighing the same, and the means.
Nothing here sees the splits test and open.
"""

import sys
from pathlib import Path

import numpy as np
import torch
from ganprint_plugins.residual_statistics.collect import Rows, collect
from ganprint_plugins.residual_statistics.method import ResidualStatistics
from ganprint_plugins.residual_statistics.settings import ResidualStatisticsConfig
from sklearn.metrics import roc_auc_score

from ganprint.attributor import Run
from ganprint.calibration.answer import Answer
from ganprint.calibration.decision import group_weights
from ganprint.calibration.open_set import SCORES, Known
from ganprint.data import Manifest

DRAWS_USED = (0, 1, 4, 7)


def answer(method: ResidualStatistics, rows: Rows, chosen: np.ndarray) -> tuple[np.ndarray, list[Answer]]:
    """Return which image each answer is of, and the answers for the crops that are `chosen`."""
    values = rows.statistics[torch.from_numpy(chosen)]
    each, embeddings = method.answer_rows(values).exp().double().numpy(), method.place_rows(values).numpy()
    images, places = np.unique(rows.images[chosen], return_inverse=True)
    found = []
    for place in range(len(images)):
        here = places == place
        found.append(Answer(each[here], 0.0, 0.0, embeddings[here].mean(0)))
    return images, found


def main() -> None:
    """Leave each source out, and print the areas."""
    data, run = sys.argv[1:]
    manifest = Manifest.open(data)
    splits = [manifest.select("train"), manifest.select("val")]
    labels = np.concatenate([split.labels for split in splits])
    groups = np.concatenate([split.groups for split in splits])
    of_val = np.arange(len(labels)) >= len(splits[0])
    config = ResidualStatisticsConfig(networks=0)
    rows = collect(splits, config, Run(Path(run), resume=True))
    used = np.isin(rows.draws, DRAWS_USED)
    plain = rows.draws == 0
    areas: dict[str, list[float]] = {name: [] for name in SCORES}
    print("source", *SCORES, sep=",")
    for left, source in enumerate(manifest.sources):
        if not left:
            continue
        known = [name for name in manifest.sources if name != source]
        fitted = rows.labels != left
        method = ResidualStatistics(config, known)
        fewer = Rows(
            rows.statistics,
            np.where(rows.labels > left, rows.labels - 1, rows.labels),
            rows.groups,
            rows.images,
            rows.weights,
            rows.draws,
            rows.compressed,
        )
        method.fit_rows(fewer, fitted & used & ~of_val[rows.images])
        images, reference = answer(method, fewer, np.flatnonzero(plain & fitted & ~of_val[rows.images]))
        at = Known(
            np.stack([each.embedding for each in reference]),
            labels[images],
            images,
            float(np.mean([each.largest_logit for each in reference])),
        )
        images, asked = answer(method, fewer, np.flatnonzero(plain & (of_val[rows.images] | ~fitted)))
        unknown = labels[images] == left
        weights = group_weights(np.where(unknown, 1, 0), groups[images])
        found = {
            name: roc_auc_score(~unknown, score(at, asked), sample_weight=weights)
            for name, score in SCORES.items()
        }
        for name, area in found.items():
            areas[name].append(area)
        print(source, *(f"{area:.3f}" for area in found.values()), sep=",", flush=True)
    print("mean", *(f"{np.mean(values):.3f}" for values in areas.values()), sep=",")


if __name__ == "__main__":
    main()
