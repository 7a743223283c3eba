"""Kill commands at random moments, run them again, and compare what they leave with a run that nothing interrupted.

    python benchmarks/kill_and_resume.py --kills 30 --seed 0

`attribute --out`, `compare --out`, `train --out`, `enroll`, `calibrate --record` and `forge mini` are each killed by
SIGKILL, up to three times in a row, and then left to end. Exits 1 where a result differs from that of an uninterrupted
run (dates and times aside), or a temporary file or lock is left. Commands are forks of this process, which has imported
all that they need, so that kills meet their work and not Python's start.
"""

import argparse
import csv
import hashlib
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from safetensors import safe_open

from ganprint.plain_yaml import load_plain

TIMES = {"date", "seconds", "images_per_second", "command"}
"""Fields and columns that tell when, how fast and by which words, not what came out."""
LEFT_OVER = (".partial", ".unfinished", ".lock", ".tmp")
_SMALL = (
    *("--preset", "repmix-mini", "--set", "backbone_options.widths=[8,8,8,8]", "--set", "view.size=32"),
    *("--set", "perturb_at=null", "--set", "policy=none", "--set", "batch_size=6", "--set", "epochs=2"),
)
_RECIPE_CHANGES = {"images: 50": "images: 2", "photographs: 100": "photographs: 2", "float64": "float32"}
"""What makes the recipe of the embedded benchmark a matter of a second."""


@dataclass(frozen=True)
class Command:
    """A command line whose results lie in `out`, options that resume it after a kill, and what `out` is a copy of."""

    arguments: tuple[str, ...]
    out: Path
    resuming: Callable[[], tuple[str, ...]] = tuple
    before: Path | None = None

    def clear(self) -> None:
        """Undo all that the command did."""
        if self.out.is_file():
            self.out.unlink()
        shutil.rmtree(self.out, ignore_errors=True)
        if self.before:
            shutil.copytree(self.before, self.out)


@dataclass
class Runner:
    """Runs `ganprint` in forks of this process, what they print going to a file."""

    log: Path
    faults: list[str] = field(default_factory=list)

    def begin(self, arguments: tuple[str, ...]) -> Any:
        """Start a command and return its process."""
        child = get_context("fork").Process(target=_run, args=(arguments, self.log))
        child.start()
        return child

    def finish(self, arguments: tuple[str, ...]) -> float:
        """Run a command to its end and return its seconds; a failure is a fault."""
        began = time.monotonic()
        child = self.begin(arguments)
        child.join()
        if child.exitcode:
            self.faults.append(f"{' '.join(arguments)}: status {child.exitcode}: {self.log.read_text()[-800:]}")
        return time.monotonic() - began

    def kill(self, arguments: tuple[str, ...], after: float) -> bool:
        """Kill a command after so many seconds; return False where it had ended before."""
        child = self.begin(arguments)
        time.sleep(after)
        child.kill()
        child.join()
        return bool(child.exitcode == -signal.SIGKILL)


def _run(arguments: tuple[str, ...], log: Path) -> None:
    from ganprint.cli import main

    with log.open("wb", buffering=0) as out:
        os.dup2(out.fileno(), 1)
        os.dup2(out.fileno(), 2)
    sys.argv = ["ganprint", *arguments]
    main()


def results(out: Path) -> dict[str, str]:
    """Return a hash of what each file below a folder says, or of the one file, times left out.

    TensorBoard's logs are left out: there is one for each start, named after its time and process.
    """
    files = [file for file in sorted(out.rglob("*")) if "tfevents" not in file.name] if out.is_dir() else [out]
    return {str(path.relative_to(out.parent)): _digest(path) for path in files if path.is_file()}


def _digest(path: Path) -> str:
    said: Any = path.read_bytes()
    if path.suffix == ".json":
        said = _without_times(json.loads(said))
    elif path.suffix == ".jsonl":
        said = [_without_times(json.loads(line)) for line in said.splitlines()]
    elif path.suffix == ".yaml":
        said = _without_times(load_plain(said))
    elif path.suffix == ".safetensors":
        with safe_open(path, framework="numpy") as file:
            told = {name: _json(text) for name, text in (file.metadata() or {}).items()}
            tensors = {name: file.get_tensor(name).tobytes().hex() for name in file.keys()}  # noqa: SIM118
        said = [_without_times(told), tensors]
    elif path.suffix == ".csv" and not said.startswith(b"path"):
        rows = csv.DictReader(said.decode().splitlines())
        said = [_without_times(row) for row in rows if not TIMES & set(row.values())]
    text = said if isinstance(said, bytes) else json.dumps(said, sort_keys=True).encode()
    return hashlib.sha256(text).hexdigest()


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _without_times(tree: Any) -> Any:
    if isinstance(tree, dict):
        return {name: _without_times(value) for name, value in tree.items() if name not in TIMES}
    return [_without_times(value) for value in tree] if isinstance(tree, list) else tree


