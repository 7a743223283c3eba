"""Compare `attribute` with the plainest loop that gives the same probabilities, at several numbers of files.

The plain loop opens a file with Pillow, takes the same crops, and runs the same network on one image at a time, in
fp32. The two take turns, as a machine's load changes, with torch's own number of threads and with one. Prints seconds,
CPU seconds, files/s, ratios, how far memory grew (with workers also that of the largest one, what it shares with the
first process included), and, of one process, which share of the CPU seconds is decoding and the network. Files are
JPEG, PNG and WebP of 0.1 to 12 megapixels.

Run: python benchmarks/attribute_throughput.py [--files 60] [--rounds 1] [--counts 100 1000]
"""

import argparse
import os
import resource
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from PIL import Image

import ganprint
from ganprint.api import attribution
from ganprint.forensics.predictors import WeightsPredictor, load_predictor
from ganprint.images.views import find_crops
from ganprint.weights import first_choice

SIZES = ((360, 270), (1000, 750), (2000, 1500), (4000, 3000))
"""Sides in pixels; of ten files four are of the first, three of the second, two of the third, one of the last."""
MIX = (0, 0, 0, 0, 1, 1, 1, 2, 2, 3)
KINDS = (("jpg", {"quality": 90}), ("jpg", {"quality": 75}), ("png", {}), ("webp", {"quality": 85}))
PROCESSES = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
DISTINCT = 40
"""Files that are made; more are links to them."""


def make_files(folder: Path, count: int) -> list[Path]:
    """Write textured images, and return `count` names of them."""
    random = np.random.default_rng(0)
    made = []
    for number in range(min(count, DISTINCT)):
        width, height = SIZES[MIX[number % len(MIX)]]
        small = Image.fromarray(random.integers(0, 256, (height // 4, width // 4, 3), dtype=np.uint8))
        ending, options = KINDS[number % len(KINDS)]
        made.append(folder / f"made{number:03}.{ending}")
        small.resize((width, height), Image.Resampling.BICUBIC).save(made[-1], **options)
    names = [folder / f"{number:06}{made[number % len(made)].suffix}" for number in range(count)]
    for number, name in enumerate(names):
        name.symlink_to(made[number % len(made)])
    return names


def plain(paths: list[Path], weights: Path) -> list[np.ndarray]:
    """Return probabilities by the plainest loop."""
    predictor = load_predictor(weights, device="cpu", enrolled=False)
    found = []
    for path in paths:
        pixels = np.array(Image.open(path).convert("RGB"))
        crops = find_crops(pixels, predictor.card.view).pixels
        if len(crops):
            found.append(predictor.attributor.predict(crops).attribution.float().softmax(1).mean(0).numpy())
    return found


def attributed(paths: list[Path], weights: Path, batch_size: int, **options: Any) -> int:
    """Answer for all files as the command does, and return how many answers there were."""
    verdicts = ganprint.attribute(
        paths, weights=weights, device="cpu", enrolled=False, batch_size=batch_size, **options
    )
    return sum(1 for _ in verdicts)


def timed(what: str, count: int, work: Callable[[], object]) -> tuple[float, float]:
    """Print what a function takes, and return its seconds and CPU seconds."""
    before, worker_before = (resource.getrusage(who).ru_maxrss for who in PROCESSES)
    began, used = time.perf_counter(), cpu_seconds()
    work()
    seconds, used = time.perf_counter() - began, cpu_seconds() - used
    peak, worker = (resource.getrusage(who).ru_maxrss for who in PROCESSES)
    memory = f"peak +{(peak - before) / 1024:.0f} MB"
    memory += f", worker {worker / 1024:.0f} MB" if worker > worker_before else ""
    print(f"{what:<36}{seconds:8.1f} s {used:8.1f} s CPU {count / seconds:7.2f} files/s  {memory}", flush=True)
    return seconds, used


def cpu_seconds() -> float:
    """Return the CPU seconds, user and system, of this process and of its workers that have ended."""
    return sum(each.ru_utime + each.ru_stime for each in map(resource.getrusage, PROCESSES))


@contextmanager
def clocked() -> Iterator[dict[str, float]]:
    """Give the CPU seconds of reading and decoding, and of the network, of all threads within the block."""
    spent = {"decoding": 0.0, "network": 0.0}

    def clock(function: Callable[..., Any], part: str) -> Callable[..., Any]:
        def wrapped(*arguments: Any, **options: Any) -> Any:
            began = time.thread_time()
            try:
                return function(*arguments, **options)
            finally:
                spent[part] += time.thread_time() - began

        return wrapped

    with (
        patch.object(attribution, "read_source", clock(attribution.read_source, "decoding")),
        patch.object(WeightsPredictor, "answer", clock(WeightsPredictor.answer, "network")),
    ):
        yield spent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=1, help="how often the two take turns")
    parser.add_argument("--counts", type=int, nargs="*", default=[], help="numbers of small files to time")
    parser.add_argument("--weights", type=Path, help="the default ones if left out")
    parser.add_argument("--batch-size", type=int, default=32)
    options = parser.parse_args()
    weights = options.weights or first_choice().path
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads, {os.cpu_count()} cores, {weights.name}")
    print(f"load {os.getloadavg()[0]:.1f} when begun")
    own = torch.get_num_threads()
    with tempfile.TemporaryDirectory() as name:
        paths = make_files(Path(name), options.files)
        answer = partial(attributed, batch_size=options.batch_size)
        # Loads what is loaded once.
        answer(paths[:1], weights, workers=0)
        loops: dict[int, list[float]] = {own: [], 1: []}
        taken: list[float] = []
        for _ in range(options.rounds):
            for threads, found in loops.items():
                torch.set_num_threads(threads)
                work = partial(plain, paths, weights)
                found.append(timed(f"plain loop, {threads} torch threads", len(paths), work)[0])
            torch.set_num_threads(own)
            taken.append(timed("attribute", len(paths), partial(answer, paths, weights))[0])
        for threads, found in loops.items():
            ratio = median(loop / each for loop, each in zip(found, taken, strict=True))
            print(f"attribute: {ratio:.2f} x the plain loop with {threads} torch threads, median of rounds")
        with clocked() as spent:
            work = partial(answer, paths, weights, workers=0, threads=1)
            _, used = timed("attribute --workers 0 --threads 1", len(paths), work)
        shares = ", ".join(f"{part} {seconds / used:.2f}" for part, seconds in spent.items())
        print(f"{'':<36}of the CPU seconds {shares}, both {sum(spent.values()) / used:.2f}")
        small = [path for number, path in enumerate(paths) if MIX[number % DISTINCT % len(MIX)] == 0]
        for count in options.counts:
            again = [small[number % len(small)] for number in range(count)]
            seconds, _ = timed(f"{count:,} small files", count, partial(answer, again, weights))
            print(f"{'':<36}{1000 * seconds / count:8.1f} ms a file")


if __name__ == "__main__":
    main()
