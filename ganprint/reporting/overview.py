"""All tables of a set of results, of every experiment, and those of papers, which stand beside measured ones."""

from collections.abc import Sequence
from dataclasses import replace

from ganprint import plugins
from ganprint.attributor import PublishedTable
from ganprint.evaluation.entry import Entry
from ganprint.evaluation.tables import Cell, Column, Row, Table
from ganprint.perturbation.attacks import PREFIX as ATTACKED
from ganprint.perturbation.chain import PREFIX as SHARED
from ganprint.studies.experiments import (
    Robustness,
    adversarial_table,
    condition_table,
    difference_table,
    fixed_corruption,
    resharing_table,
    study_tables,
)
from ganprint.studies.variants import Variant

UNITS = {"group": "means over groups", "image": "fractions of images"}


def result_tables(
    entries: Sequence[Entry],
    metric: str,
    robustness: Sequence[str],
    variants: Sequence[Variant] = (),
    against: str | None = None,
) -> list[Table]:
    """Return the tables of results: by condition, chain, attack, and for `robustness` by corruption.

    `robustness` names the splits whose corruptions are shown so. Of weights that are variants of a study, the
    first tables are the study's. Differences are from the weights `against`, or from those that lead. Titles say
    whether values are over groups or images.
    """
    shared = [entry for entry in entries if entry.policy.startswith(SHARED)]
    attacked = [entry for entry in entries if entry.policy.startswith(ATTACKED)]
    others = [
        entry
        for entry in entries
        if not entry.policy.startswith((SHARED, ATTACKED))
        and not (entry.split in robustness and fixed_corruption(entry.policy))
    ]
    tables = study_tables(others, variants, metric) if variants else []
    if others and not variants:
        tables.append(condition_table(others))
        tables += [table for table in [difference_table(others, metric, against)] if table]
    tables += [resharing_table(entries, split, metric) for split in dict.fromkeys(e.split for e in shared)]
    tables += [adversarial_table(entries, split) for split in dict.fromkeys(e.split for e in attacked)]
    for split in robustness:
        found = Robustness(entries, split, metric)
        tables += [found.table(), *(found.severity_table(name) for name in found.names)]
    said = " or, without groups, ".join(UNITS[unit] for unit in UNITS if unit in {entry.unit for entry in entries})
    return [replace(table, title=f"{table.title}; {said}") for table in tables]


def published_tables() -> list[Table]:
    """Return the tables that the papers of the installed methods report."""
    return [_as_table(table) for spec in plugins.specs() for table in spec.published]


def _as_table(table: PublishedTable) -> Table:
    columns = tuple(Column(group, name) for group, name in table.columns)
    rows = tuple(Row(f"{name} (published)", tuple(map(Cell, values))) for name, values in table.rows.items())
    return Table(f"Published: {table.title}", table.corner, columns, rows, of_errors=table.of_errors)
