"""How well a source that was enrolled by 10, 20 or 50 images is found, and what else is taken for it.

OMP_NUM_THREADS=1 python benchmarks/enroll_sizes.py MANIFEST [WEIGHTS]
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ganprint.calibration.open_set import unit
from ganprint.data import Manifest
from ganprint.evaluation.answers import whole_answers
from ganprint.evaluation.conditions import Condition
from ganprint.forensics.gallery import nearness, threshold_of
from ganprint.forensics.predictors import WeightsPredictor, load_predictor
from ganprint.perturbation import parse_any_policy
from ganprint.weights import default_for

SIZES = (10, 20, 50)
DRAWS = 20
FALSE_ALARM = 0.01


def embed(predictor: WeightsPredictor, images: Manifest, policy: str) -> np.ndarray:
    condition = Condition.of(parse_any_policy(policy), predictor.card.view, seed=0)
    _, answers, _ = whole_answers(predictor.attributor, images, condition)
    return np.stack([answer.embedding for answer in answers])


def measure(predictor: WeightsPredictor, manifest: Manifest) -> Iterator[tuple[str, int, np.ndarray]]:
    """Yield for each open source and number of images the shares found, clean and perturbed, and taken for it."""
    known = predictor.known
    if known is None:
        raise SystemExit(
            f"{predictor.card.name} has no in-distribution reference: ganprint calibrate --record"
        )
    tested = {
        policy: embed(predictor, manifest.select("test_seen"), policy) for policy in ("none", "test-seen")
    }
    opened = manifest.select("open")
    names = opened.column("source")
    placed = {policy: embed(predictor, opened, policy) for policy in tested}
    random = np.random.default_rng(0)
    for source in sorted(set(names.tolist())):
        here = np.flatnonzero(names == source)
        for size in (size for size in SIZES if size <= len(here) - 10):
            rates = []
            for _ in range(DRAWS):
                chosen = random.choice(here, size, replace=False)
                rest = np.setdiff1d(here, chosen)
                directions = unit(placed["none"][chosen])
                threshold = threshold_of(directions, known, FALSE_ALARM)
                asked = [placed[policy][rest] for policy in tested] + list(tested.values())
                rates.append([(nearness(each, directions, known) >= threshold).mean() for each in asked])
            yield source, size, np.mean(rates, axis=0)


if __name__ == "__main__":
    found = load_predictor(sys.argv[2] if len(sys.argv) > 2 else default_for("repmix").path)
    data = Manifest.open(Path(sys.argv[1]), sources=found.card.sources)
    print(
        f"{found.card.name}: means over {DRAWS} draws, threshold at {FALSE_ALARM:.0%} of calibration images"
    )
    print("source, images enrolled: found clean, perturbed; known images taken for it clean, perturbed")
    for source, size, rates in measure(found, data):
        print(f"{source}, {size}: {', '.join(f'{rate:.3f}' for rate in rates)}")
