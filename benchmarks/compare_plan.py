"""Plan a comparison over a million images, and go on with it, and print what that takes: seconds and memory.

Run: python benchmarks/compare_plan.py [--rows 1000000]
"""

import argparse
import resource
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from open_manifest import write_manifest

NAMES = ("repmix.wild128", "prnu.wild128", "dct-cnn.wild128")
SEVERITIES = ((), (3,), (1, 2, 3, 4, 5))


def plan(data: Path, severities: tuple[int, ...], out: Path, results: int) -> None:
    """Plan NAMES x clean and 19 corruptions at some severities, `results` of which are in `out`; print the cost."""
    from ganprint.data import Manifest
    from ganprint.evaluation.leaderboard import read_entries, save_entry
    from ganprint.evaluation.plan import Candidate
    from ganprint.evaluation.runner import Comparison
    from ganprint.perturbation import CORRUPTIONS
    from ganprint.weights import find, read_card

    candidates = [Candidate(find(name), read_card(find(name))) for name in NAMES]
    policies = ["none", *(f"{kind}:{severity}" for kind in CORRUPTIONS for severity in severities)]
    conditions = [("test_seen", policy) for policy in policies]
    if results:
        template = read_entries(Path(__file__).parents[1] / "leaderboard")[0]
        manifest = Manifest.open(data)
        every = Comparison(manifest, candidates, conditions)
        for job in every.jobs[:results]:
            key = every.key(job)
            same = {name: getattr(key, name) for name in key._fields if name in type(template).model_fields}
            save_entry(out, template.model_copy(update={**same, "data": data.stem}))
    began = time.perf_counter()
    comparison = Comparison(Manifest.open(data), candidates, conditions, out=out)
    missing = sum(len(batch) for batch in comparison.missing(comparison.batches))
    seconds = time.perf_counter() - began
    megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{len(comparison.jobs):>8}{missing:>9}{seconds:>9.1f} s{megabytes:>9.0f} MB", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "million.csv"
        write_manifest(data, options.rows, bare=False)
        print(f"{options.rows:,} rows, {len(NAMES)} weights")
        print(f"{'results':>8}{'missing':>9}{'planned in':>11}{'peak':>12}", flush=True)
        # A process for each: memory that one has asked for would count for the next.
        with ProcessPoolExecutor(1, get_context("spawn"), max_tasks_per_child=1) as program:
            for severities in SEVERITIES:
                jobs = len(NAMES) * (1 + 19 * len(severities))
                for results in (0, jobs // 2, jobs):
                    out = Path(folder) / f"results{jobs}-{results}"
                    program.submit(plan, data, severities, out, results).result()


if __name__ == "__main__":
    main()