def write_images(folder: Path) -> Path:
    """Write small images of two sources in three splits, with a manifest, and return that."""
    draw = np.random.default_rng(0)
    rows = ["path,source,split,group"]
    for split, count in (("train", 12), ("val", 60), ("test_seen", 12)):
        for number in range(count):
            source = ("real", "progan")[number % 2]
            pixels = draw.integers(0, 256, (40, 40, 3)).astype(np.uint8)
            if source != "real":
                pixels = np.repeat(np.repeat(pixels[::2, ::2], 2, 0), 2, 1)
            path = folder / split / f"{number:02}.png"
            path.parent.mkdir(exist_ok=True)
            Image.fromarray(pixels).save(path)
            rows.append(f"{path.relative_to(folder)},{source},{split},{source}{number % 10}")
    (folder / "images.csv").write_text("\n".join(rows) + "\n")
    return folder / "images.csv"


def use_small_steps(folder: Path) -> None:
    """Make `forge mini` small, and `compare` keep its answers after each batch, in this process and its forks.

    What takes the commands seconds to import is imported here, once.
    """
    import sklearn  # noqa: F401
    import torch._dynamo  # noqa: F401

    import ganprint.reporting.curves  # noqa: F401
    from ganprint.evaluation.unfinished import Notebook
    from ganprint.forge import mini
    from ganprint.plain_yaml import load_plain

    recipe = Path(mini.__file__).with_name("mini.yaml").read_text()
    for before, after in _RECIPE_CHANGES.items():
        recipe = recipe.replace(before, after)
    small = mini.Recipe.model_validate(load_plain(recipe.encode()))
    mini.read_recipe = lambda part=mini.TESTS: small
    Notebook.__init__.__defaults__ = (0.0,)


def commands(folder: Path, runner: Runner) -> dict[str, Command]:
    """Return the commands, with the images, weights and calibration that they need, in a folder."""
    data = write_images(folder)
    for name in ("out", "home", "made"):
        (folder / name).mkdir(exist_ok=True)
    trained, judged = folder / "made" / "trained", folder / "out" / "judged"
    given = ("--data", str(data), "--workers", "0", "--device", "cpu")
    train = ("train", "--method", "repmix", *_SMALL, *given)
    calibrate = ("calibrate", *given, "--policy", "none", "--record", "--weights")
    runner.finish((*train, "--out", str(trained)))
    shutil.copytree(trained, folder / "made" / "judged")
    judge = str(folder / "made" / "judged")
    runner.finish((*calibrate, judge))

    def from_checkpoint() -> tuple[str, ...]:
        there = (folder / "out" / "trained" / "checkpoints" / "last.safetensors").exists()
        return ("--resume",) if there else ()

    out, home = folder / "out", folder / "home"
    verdicts, compared, again = out / "verdicts.jsonl", out / "compared", out / "trained"
    images = str(folder / "test_seen")
    asked = ("--condition", "test_seen:none", "--condition", "test_seen:gaussian_noise:5", "--batch-size", "4")
    attribute = ("attribute", images, "--weights", judge, "--batch-size", "1", "--out", str(verdicts))
    compare = ("compare", *given, *asked, "--weights", judge, "--out", str(compared))
    enroll = ("enroll", "pairs", images, "--weights", judge, "--device", "cpu")
    return {
        "attribute": Command(attribute, verdicts, lambda: ("--resume",)),
        "compare": Command(compare, compared),
        "train": Command((*train, "--out", str(again)), again, from_checkpoint),
        "enroll": Command(enroll, home / "data" / "ganprint", lambda: ("--force",)),
        "calibrate": Command((*calibrate, str(judged)), judged, before=trained),
        "forge mini": Command(("forge", "mini"), home / "cache" / "ganprint"),
    }


def torment(
    name: str, command: Command, kills: int, chance: random.Random, runner: Runner
) -> tuple[int, int, list[str]]:
    """Kill a command so many times; return its kills that met it alive, its runs to the end, and what was wrong."""
    command.clear()
    seconds = runner.finish(command.arguments)
    expected = results(command.out)
    wrong = [] if expected else [f"{name}: no result without kills"]
    met = ended = 0
    while met < kills:
        command.clear()
        line = command.arguments
        for _ in range(chance.randint(1, min(3, kills - met))):
            if not runner.kill(line, chance.uniform(0.02, 1.0) * seconds):
                break
            met += 1
            line = (*command.arguments, *command.resuming())
        else:
            runner.finish(line)
        ended += 1
        found = results(command.out)
        if found != expected:
            differing = [file for file in {*expected, *found} if expected.get(file) != found.get(file)]
            wrong.append(f"{name}: after {met} kills {', '.join(sorted(differing))} differ")
    return met, ended, wrong


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=30, help="of each command")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", help="this command alone")
    arguments = parser.parse_args()
    failed = False
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ |= {"XDG_DATA_HOME": f"{name}/home/data", "XDG_CACHE_HOME": f"{name}/home/cache"}
        runner = Runner(folder / "log")
        use_small_steps(folder)
        every = commands(folder, runner)
        for each in [arguments.only] if arguments.only else every:
            chance = random.Random(f"{arguments.seed} {each}")
            met, ended, wrong = torment(each, every[each], arguments.kills, chance, runner)
            left = [str(path) for path in folder.rglob("*") if path.name.endswith(LEFT_OVER)]
            wrong += [*runner.faults, *(f"{each}: {path} is left" for path in left)]
            runner.faults.clear()
            print(f"{each:12}{met:4} kills, {ended:3} runs to the end, {len(wrong)} faults", flush=True)
            print("".join(f"  {text}\n" for text in wrong[:10]), end="", flush=True)
            failed |= bool(wrong)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
