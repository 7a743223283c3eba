"""The published experiments: which conditions each needs, and the tables that their results make."""

from collections.abc import Sequence
from statistics import mean

from ganprint.evaluation.leaderboard import Entry
from ganprint.evaluation.results import METRICS, OPEN_SET_METRICS
from ganprint.evaluation.tables import DAGGER, Cell, Column, Row, Table
from ganprint.perturb import CORRUPTIONS, RESHARING, SEEN, SEVERITIES, UNSEEN
from ganprint.perturb.attacks import PREFIX as ATTACKED
from ganprint.perturb.attacks import Attack, parse_attack
from ganprint.perturb.sharing import PREFIX as SHARED

SHORT = {
    "detection_accuracy": "detection",
    "attribution_accuracy": "attribution",
    "balanced_accuracy": "balanced",
    "nmi": "NMI",
    "auroc": "AUROC",
    "oscr": "OSCR",
}
"""What tables call the metrics."""


def robustness_conditions(
    split: str, corruptions: Sequence[str] = CORRUPTIONS, severities: Sequence[int] = SEVERITIES
) -> list[tuple[str, str]]:
    """Return clean and each corruption at each severity (Bui et al. 2022, figure 4)."""
    return [(split, "none")] + [
        (split, f"{kind}:{severity}") for kind in corruptions for severity in severities
    ]


def resharing_conditions(split: str) -> list[tuple[str, str]]:
    """Return clean and what happens to images that are shared online, single steps and chains of two."""
    return [(split, "none"), *((split, SHARED + chain) for chain in RESHARING)]


def adversarial_conditions(split: str, attacks: Sequence[Attack]) -> list[tuple[str, str]]:
    """Return clean and each attack (Bui et al. 2022, table 2)."""
    return [(split, "none"), *((split, str(attack)) for attack in attacks)]


def adversarial_table(entries: Sequence[Entry], split: str) -> Table:
    """Return weights by attacks: the error, one minus the accuracy of what was attacked.

    Weights attacked through others' gradients say so.
    """
    found = {(e.weights, e.surrogate, e.policy): e for e in entries if e.split == split}
    attacked = [entry for entry in found.values() if entry.policy.startswith(ATTACKED)]
    attacks = sorted(
        {parse_attack(entry.policy) for entry in attacked},
        key=lambda attack: (attack.kind, attack.target, attack.steps, attack.epsilon),
    )
    columns, keys = [], []
    for target in dict.fromkeys(attack.target for attack in attacks):
        columns.append(Column("", f"clean {target}"))
        keys.append(("none", target))
    for attack in attacks:
        steps = f", {attack.steps} steps" if attack.kind == "pgd" else ""
        columns.append(Column(f"{attack.kind.upper()} on {attack.target}{steps}", f"{attack.epsilon}/255"))
        keys.append((str(attack), attack.target))
    rows = []
    for name, surrogate in dict.fromkeys((entry.weights, entry.surrogate) for entry in attacked):
        cells = tuple(
            _error(found.get((name, surrogate if policy != "none" else None, policy)), target)
            for policy, target in keys
        )
        rows.append(Row(_attacked_name(name, surrogate), cells, ranked=surrogate is None))
    title = f"error on {split} under attack, white-box but where another's gradients are named"
    return Table(title, "weights", tuple(columns), tuple(rows), of_errors=True)


def adversarial_curves(
    entries: Sequence[Entry], split: str
) -> dict[tuple[str, str], list[tuple[str, dict[int, float]]]]:
    """Return by attack and target the error of each of the weights by the largest change, 0 being clean."""
    here = [entry for entry in entries if entry.split == split]
    clean = {entry.weights: entry for entry in here if entry.policy == "none"}
    curves: dict[tuple[str, str], dict[str, dict[int, float]]] = {}
    for entry in here:
        if not entry.policy.startswith(ATTACKED):
            continue
        attack = parse_attack(entry.policy)
        by_name = curves.setdefault((attack.kind, attack.target), {})
        curve = by_name.setdefault(_attacked_name(entry.weights, entry.surrogate), {})
        before = _error(clean.get(entry.weights), attack.target).value
        after = _error(entry, attack.target).value
        curve |= {0: before} if before is not None else {}
        curve |= {attack.epsilon: after} if after is not None else {}
    return {which: list(by_name.items()) for which, by_name in curves.items()}


