"""Compare Ray Data with two actors with `attribute`: images per second, the start of either left out.

Both answer for the same image files with the same weights. `attribute` has a worker for each processor, and runs in a
program of its own, as Ray's threads would keep it from forking; the actors have one thread each. The two take turns, as
a machine's load changes.

Run: python benchmarks/ray_throughput.py [--files 640] [--rounds 3] [--weights NAME]
"""

import argparse
import os
import tempfile
import time
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from statistics import median

import numpy as np
from PIL import Image

import ganprint

BATCH = 16
SIDE = 512


def make_files(folder: Path, count: int) -> list[str]:
    """Write textured JPEG files, and return their paths."""
    random = np.random.default_rng(0)
    paths = []
    for number in range(count):
        small = Image.fromarray(random.integers(0, 256, (SIDE // 4, SIDE // 4, 3), dtype=np.uint8))
        paths.append(str(folder / f"{number:05}.jpg"))
        small.resize((SIDE, SIDE), Image.Resampling.BICUBIC).save(paths[-1])
    return paths


def one_process(paths: list[str], weights: str | None) -> float:
    """Return images per second of `attribute` with all its workers, from the first verdict on."""
    verdicts = ganprint.attribute(paths, weights=weights, device="cpu", enrolled=False, batch_size=BATCH)
    return rate(1 for _ in verdicts)


def two_actors(paths: list[str], weights: str | None) -> float:
    """Return images per second of a pool of two actors of one thread each, from the second batch on."""
    import ray

    images = ray.data.from_items([{"path": path} for path in paths], override_num_blocks=8)
    answered = images.map_batches(
        ganprint.Predictor,
        fn_constructor_kwargs={"weights": weights, "device": "cpu", "threads": 1},
        compute=ray.data.ActorPoolStrategy(size=2),
        batch_size=BATCH,
    )
    return rate((len(batch["verdict"]) for batch in answered.iter_batches(batch_size=None)), skip=2)


def rate(counts: Iterable[int], skip: int = BATCH) -> float:
    """Return how many come in a second, the first `skip` items and what preceded them left out."""
    began, done = time.perf_counter(), 0
    for number, count in enumerate(counts, 1):
        if number == skip:
            began, done = time.perf_counter(), 0
        else:
            done += count
    return done / (time.perf_counter() - began)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=640)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--weights", help="the default ones if left out")
    options = parser.parse_args()
    import ray

    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} when begun")
    ray.init(num_cpus=4, include_dashboard=False, log_to_driver=False, logging_level="error")
    ray.data.DataContext.get_current().enable_progress_bars = False
    found = []
    with tempfile.TemporaryDirectory() as name:
        paths = make_files(Path(name), options.files)
        for _ in range(options.rounds):
            with ProcessPoolExecutor(1, get_context("spawn")) as program:
                alone = program.submit(one_process, paths, options.weights).result()
            found.append((alone, two_actors(paths, options.weights)))
            one, two = found[-1]
            print(f"attribute {one:.1f} images/s, two actors {two:.1f}, ratio {two / one:.2f}", flush=True)
    print(f"median ratio {median(two / one for one, two in found):.2f}")


if __name__ == "__main__":
    main()
