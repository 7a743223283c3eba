"""The loop that the fuzz benchmarks share: files are sent, and what comes of each is counted, watched and printed."""

import argparse
import faulthandler
import resource
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

SECONDS_PER_FILE = 5.0
MEGABYTES = 1000.0
_WATCHDOG_SECONDS = 20
"""Of CPU: a hang in a C library cannot be interrupted from Python, so the process says where it is, and ends."""


@dataclass
class Outcome:
    """What came of a run: files by kind and result, what escaped, and the slowest, in seconds of CPU."""

    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    escaped: list[str] = field(default_factory=list)
    slowest: tuple[float, str] = (0.0, "")

    @property
    def peak_megabytes(self) -> float:
        """The peak memory of the process so far."""
        # Linux gives kilobytes, macOS bytes.
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)

    @property
    def failed(self) -> bool:
        """Say whether any of the three promises was broken."""
        return bool(self.escaped) or self.slowest[0] > SECONDS_PER_FILE or self.peak_megabytes > MEGABYTES

    def print(self) -> None:
        """Print a table of kinds by results, and what is measured of them."""
        results = sorted({result for _, result in self.counts})
        print(f"{'':16}" + "".join(f"{result:>19}" for result in results))
        for kind in sorted({kind for kind, _ in self.counts}):
            print(f"{kind:16}" + "".join(f"{self.counts[kind, result]:19}" for result in results))
        print(f"{sum(self.counts.values())} files, {time.process_time():.0f} s of CPU")
        print(f"slowest: {self.slowest[0]:.2f} s of CPU, {self.slowest[1]}")
        print(f"peak memory: {self.peak_megabytes:.0f} MB; escaped: {len(self.escaped)}")
        print("".join(f"{text[-900:]}\n" for text in self.escaped[:10]), end="")


def send(files: Iterable[tuple[str, str, Callable[[], str]]]) -> Outcome:
    """Read files, each a kind, a name, and what reads it and returns the result; Ctrl-C ends it with what there is."""
    outcome = Outcome()
    for number, (kind, name, read) in enumerate(files, start=1):
        signal.setitimer(signal.ITIMER_PROF, _WATCHDOG_SECONDS)
        began = time.process_time()
        try:
            result = read()
        except KeyboardInterrupt:
            break
        except BaseException:
            # Whatever it is, it must be counted and shown, and the rest of the files tried.
            result = "escaped"
            outcome.escaped.append(f"{kind} {name}: {traceback.format_exc(limit=-3)}")
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
        outcome.counts[kind, result] += 1
        outcome.slowest = max(outcome.slowest, (time.process_time() - began, f"{kind} {name}"))
        if number % 10_000 == 0:
            print(f"{number} sent, {len(outcome.escaped)} escaped", file=sys.stderr)
    return outcome


def run(about: str | None, fuzz: Callable[[argparse.Namespace, Path], Outcome], *more: str) -> int:
    """Run a benchmark by its command line, in a folder of its own; return 1 where it failed.

    `more` are options of its own that take a value.
    """
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    for option in more:
        parser.add_argument(option)
    options = parser.parse_args()
    faulthandler.register(signal.SIGPROF, chain=True)
    with tempfile.TemporaryDirectory() as folder:
        outcome = fuzz(options, Path(folder))
    outcome.print()
    return int(outcome.failed)
