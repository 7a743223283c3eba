"""All tables of some results, whichever experiments they are of."""

from collections.abc import Sequence

from ganprint.evaluation.experiments import (
    adversarial_table,
    condition_table,
    fixed_corruption,
    resharing_table,
    robustness_tables,
)
from ganprint.evaluation.leaderboard import Entry
from ganprint.evaluation.studies import Variant, study_tables
from ganprint.evaluation.tables import Table
from ganprint.perturb.attacks import PREFIX as ATTACKED
from ganprint.perturb.sharing import PREFIX as SHARED


def result_tables(
    entries: Sequence[Entry], metric: str, robustness: Sequence[str], variants: Sequence[Variant] = ()
) -> list[Table]:
    """Return the tables of results: by condition, after sharing, under attack, and by corruption for `robustness`.

    `robustness` names the splits whose corruptions are shown so. Of weights that are variants of a study, the
    first tables are the study's.
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
    tables += [resharing_table(entries, split, metric) for split in dict.fromkeys(e.split for e in shared)]
    tables += [adversarial_table(entries, split) for split in dict.fromkeys(e.split for e in attacked)]
    for split in robustness:
        tables += robustness_tables(entries, split, metric)
    return tables
