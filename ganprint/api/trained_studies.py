"""Train variants of methods and compare them: the workflows of `ganprint study`."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ganprint.api.candidates import chosen_methods
from ganprint.api.choices import check_methods, chosen_device
from ganprint.api.chosen_conditions import distinct_conditions, parse_condition
from ganprint.api.outputs import check_folder
from ganprint.attributor import Progress
from ganprint.data import Manifest
from ganprint.devices import quick_precision
from ganprint.errors import UsageError
from ganprint.evaluation.entry import Entry
from ganprint.processes import place
from ganprint.studies.variants import Variant, ablated_method, ablation_variants, check_addressees, semantics_variants

if TYPE_CHECKING:
    from ganprint.evaluation.plan import Settings
    from ganprint.evaluation.runner import Comparison
    from ganprint.studies.study import Study

Kind = Literal["semantics", "ablation"]
STUDIED = ("none", "test-seen")
"""Policies that trained weights are tested under where no condition is named."""


def study_semantics(
    data: str | Path, out: str | Path, *, method: str = "all", counts: Sequence[int] = (), **options: Any
) -> list[Entry]:
    """Train each method on images of 1, 2, ... semantic classes, test it on all, and return the results.

    `options` are those of `prepare_study`, and `budget`, `report` and `say` of `PreparedStudy.train`. What is trained
    or measured in `out` is not computed again.
    """
    return _run("semantics", data, out, method=method, counts=counts, **options)


def study_ablation(
    data: str | Path, out: str | Path, *, method: str | None = None, parts: Sequence[str] = (), **options: Any
) -> list[Entry]:
    """Train a method with parts changed as in its paper, test each, and return the results; else as `study_semantics`.

    Without `method` it is the first whose paper has an ablation, without `parts` all of that.
    """
    return _run("ablation", data, out, method=method, parts=parts, **options)


def prepare_study(
    kind: Kind,
    data: str | Path,
    out: str | Path,
    *,
    method: str | None = None,
    counts: Sequence[int] = (),
    parts: Sequence[str] = (),
    preset: str | None = None,
    set: str | Sequence[str] = (),
    precision: Literal["auto", "fp32", "bf16"] = "auto",
    images: str | Path | None = None,
    seed: int = 0,
    conditions: Sequence[str] = (),
    split: str | None = None,
    limit: int | None = None,
    batch_size: int = 32,
    workers: int = 0,
    device: str = "auto",
    threads: int | None = None,
    command: str = "ganprint.study",
) -> "PreparedStudy":
    """Return a study that is ready to be trained and tested, with what is there already in `out`.

    Arguments are the options of `ganprint study`; `counts` are for `semantics`, `parts` for an ablation. Raises a
    GanprintError where something named is not there or does not fit.
    """
    if place()[1] > 1:
        fault = "The trainings of an experiment run in one process."
        raise UsageError(fault, "Share one among several with torchrun -m ganprint train, and compare its weights.")
    named = distinct_conditions([parse_condition(text) for text in conditions], None)
    check_folder(Path(out))
    check_methods(method)
    assignments = [set] if isinstance(set, str) else set
    manifest = Manifest.open(data, root=images)
    variants = _variants(kind, manifest, method, counts or parts, preset, assignments)
    tested = named or [(split or manifest.test_split, policy) for policy in STUDIED]
    for each in dict.fromkeys(each for each, _ in tested):
        manifest.select(each, limit=limit)
    device = chosen_device(device, threads)
    from ganprint.evaluation.plan import Settings
    from ganprint.studies.study import Study

    arithmetic = quick_precision(device) if precision == "auto" else precision
    return PreparedStudy(
        Study(manifest, variants, Path(out), seed, device, arithmetic, workers, command),
        tested,
        Settings(seed=seed, limit=limit, device=device, batch_size=batch_size, workers=workers, command=command),
    )


@dataclass(frozen=True)
class PreparedStudy:
    """The trainings of a study, and the conditions, split and policy, that they are tested under."""

    study: "Study"
    conditions: list[tuple[str, str]]
    settings: "Settings"

    def train(
        self,
        budget: float | None = None,
        *,
        begin: Callable[[str], None] = lambda name: None,
        report: Callable[[Progress], None] = lambda progress: None,
        say: Callable[[str], None] = lambda sentence: None,
    ) -> list[str]:
        """Train what is missing, as far as `budget` minutes allow, and return the names of what still is.

        `begin` gets the name of each training and its number, `report` every step, `say` sentences. Raises
        KeyboardInterrupt where it was interrupted; called again it continues.
        """
        ends = None if budget is None else time.monotonic() + 60 * budget

        def is_over() -> bool:
            return ends is not None and time.monotonic() >= ends

        missing = self.study.missing()
        for number, variant in enumerate(missing, 1):
            if is_over():
                break
            begin(f"{variant.name} ({number} of {len(missing)})")
            try:
                self.study.train(variant, report=report, say=say, stop=is_over)
            except KeyboardInterrupt:
                if not is_over():
                    raise
        return [variant.name for variant in self.study.missing()]

    def comparison(self) -> "Comparison":
        """Return the comparison of what is trained."""
        from ganprint.evaluation.runner import Comparison

        study = self.study
        return Comparison(study.manifest, study.candidates(), self.conditions, self.settings, study.out)


def _run(
    kind: Kind,
    data: str | Path,
    out: str | Path,
    *,
    budget: float | None = None,
    report: Callable[[Progress], None] = lambda progress: None,
    say: Callable[[str], None] = lambda sentence: None,
    **options: Any,
) -> list[Entry]:
    prepared = prepare_study(kind, data, out, **options)
    prepared.train(budget, report=report, say=say)
    return prepared.comparison().run() if prepared.study.candidates() else []


def _variants(
    kind: Kind,
    manifest: Manifest,
    method: str | None,
    chosen: Sequence[Any],
    preset: str | None,
    assignments: Sequence[str],
) -> list[Variant]:
    """Return the trainings of a study, `chosen` being numbers of semantic classes, or parts of an ablation."""
    if kind == "semantics":
        methods = chosen_methods(method) or []
        check_addressees(assignments, methods)
        return semantics_variants(methods, manifest, chosen, preset=preset, assignments=assignments)
    ablated = ablated_method(method)
    check_addressees(assignments, [ablated])
    return ablation_variants(ablated, chosen, preset=preset, assignments=assignments)
