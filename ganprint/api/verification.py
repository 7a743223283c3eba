"""Examine the images of a case again and compare: the workflow of `ganprint verify`."""

from collections.abc import Iterator
from pathlib import Path
from typing import Self

from ganprint.forensics.ensemble import Ensemble
from ganprint.forensics.record import CaseRecord, read_record
from ganprint.forensics.verify import Comparison, changed_facts, load_recorded, unlike_report, verify_record
from ganprint.weights.environment import versions


def verify(record: str | Path, *, device: str | None = None) -> "Verification":
    """Read the record that a report wrote, load its weights, and return an iterator of how each image compares.

    `device` is the record's if left out. Raises UsageError for what is no record, WeightsError where its weights are
    not installed.
    """
    case = read_record(Path(record))
    ensemble = load_recorded(case, device=device)
    return Verification(case, ensemble, Path(record))


class Verification(Iterator[Comparison]):
    """How each image of a `case` compares when it is examined again, in order.

    `facts` say what the record states of its weights that is not so now, and if the HTML report beside it is of another
    record; `versions` gives what was installed then and
    now where that differs.
    """

    def __init__(self, case: CaseRecord, ensemble: Ensemble, file: Path) -> None:
        self.case = case
        self.facts = [*changed_facts(case, ensemble), *unlike_report(file)]
        self.versions = {
            name: (case.versions.get(name), now) for name, now in versions().items() if case.versions.get(name) != now
        }
        self._comparisons = verify_record(case, ensemble, file.parent)

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Comparison:
        return next(self._comparisons)
