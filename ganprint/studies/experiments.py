"""The published experiments: their tables."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from statistics import mean

from ganprint.evaluation.differences import GroupSample, difference, group_sample, mean_sample
from ganprint.evaluation.entry import Entry
from ganprint.evaluation.group_metrics import GroupMean, group_mean
from ganprint.evaluation.results import METRICS, OPEN_SET_METRICS
from ganprint.evaluation.tables import DAGGER, SEEN_MARK, Cell, Column, Row, Table
from ganprint.perturbation import CORRUPTIONS, SEEN, UNSEEN
from ganprint.perturbation.attacks import PREFIX as ATTACKED
from ganprint.perturbation.attacks import parse_attack
from ganprint.perturbation.chain import PREFIX as SHARED
from ganprint.studies.variants import Variant
from ganprint.weights import Interval

SHORT = {
    "detection_accuracy": "detection",
    "attribution_accuracy": "attribution",
    "balanced_accuracy": "balanced",
    "nmi": "NMI",
    "auroc": "AUROC",
    "oscr": "OSCR",
}
"""What tables call the metrics."""


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
    keys = [("none", target) for target in dict.fromkeys(attack.target for attack in attacks)]
    columns = [Column("", f"clean {target}") for _, target in keys]
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
) -> dict[tuple[str, str, int], list[tuple[str, dict[int, float]]]]:
    """Return by attack, target and steps the error of each of the weights by the largest change, 0 being clean."""
    here = [entry for entry in entries if entry.split == split]
    clean = {entry.weights: entry for entry in here if entry.policy == "none"}
    curves: dict[tuple[str, str, int], dict[str, dict[int, float]]] = {}
    for entry in here:
        if not entry.policy.startswith(ATTACKED):
            continue
        attack = parse_attack(entry.policy)
        by_name = curves.setdefault((attack.kind, attack.target, attack.steps), {})
        curve = by_name.setdefault(_attacked_name(entry.weights, entry.surrogate), {})
        before = _error(clean.get(entry.weights), attack.target).value
        after = _error(entry, attack.target).value
        curve |= {change: error for change, error in ((0, before), (attack.epsilon, after)) if error is not None}
    return {which: list(by_name.items()) for which, by_name in curves.items()}


def _attacked_name(weights: str, surrogate: str | None) -> str:
    return f"{weights} (through {surrogate})" if surrogate else weights


def _error(entry: Entry | None, target: str) -> Cell:
    accuracy: Interval | None = getattr(entry, f"{target}_accuracy", None)
    if entry is None or accuracy is None:
        return Cell(None)
    low, high = (None if bound is None else 1 - bound for bound in (accuracy.high, accuracy.low))
    return Cell(1 - accuracy.value, low, high, sample=group_sample(entry, f"{target}_accuracy"))


def resharing_table(entries: Sequence[Entry], split: str, metric: str) -> Table:
    """Return the table of post-processing chains by weights: a metric, and its loss relative to clean."""
    found = Robustness(entries, split, metric)
    shared = [entry for entry in entries if entry.split == split and entry.policy.startswith(SHARED)]
    names = list(dict.fromkeys(entry.weights for entry in shared))
    clean = [found.cell(name, ["none"]) for name in names]
    rows = _clean_row(clean)
    for chain in dict.fromkeys(entry.policy for entry in shared):
        cells = [found.cell(name, [chain]) for name in names]
        rows.append(Row(chain.removeprefix(SHARED), _with_losses(cells, clean)))
    columns = tuple(Column("", name) for name in names)
    title = f"{SHORT[metric]} on {split} after post-processing (change from clean)"
    return Table(title, "chain", columns, tuple(rows), best="across")


def condition_table(entries: Sequence[Entry]) -> Table:
    """Return weights by conditions, of each the metrics (Bui et al. 2022, table 1)."""
    conditions = list(dict.fromkeys((entry.split, entry.policy) for entry in entries))
    measured = [
        (condition, metric)
        for condition in conditions
        for metric in (*METRICS, *OPEN_SET_METRICS)
        if any((each.split, each.policy) == condition and getattr(each, metric) is not None for each in entries)
    ]
    title = _counted(entries)
    heads = {}
    for condition in conditions:
        counts = _counted([entry for entry in entries if (entry.split, entry.policy) == condition])
        heads[condition] = ", ".join(condition) + ("" if counts == title else f" ({counts})")
    columns = [Column(heads[condition], SHORT[metric]) for condition, metric in measured]
    rows = [
        Row(
            name + (f" {SEEN_MARK}" if any(_was_seen(entry) for entry in found.values()) else ""),
            tuple(
                Cell.of(getattr(found[condition], metric), group_sample(found[condition], metric))
                if condition in found
                else Cell(None)
                for condition, metric in measured
            ),
        )
        for name, found in _by_weights(entries).items()
    ]
    if any(map(_was_seen, entries)):
        title += f" ({SEEN_MARK} trained, selected or calibrated on some of them)"
    return Table(title, "weights", tuple(columns), tuple(rows))


def difference_table(entries: Sequence[Entry], metric: str, against: str | None = None) -> Table | None:
    """Return weights by conditions: a metric less that of one of them, with paired intervals over groups.

    That is `against`, or the one with the highest mean over the conditions that all have. None where no two results
    are of the same groups, or their groups are not known.
    """
    by_name = _by_weights([entry for entry in entries if entry.surrogate is None])
    samples: dict[str, dict[tuple[str, str], GroupSample]] = {}
    for name, entries_of in by_name.items():
        for condition, entry in entries_of.items():
            if (sample := group_sample(entry, metric)) is not None:
                samples.setdefault(name, {})[condition] = sample
    if len(samples) < 2 or (against is not None and against not in samples):
        return None
    shared = set.intersection(*(set(found) for found in samples.values()))
    values = {name: [getattr(by_name[name][each], metric).value for each in shared] for name in samples}
    first = against or max(samples, key=lambda name: sum(values[name]))
    rows, conditions = [], list(samples[first])
    for name in (each for each in samples if each != first):
        found = [difference(samples[name].get(each), samples[first][each]) for each in conditions]
        rows.append(Row(name, tuple(map(_difference_cell, found)), ranked=False))
    columns = tuple(Column("", f"{split}, {policy}") for split, policy in conditions)
    return Table(f"{SHORT[metric]} less that of {first} (95 % interval over groups)", "weights", columns, tuple(rows))


def _was_seen(entry: Entry) -> bool:
    return any(seen.images for seen in entry.seen.values())


def _difference_cell(found: GroupMean | None) -> Cell:
    if found is None:
        return Cell(None)
    bounds = "" if found.low is None else f"{found.low:+.3f} to {found.high:+.3f}"
    return Cell(found.value, note=bounds)


def _counted(entries: Sequence[Entry]) -> str:
    """Return how many images and groups results are of, from the fewest to the most."""
    groups = [entry.groups for entry in entries if entry.groups]
    return f"{_span([entry.n for entry in entries])} images" + (f", {_span(groups)} groups" if groups else "")


def _span(counts: Sequence[int]) -> str:
    low, high = min(counts), max(counts)
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


class Robustness:
    """A metric of several weights on a split, clean and by corruption and severity, as far as it was measured.

    `names` are the weights, `kinds` the corruptions, the seen before the unseen, `severities` those measured.
    """

    def __init__(self, entries: Sequence[Entry], split: str, metric: str) -> None:
        self.split, self.metric = split, metric
        self._found = {(entry.weights, entry.policy): entry for entry in entries if entry.split == split}
        fixed = [(name, *found) for name, policy in self._found if (found := fixed_corruption(policy))]
        measured = {kind for _, kind, _ in fixed}
        self.names = list(dict.fromkeys(name for name, _, _ in fixed))
        self.kinds = [kind for kind in (*SEEN, *UNSEEN) if kind in measured]
        self.unseen = [kind for kind in self.kinds if kind in UNSEEN]
        self.severities = sorted({severity for _, _, severity in fixed})

    def value(self, name: str, policy: str) -> float | None:
        """Return some weights' value under a policy, `none` being clean."""
        entry = self._found.get((name, policy))
        interval = None if entry is None else getattr(entry, self.metric)
        return None if interval is None else float(interval.value)

    def mean(self, name: str, kind: str) -> float | None:
        """Return some weights' mean over the severities of a corruption, all of which are there; else None."""
        return self.cell(name, self._policies([kind])).value

    def cell(self, name: str, policies: Sequence[str]) -> Cell:
        """Return some weights' mean over policies, with its interval if there is one; nothing where one is missing."""
        entries = [self._found.get((name, policy)) for policy in policies]
        samples = [None if entry is None else group_sample(entry, self.metric) for entry in entries]
        if len(policies) == 1 and entries[0] is not None:
            return Cell.of(getattr(entries[0], self.metric), samples[0])
        there = [value for policy in policies if (value := self.value(name, policy)) is not None]
        # A mean over fewer would not compare.
        value = mean(there) if there and len(there) == len(policies) else None
        sample = mean_sample(samples)
        if value is None or sample is None or sample.value is None:
            return Cell(value)
        found = group_mean(sample.value, sample.source, sample.group)
        return Cell(value, found.low, found.high, sample=sample)

    def _policies(self, kinds: Sequence[str]) -> list[str]:
        return [f"{kind}:{severity}" for kind in kinds for severity in self.severities]

    def table(self) -> Table:
        """Return corruptions by weights: the mean over severities, and what part of the clean value is lost.

        Unseen corruptions are marked; the means of the seen, the unseen and all stand below.
        """
        clean = [self.cell(name, ["none"]) for name in self.names]
        rows = _clean_row(clean)
        for title, chosen in (
            *((_marked(kind), [kind]) for kind in self.kinds),
            ("mean of the seen", [kind for kind in self.kinds if kind not in UNSEEN]),
            (f"mean of the unseen {DAGGER}", self.unseen),
            ("mean of all", self.kinds),
        ):
            if chosen:
                cells = [self.cell(name, self._policies(chosen)) for name in self.names]
                rows.append(Row(title, _with_losses(cells, clean)))
        columns = tuple(Column("", name) for name in self.names)
        title = f"{SHORT[self.metric]} on {self.split}, mean over severities (change from clean)"
        return Table(title, "corruption", columns, tuple(rows), best="across")

    def severity_table(self, name: str) -> Table:
        """Return corruptions by severities for some weights."""
        rows = []
        for kind in self.kinds:
            values = [self.value(name, policy) for policy in self._policies([kind])]
            rows.append(Row(_marked(kind), tuple(map(Cell, [*values, self.mean(name, kind)])), ranked=False))
        columns = [Column("", f"severity {severity}") for severity in self.severities]
        title = f"{name}: {SHORT[self.metric]} on {self.split}"
        return Table(title, "corruption", (*columns, Column("", "mean")), tuple(rows))


