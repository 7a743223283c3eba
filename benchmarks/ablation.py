"""The ablation in small: mixing, compound loss and perturbation switched off, same budget, one table.

Each row trains with `ganprint train` and is evaluated on test_seen, clean and under the 15 seen corruptions.
Rows already trained, in a folder named by preset, epochs and seed, are not trained again.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

ROWS = {
    "all": [],
    "without mixing": ["mix_count=1", "batch_size=64"],
    "without compound": ["compound=false"],
    "without both": ["mix_count=1", "batch_size=64", "compound=false"],
    "without perturbation": ["policy=none"],
}


def ganprint(*arguments: str) -> str:
    """Run the command line and return its stdout."""
    command = [sys.executable, "-m", "ganprint", *arguments]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--preset", default="repmix-native")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--seed", default="0")
    parser.add_argument("--workers", default="1")
    arguments = parser.parse_args()
    print(f"{arguments.preset}, {arguments.epochs} epochs each, seed {arguments.seed}")
    print("| | clean det / attr / bal | perturbed det / attr / bal |")
    print("|---|---|---|")
    for name, settings in ROWS.items():
        budget = f"{arguments.preset}-{arguments.epochs}-{arguments.seed}"
        folder = arguments.out / budget / name.replace(" ", "-")
        if not (folder / "card.yaml").is_file():
            sets = [f"--set={value}" for value in [*settings, f"epochs={arguments.epochs}"]]
            common = ["--data", arguments.data, "--preset", arguments.preset, "--seed", arguments.seed]
            common += ["--workers", arguments.workers]
            resume = ["--resume"] if (folder / "checkpoints/last.safetensors").is_file() else []
            train = ["train", "--method", "repmix", *common, "--out", str(folder), "--precision", "bf16"]
            ganprint(*train, *resume, *sets)
        cells = []
        for policy in ("none", "test-seen"):
            where = ["--data", arguments.data, "--split", "test_seen", "--policy", policy, "--json"]
            found = json.loads(ganprint("evaluate", "--weights", str(folder), *where))
            keys = ("detection_accuracy", "attribution_accuracy", "balanced_accuracy")
            cells.append(" / ".join(f"{found[key]['value']:.3f}" for key in keys))
        print(f"| {name} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
