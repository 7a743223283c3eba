"""Whether two sets of weights differ in how often they reach a verdict: paired, with intervals over groups.

verdict_differences.py WEIGHTS OTHER DATA SPLIT [POLICY ...]: prints one CSV row for each policy, kind of source and
verdict: the rate of WEIGHTS, that of OTHER, and their difference with its 95 % interval.
"""

import csv
import sys

import numpy as np

from ganprint.attributor import REAL
from ganprint.calibration.decision import is_synthetic
from ganprint.data import Manifest
from ganprint.data.family_names import family_of
from ganprint.evaluation.assess import answer_images
from ganprint.evaluation.group_metrics import group_mean
from ganprint.forensics.predictors import load_predictor


def main() -> None:
    """Print the rows."""
    *both, data, split = sys.argv[1:5]
    predictors = [load_predictor(name, enrolled=False) for name in both]
    images = Manifest.open(data, sources=predictors[0].card.sources).select(split)
    names = np.asarray(images.column("source"))
    kinds = np.array([name if name == REAL else family_of(name) or "unknown" for name in names])
    writer = csv.writer(sys.stdout)
    writer.writerow(["policy", "images", "groups", "verdict", *both, "difference", "low", "high"])
    for policy in sys.argv[5:] or ["none"]:
        verdicts = np.full((2, len(images)), "", dtype=object)
        for place, predictor in enumerate(predictors):
            judged = answer_images(predictor, images, policy)
            verdicts[place, judged.rows] = judged.verdicts
        answered = (verdicts != "").all(0)
        synthetic = np.array([[is_synthetic(each or None) for each in row] for row in verdicts])
        for kind in np.unique(kinds[answered]):
            for verdict, holds in ((REAL, verdicts == REAL), ("synthetic", synthetic)):
                among = answered & (kinds == kind)
                one, other, less = (
                    group_mean(value[among], names[among], images.groups[among])
                    for value in (*holds, holds[0].astype(float) - holds[1])
                )
                means = (one.value, other.value, less.value, less.low or 0, less.high or 0)
                writer.writerow([policy, kind, one.groups, verdict, *(f"{mean:.3f}" for mean in means)])
        sys.stdout.flush()


if __name__ == "__main__":
    main()