def fixed_corruption(policy: str) -> tuple[str, int] | None:
    """Return the corruption and severity that a policy fixes; None where it fixes none."""
    kind, _, severity = policy.partition(":")
    return (kind, int(severity)) if kind in CORRUPTIONS and severity.isdigit() else None


def robustness_splits(entries: Sequence[Entry]) -> list[str]:
    """Return the splits on which some corruption was measured at more severities than one."""
    found = []
    for split in dict.fromkeys(entry.split for entry in entries):
        fixed = {fixed_corruption(entry.policy) for entry in entries if entry.split == split} - {None}
        kinds = [pair[0] for pair in fixed if pair]
        if len(kinds) > len(set(kinds)):
            found.append(split)
    return found


def study_tables(entries: Sequence[Entry], variants: Sequence[Variant], metric: str) -> list[Table]:
    """Return the changes of a method by conditions, and methods by the number of semantic classes trained on."""
    labels = {variant.name: variant.label for variant in variants if variant.semantics is None}
    changed = [
        entry.model_copy(update={"weights": labels[entry.weights]}) for entry in entries if entry.weights in labels
    ]
    tables = [condition_table(changed)] if changed else []
    curves = semantics_curves(entries, variants, metric)
    if not curves:
        return tables
    counts = sorted({count for curve in curves.values() for count in curve})
    # Each number of classes under each condition.
    heads = [
        (condition, count) for condition in dict.fromkeys(condition for condition, _ in curves) for count in counts
    ]
    columns = [Column(f"{split}, {policy}", f"{n} class{'es' if n > 1 else ''}") for (split, policy), n in heads]
    rows = [
        Row(method, tuple(Cell(curves.get((condition, method), {}).get(count)) for condition, count in heads))
        for method in dict.fromkeys(method for _, method in curves)
    ]
    title = f"{metric.replace('_', ' ')} by the number of semantic classes trained on"
    return [*tables, Table(title, "method", tuple(columns), tuple(rows))]


