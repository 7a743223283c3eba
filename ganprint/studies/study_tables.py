"""Tables and curves of what a study's trainings were measured to do."""

from collections.abc import Iterable, Sequence

from ganprint.evaluation.entry import Entry
from ganprint.evaluation.tables import Cell, Column, Row, Table
from ganprint.studies.experiments import condition_table
from ganprint.studies.variants import Variant


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
