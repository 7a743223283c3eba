"""Take from a benchmark's images what would tell sources apart without any trace, and write the rest as benchmarks.

Of every image: `levels`, with the mean and deviation of each channel made alike; `small`, reduced to 32 by 32. What
colours, contrasts and their deviations alone tell, by logistic regression on them, is printed.

Run: python benchmarks/trivial_cues.py MANIFEST OUT, then ganprint train and compare on OUT/levels.csv and OUT/small.csv
"""

import argparse
import csv
from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from ganprint.data import Manifest

MEAN, DEVIATION = 127.5, 45.0
SMALL = 32


def evened(pixels: np.ndarray) -> np.ndarray:
    """Return pixels uint8 (H, W, 3) with MEAN and DEVIATION in every channel, as far as levels allow."""
    own = pixels.std((0, 1)).clip(1)
    return ((pixels - pixels.mean((0, 1))) / own * DEVIATION + MEAN).round().clip(0, 255).astype(np.uint8)


def reduced(pixels: np.ndarray) -> np.ndarray:
    """Return pixels at SMALL by SMALL."""
    return np.asarray(Image.fromarray(pixels).resize((SMALL, SMALL), Image.Resampling.LANCZOS))


def main() -> None:
    """Write both benchmarks, and print what six numbers an image tell."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("manifest", type=Path)
    parser.add_argument("out", type=Path)
    options = parser.parse_args()
    manifest = Manifest.open(options.manifest)
    numbers = np.empty((len(manifest), 6))
    for row in range(len(manifest)):
        pixels = np.asarray(Image.open(manifest.path(row)).convert("RGB"))
        numbers[row] = [*pixels.mean((0, 1)), *pixels.std((0, 1))]
        for name, change in (("levels", evened), ("small", reduced)):
            (options.out / name).mkdir(parents=True, exist_ok=True)
            Image.fromarray(change(pixels)).save(options.out / name / f"{row:06}.png")
    with options.manifest.open(newline="") as file:
        rows = list(csv.DictReader(file))
    for name in ("levels", "small"):
        with (options.out / f"{name}.csv").open("w", newline="") as file:
            writer = csv.DictWriter(file, rows[0])
            writer.writeheader()
            writer.writerows({**row, "path": f"{name}/{number:06}.png"} for number, row in enumerate(rows))
    train, test = manifest.splits == "train", manifest.splits == "test_seen"
    fitted = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000)).fit(
        numbers[train], manifest.labels[train]
    )
    score = fitted.score(numbers[test], manifest.labels[test])
    print(f"means and deviations of the channels alone: {score:.3f} of {test.sum()} right on test_seen")


if __name__ == "__main__":
    main()