def semantics_curves(
    entries: Sequence[Entry], variants: Iterable[Variant], metric: str
) -> dict[tuple[tuple[str, str], str], dict[int, float]]:
    """Return by condition and method the metric for each number of semantic classes trained on."""
    named = {variant.name: variant for variant in variants if variant.semantics is not None}
    curves: dict[tuple[tuple[str, str], str], dict[int, float]] = {}
    for entry in entries:
        variant, value = named.get(entry.weights), getattr(entry, metric)
        if variant is not None and variant.semantics is not None and value is not None:
            curve = curves.setdefault(((entry.split, entry.policy), variant.method), {})
            curve[len(variant.semantics)] = float(value.value)
    return curves


def _by_weights(entries: Sequence[Entry]) -> dict[str, dict[tuple[str, str], Entry]]:
    by_name: dict[str, dict[tuple[str, str], Entry]] = {}
    for entry in entries:
        by_name.setdefault(entry.weights, {})[entry.split, entry.policy] = entry
    return by_name


def _marked(kind: str) -> str:
    return f"{kind} {DAGGER}" if kind in UNSEEN else kind


def _clean_row(clean: Sequence[Cell]) -> list[Row]:
    """Return the row of clean values, none where no weights were measured so."""
    return [Row("clean", tuple(clean))] if any(cell.value is not None for cell in clean) else []


def _with_losses(cells: Sequence[Cell], clean: Sequence[Cell]) -> tuple[Cell, ...]:
    return tuple(
        replace(cell, note=f"{(cell.value - before.value) / before.value:+.0%}")
        if cell.value is not None and before.value
        else cell
        for cell, before in zip(cells, clean, strict=True)
    )