def _attacked_name(weights: str, surrogate: str | None) -> str:
    return f"{weights} (through {surrogate})" if surrogate else weights


def _error(entry: Entry | None, target: str) -> Cell:
    accuracy = getattr(entry, f"{target}_accuracy", None)
    if accuracy is None:
        return Cell(None)
    low, high = (None if bound is None else 1 - bound for bound in (accuracy.high, accuracy.low))
    return Cell(1 - accuracy.value, low, high)


def resharing_table(entries: Sequence[Entry], split: str, metric: str) -> Table:
    """Return chains of sharing by weights: a metric, and what part of the clean value is lost."""
    found = Robustness(entries, split, metric)
    shared = [entry for entry in entries if entry.split == split and entry.policy.startswith(SHARED)]
    names = list(dict.fromkeys(entry.weights for entry in shared))
    clean = [found.value(name, "none") for name in names]
    rows = [Row("clean", tuple(map(Cell, clean)))]
    for chain in dict.fromkeys(entry.policy for entry in shared):
        values = [found.value(name, chain) for name in names]
        rows.append(Row(chain.removeprefix(SHARED), _with_losses(values, clean)))
    columns = tuple(Column("", name) for name in names)
    title = f"{SHORT[metric]} on {split} after sharing (change from clean)"
    return Table(title, "shared", columns, tuple(rows), best="across")


def condition_table(entries: Sequence[Entry]) -> Table:
    """Return weights by conditions, of each the metrics (Bui et al. 2022, table 1)."""
    conditions = list(dict.fromkeys((entry.split, entry.policy) for entry in entries))
    measured = [
        (condition, metric)
        for condition in conditions
        for metric in metrics_of([entry for entry in entries if (entry.split, entry.policy) == condition])
    ]
    columns = [Column(f"{split}, {policy}", SHORT[metric]) for (split, policy), metric in measured]
    rows = [
        Row(
            name,
            tuple(
                Cell.of(getattr(found[condition], metric)) if condition in found else Cell(None)
                for condition, metric in measured
            ),
        )
        for name, found in _by_weights(entries).items()
    ]
    counts = sorted({entry.n for entry in entries})
    images = f"{counts[0]:,}" if len(counts) == 1 else f"{counts[0]:,} to {counts[-1]:,}"
    return Table(f"{images} images", "weights", tuple(columns), tuple(rows))


def metrics_of(entries: Sequence[Entry]) -> tuple[str, ...]:
    """Return the metrics that some of the results have, in the order of tables."""
    return tuple(
        name
        for name in (*METRICS, *OPEN_SET_METRICS)
        if any(getattr(entry, name) is not None for entry in entries)
    )


