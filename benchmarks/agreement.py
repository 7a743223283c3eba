"""How the order of the seven rows of RepMix's table 1 agrees with the paper.

agreement.py RESULTS [DATA]: RESULTS is the folder of `ganprint compare --out` or `leaderboard`, DATA the data set
(wild128). Prints one Markdown row a metric: Spearman's rank correlation of the values measured under the 15 corruptions
that training shows (test_seen:test-seen) with those published for Attribution88, and the measured order.
"""

import sys
from pathlib import Path

from ganprint_plugins.repmix_published import COMPARISON
from scipy.stats import spearmanr

from ganprint.evaluation.leaderboard import read_entries

WEIGHTS = {
    "RepMix": "repmix", "Yu et al. (reimp.)": "yu-reimp", "Yu et al.": "yu", "DCT-CNN": "dct-cnn",
    "Reverse Engineering": "reverse-engineering", "EigenFace": "eigenface", "PRNU": "prnu",
}  # fmt: skip
METRICS = ("detection_accuracy", "attribution_accuracy", "nmi")


def main() -> None:
    """Print the rows."""
    results, data = Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else "wild128"
    found = {
        entry.weights: entry
        for entry in read_entries(results)
        if (entry.data, entry.split, str(entry.policy)) == (data, "test_seen", "test-seen")
    }
    print("| metric | Spearman's rho | measured order |\n|---|---|---|")
    for place, metric in enumerate(METRICS):
        measured = {name: getattr(found[f"{own}.{data}"], metric).value for name, own in WEIGHTS.items()}
        published = [COMPARISON[name][1][place] for name in measured]
        rho = spearmanr(list(measured.values()), published).statistic
        order = sorted(measured, key=measured.__getitem__, reverse=True)
        print(f"| {metric} | {rho:.2f} | {', '.join(f'{name} {measured[name]:.3f}' for name in order)} |")


if __name__ == "__main__":
    main()
