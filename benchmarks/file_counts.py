"""Measure what an image costs `attribute` among 10^2 to 10^5 images, and how far memory grows.

Images are small and the weights cheap, so that what is measured is the pipeline: listing a folder, reading, hashing,
cropping, answering in batches, and writing a file of verdicts. All run in one process, the smallest number first.
Prints CPU milliseconds an image, their ratio to those of the smallest number, and the peak of memory.

Run: python benchmarks/file_counts.py [--counts 100 1000 10000 100000] [--weights prnu.mini]
"""

import argparse
import os
import resource
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

import ganprint

SIDE = 64
DISTINCT = 50
"""Images that are made; more are links to them."""


def make_images(folder: Path) -> list[Path]:
    """Write noisy photographs-to-be as JPEG and PNG, and return their paths."""
    random = np.random.default_rng(0)
    made = []
    for number in range(DISTINCT):
        coarse = random.normal(128, 40, (SIDE // 8, SIDE // 8, 3)).repeat(8, 0).repeat(8, 1)
        pixels = (coarse + random.normal(0, 6, coarse.shape)).clip(0, 255).astype(np.uint8)
        made.append(folder / f"{number:02}.{('jpg', 'png')[number % 2]}")
        Image.fromarray(pixels).save(made[-1])
    return made


def peak() -> float:
    """Return the largest memory so far, MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def answer(folder: Path, out: Path, weights: str) -> int:
    """Answer for a folder as the command does, into a file of verdicts; return how many there were."""
    verdicts = ganprint.attribute(
        folder, recursive=True, weights=weights, device="cpu", enrolled=False, out=out, workers=0, threads=1
    )
    return sum(verdict.error is None for verdict in verdicts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--counts", type=int, nargs="+", default=[100, 1000, 10_000, 100_000])
    parser.add_argument("--weights", default="prnu.mini")
    options = parser.parse_args()
    print(f"{options.weights}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} when begun", flush=True)
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        (root / "made").mkdir()
        made = make_images(root / "made")
        # Loads what is loaded once, and fills what is kept.
        answer(root / "made", root / "made.jsonl", options.weights)
        least, first = peak(), None
        print("| images | seconds | CPU ms an image | ratio | peak memory |\n|---|---|---|---|---|")
        for count in sorted(options.counts):
            folder = root / str(count)
            folder.mkdir()
            for number in range(count):
                # Links in folders of 1,000: what a file system does with more in one is not measured.
                part = folder / f"{number // 1000:03}"
                part.mkdir(exist_ok=True)
                (part / f"{number:06}{made[number % DISTINCT].suffix}").symlink_to(made[number % DISTINCT])
            began, used = time.perf_counter(), time.process_time()
            answered = answer(folder, root / f"{count}.jsonl", options.weights)
            seconds, used = time.perf_counter() - began, time.process_time() - used
            assert answered == count, f"{answered} of {count} images were answered for"
            cost = 1000 * used / count
            first = first or cost
            grown = peak() - least
            print(f"| {count:,} | {seconds:.1f} | {cost:.2f} | {cost / first:.2f} | +{grown:.0f} MB |", flush=True)


if __name__ == "__main__":
    main()