class Robustness:
    """A metric of several weights on a split, clean and by corruption and severity, as far as it was measured.

    `names` are the weights, `kinds` the corruptions, the seen before the unseen, `severities` those measured.
    """

    def __init__(self, entries: Sequence[Entry], split: str, metric: str) -> None:
        self.split, self.metric = split, metric
        self._found = {(entry.weights, entry.policy): entry for entry in entries if entry.split == split}
        fixed = [fixed_corruption(policy) for _, policy in self._found]
        measured = {kind for kind, _ in filter(None, fixed)}
        self.kinds = [kind for kind in (*SEEN, *UNSEEN) if kind in measured]
        self.severities = sorted({severity for _, severity in filter(None, fixed)})
        self.unseen = [kind for kind in self.kinds if kind in UNSEEN]
        fixed_for = [name for name, policy in self._found if fixed_corruption(policy)]
        self.names = list(dict.fromkeys(fixed_for))

    def value(self, name: str, policy: str) -> float | None:
        """Return some weights' value under a policy, `none` being clean."""
        entry = self._found.get((name, policy))
        interval = None if entry is None else getattr(entry, self.metric)
        return None if interval is None else float(interval.value)

    def mean(self, name: str, kind: str) -> float | None:
        """Return some weights' mean over the severities of a corruption, all of which are there; else None."""
        return _mean([self.value(name, f"{kind}:{severity}") for severity in self.severities])

    def table(self) -> Table:
        """Return corruptions by weights: the mean over severities, and what part of the clean value is lost.

        Unseen corruptions are marked; the means of the seen, the unseen and all stand below.
        """
        clean = [self.value(name, "none") for name in self.names]
        means = {kind: [self.mean(name, kind) for name in self.names] for kind in self.kinds}
        rows = [Row("clean", tuple(Cell(value) for value in clean))]
        rows += [Row(_marked(kind), _with_losses(means[kind], clean)) for kind in self.kinds]
        for title, chosen in (
            ("mean of the seen", [kind for kind in self.kinds if kind not in UNSEEN]),
            (f"mean of the unseen {DAGGER}", self.unseen),
            ("mean of all", self.kinds),
        ):
            if chosen:
                values = [_mean(column) for column in zip(*(means[kind] for kind in chosen), strict=True)]
                rows.append(Row(title, _with_losses(values, clean)))
        columns = tuple(Column("", name) for name in self.names)
        title = f"{SHORT[self.metric]} on {self.split}, mean over severities (change from clean)"
        return Table(title, "corruption", columns, tuple(rows), best="across")

    def severity_table(self, name: str) -> Table:
        """Return corruptions by severities for some weights."""
        rows = [
            Row(
                _marked(kind),
                (
                    *(Cell(self.value(name, f"{kind}:{level}")) for level in self.severities),
                    Cell(self.mean(name, kind)),
                ),
                ranked=False,
            )
            for kind in self.kinds
        ]
        columns = [Column("", f"severity {severity}") for severity in self.severities]
        title = f"{name}: {SHORT[self.metric]} on {self.split}"
        return Table(title, "corruption", (*columns, Column("", "mean")), tuple(rows))


def fixed_corruption(policy: str) -> tuple[str, int] | None:
    """Return the corruption and severity that a policy fixes; None where it fixes none."""
    kind, _, severity = policy.partition(":")
    return (kind, int(severity)) if kind in CORRUPTIONS and severity.isdigit() else None


def robustness_tables(entries: Sequence[Entry], split: str, metric: str) -> list[Table]:
    """Return corruptions by weights, and then for each of the weights corruptions by severities."""
    found = Robustness(entries, split, metric)
    return [found.table(), *(found.severity_table(name) for name in found.names)]


def robustness_splits(entries: Sequence[Entry]) -> list[str]:
    """Return the splits on which some corruption was measured at more severities than one."""
    found = []
    for split in dict.fromkeys(entry.split for entry in entries):
        fixed = {fixed_corruption(entry.policy) for entry in entries if entry.split == split} - {None}
        kinds = [pair[0] for pair in fixed if pair]
        if len(kinds) > len(set(kinds)):
            found.append(split)
    return found


def _by_weights(entries: Sequence[Entry]) -> dict[str, dict[tuple[str, str], Entry]]:
    by_name: dict[str, dict[tuple[str, str], Entry]] = {}
    for entry in entries:
        by_name.setdefault(entry.weights, {})[entry.split, entry.policy] = entry
    return by_name


def _marked(kind: str) -> str:
    return f"{kind} {DAGGER}" if kind in UNSEEN else kind


def _mean(values: Sequence[float | None]) -> float | None:
    """Return the mean, or None where a value is missing: a mean over fewer would not compare."""
    there = [value for value in values if value is not None]
    return mean(there) if there and len(there) == len(values) else None


def _with_losses(values: Sequence[float | None], clean: Sequence[float | None]) -> tuple[Cell, ...]:
    return tuple(
        Cell(value, note=f"{(value - before) / before:+.0%}" if value is not None and before else "")
        for value, before in zip(values, clean, strict=True)
    )
