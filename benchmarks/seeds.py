"""How two methods differ whose weights were trained with several seeds each: paired differences over groups.

seeds.py RESULTS FIRST SECOND ...: RESULTS is the folder of `ganprint compare --out`, FIRST and the others are names of
weights, a comma between those of the same method with other seeds. Seeds are averaged within each group before groups
are resampled. Prints one CSV row a condition, metric and further method: its mean, that of FIRST, the difference with
its 95 % interval over groups, and the range over seeds.
"""

import csv
import sys
from pathlib import Path

from ganprint.evaluation.differences import difference, group_sample, mean_sample
from ganprint.evaluation.leaderboard import read_entries


def main() -> None:
    """Print the rows."""
    results, first, *others = sys.argv[1:]
    entries = {(each.split, each.policy, each.weights): each for each in read_entries(Path(results))}
    writer = csv.writer(sys.stdout)
    writer.writerow(["split", "policy", "metric", "weights", "mean", "of first", "less first", "low", "high", "range"])
    for split, policy in dict.fromkeys((split, policy) for split, policy, _ in entries):
        for metric in ("detection_accuracy", "attribution_accuracy"):
            found = {}
            for names in (first, *others):
                seeds = [entries[split, policy, name] for name in names.split(",")]
                sample = mean_sample([group_sample(each, metric) for each in seeds])
                values = [getattr(each, metric).value for each in seeds]
                found[names] = sample, values
            for names in others:
                apart = difference(found[names][0], found[first][0])
                means = [sum(found[each][1]) / len(found[each][1]) for each in (names, first)]
                bounds = (None,) * 3 if apart is None else (apart.value, apart.low, apart.high)
                numbers = ["" if each is None else f"{each:.3f}" for each in (*means, *bounds)]
                spread = f"{min(found[names][1]):.3f} - {max(found[names][1]):.3f}"
                writer.writerow([split, policy, metric, names, *numbers, spread])


if __name__ == "__main__":
    main()
