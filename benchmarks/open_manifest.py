"""Open a manifest of Attribution88's size and print what it takes: seconds and memory.

Run: python benchmarks/open_manifest.py [--rows 1056000]
"""

import argparse
import csv
import resource
import sys
import tempfile
import time
from pathlib import Path

SOURCES = ("real", "progan", "stylegan", "stylegan2", "stylegan3", "msggan", "stargan", "cyclegan")
SEMANTICS = 11


def write_manifest(file: Path, rows: int, *, bare: bool) -> None:
    """Write `rows` rows, with Attribution88's three columns only (`bare`) or with every named one."""
    names = ["path", "label", "dlabel"] + ([] if bare else ["source", "semantic", "split", "group"])
    with file.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(names)
        for row in range(rows):
            label, dlabel = row % len(SOURCES), row // len(SOURCES) % SEMANTICS
            source, semantic = SOURCES[label], f"semantic{dlabel:02d}"
            fields = [f"{source}/{semantic}/{row:07d}.png", label, dlabel]
            if not bare:
                split = ("train", "train", "val", "test_seen")[row // 88 % 4]
                fields += [source, semantic, split, f"{source}-{semantic}"]
            writer.writerow(fields)


class Clock:
    """Prints what took how many seconds since it last did so, and the peak of memory."""

    def __init__(self) -> None:
        self.start = time.perf_counter()

    def __call__(self, what: str) -> None:
        """Print a line."""
        seconds = time.perf_counter() - self.start
        megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"{what:<40}{seconds:8.2f} s   peak {megabytes:6.0f} MB", flush=True)
        self.start = time.perf_counter()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_056_000)
    parser.add_argument("--bare", action="store_true", help="Attribution88's three columns only")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "manifest.csv"
        write_manifest(file, options.rows, bare=options.bare)
        print(f"{options.rows:,} rows, {file.stat().st_size / 2**20:.0f} MiB, Python {sys.version.split()[0]}")

        report = Clock()
        from ganprint.data import Manifest

        report("import ganprint.data")
        manifest = Manifest.open(file)
        report("Manifest.open")
        digest = manifest.sha256
        report(f"sha256 {digest[:8]}")
        chosen = manifest.select(None if options.bare else "train", sources=SOURCES[:4])
        report(f"select of {len(chosen):,} rows")

        from ganprint.data import BatchSampler

        report("import torch")
        next(iter(BatchSampler(chosen.labels, batch_size=64, balanced=True)))
        report("balanced sampler, first batch")


if __name__ == "__main__":
    main()
