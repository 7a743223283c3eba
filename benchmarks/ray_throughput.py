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
from typing import Any

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
    """Return images per second of `attribute` with all its workers, from the second verdict on."""
    verdicts = ganprint.attribute(paths, weights=weights, device="cpu", enrolled=False, batch_size=BATCH)
    return rate(time.time() for _ in verdicts)


class Stamped(ganprint.Predictor):
    """A predictor that tells when it had answered."""

    def __call__(self, images: Any) -> Any:
        """Answer for a batch, with a column of when that was."""
        found = super().__call__(images)
        return found | {"answered": np.full(len(found["verdict"]), time.time())}


def two_actors(paths: list[str], weights: str | None) -> float:
    """Return images per second of a pool of two actors of one thread each, from when both had answered once."""
    import ray

    images = ray.data.from_items([{"path": path} for path in paths], override_num_blocks=8)
    answered = images.map_batches(
        Stamped,
        fn_constructor_kwargs={"weights": weights, "device": "cpu", "threads": 1},
        compute=ray.data.ActorPoolStrategy(size=2),
        batch_size=BATCH,
    )
    # When a batch arrives here says little: many are answered before the first does.
    return rate([each for batch in answered.iter_batches(batch_size=None) for each in batch["answered"]])


def rate(times: Iterable[float]) -> float:
    """Return how many of some times there are a second, from the second that differs from the first on."""
    ordered = np.sort([*times])
    began = np.unique(ordered)[1]
    return float((ordered > began).sum() / (ordered[-1] - began))


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
