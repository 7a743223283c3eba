"""What becomes of verdicts when images are changed: corruptions, recompression, resizing.

verdicts_under_change.py WEIGHTS DATA SPLIT [POLICY ...] [--limit N]: by default the 19 corruptions, each at the
severities that its policy draws, JPEG 95 to 50, WebP 80 and resizing by 0.5 to 1.5 with three filters. With a limit
only so many images, spread over the sources. Prints one CSV row a policy: means over groups of photographs called
synthetic, of generated images called real, and of those that were rightly called synthetic as they are, how many become
real and how many inconclusive; last, how many of these images become real.
"""

import argparse
import csv
import sys

import numpy as np

from ganprint.attributor import REAL
from ganprint.calibration.decision import INCONCLUSIVE, is_synthetic
from ganprint.data import Manifest
from ganprint.evaluation.assess import answer_images
from ganprint.evaluation.group_metrics import group_mean
from ganprint.forensics.predictors import load_predictor
from ganprint.perturbation import CORRUPTIONS

CHAINS = (
    *(f"share:jpeg={quality}" for quality in (95, 90, 80, 70, 60, 50)),
    "share:webp=80",
    *(f"share:resize={factor}" for factor in (0.5, 0.75, 1.25, 1.5)),
    *(f"share:{kernel}={factor}" for kernel in ("bicubic", "bilinear") for factor in (0.5, 1.5)),
)
COLUMNS = (
    *("policy", "photographs synthetic", "low", "high"),
    *("generated real", "to real", "to inconclusive", "images to real"),
)


def main() -> None:
    """Print the rows."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("weights", "data", "split"):
        parser.add_argument(name)
    parser.add_argument("policies", nargs="*")
    parser.add_argument("--limit", type=int)
    asked = parser.parse_args()
    predictor = load_predictor(asked.weights, enrolled=False)
    images = Manifest.open(asked.data, sources=predictor.card.sources)
    images = images.select(asked.split, limit=asked.limit)
    sources = np.asarray(images.column("source"))
    plain = answer_images(predictor, images, "none")
    before = np.full(len(images), "", dtype=object)
    before[plain.rows] = plain.verdicts
    found = np.array([is_synthetic(each or None) for each in before]) & (images.labels != 0)
    writer = csv.writer(sys.stdout)
    writer.writerow(COLUMNS)
    for policy in asked.policies or ("none", *CORRUPTIONS, *CHAINS):
        judged = answer_images(predictor, images, policy)
        rows, verdicts = judged.rows, judged.verdicts
        names, groups = sources[rows], images.groups[rows]
        photographs = images.labels[rows] == 0
        synthetic = np.array([is_synthetic(each) for each in verdicts])

        def rate(holds: np.ndarray, among: np.ndarray, names: np.ndarray = names, groups: np.ndarray = groups) -> str:
            return f"{group_mean(holds[among], names[among], groups[among]).value:.3f}"

        alarms = group_mean(synthetic[photographs], names[photographs], groups[photographs])
        called = [f"{each:.3f}" for each in (alarms.value, alarms.low or 0, alarms.high or 0)]
        missed = rate(verdicts == REAL, ~photographs)
        lost = [rate(verdicts == each, found[rows]) for each in (REAL, INCONCLUSIVE)]
        images_lost = f"{np.count_nonzero(verdicts[found[rows]] == REAL)} of {np.count_nonzero(found[rows])}"
        writer.writerow([policy, *called, missed, *lost, images_lost])
        sys.stdout.flush()


if __name__ == "__main__":
    main()
