"""The experiments that train: on fewer semantic classes, and RepMix with parts changed."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import yaml

from ganprint import plugins
from ganprint.attributor import AttributorConfig, Progress, Run
from ganprint.data import Manifest
from ganprint.errors import UsageError
from ganprint.evaluation.entry import Entry
from ganprint.evaluation.plan import Candidate
from ganprint.evaluation.tables import Cell, Column, Row, Table
from ganprint.files import atomic_write, os_errors_as
from ganprint.models import NeuralConfig, read_config
from ganprint.studies.experiments import condition_table
from ganprint.training.session import train_weights
from ganprint.weights import Card, read_card
from ganprint.weights.card import CARD_FILE

IDENTITY = "study.yaml"
"""The file in a training's folder that says what it is a training of."""


@dataclass(frozen=True)
class Variant:
    """One training of a study: `name` is its folder's and its card's, `label` what tables call it.

    With `semantics` it is trained and validated on images of these alone.
    """

    name: str
    label: str
    method: str
    config: AttributorConfig
    semantics: tuple[str, ...] | None = None


def ablated_method(method: str | None) -> str:
    """Return the method whose ablation is meant: the one that is named, or the first whose paper has one.

    Raises UsageError where there is none.
    """
    known = [spec.name for spec in plugins.specs() if spec.ablation]
    found = (method or next(iter(known), "")).partition(",")[0]
    if found not in known:
        raise UsageError(
            f"The paper of {method} has no ablation." if method else "No method has an ablation.",
            f"Methods with one: {', '.join(known) or 'none'}.",
        )
    return found


def ablation_variants(
    method: str, chosen: Sequence[str], *, preset: str | None, assignments: Sequence[str]
) -> list[Variant]:
    """Return a method and its changes: those of the groups or labels that are chosen, all if none is.

    As many images go into a step whatever the number that make a sample. A change that changes nothing is left out.
    Raises UsageError listing the valid choices.
    """
    groups = plugins.load(method).spec.ablation
    every = {label: change for group in groups.values() for label, change in group.items()}
    wanted = ["all"]
    for name in chosen or groups:
        if name not in groups and name not in every:
            raise UsageError(
                f"The ablation has no part {name!r}.",
                f"Groups: {', '.join(groups)}; parts: {', '.join(every)}.",
            )
        wanted += groups.get(name, [name])
    base = _neural_config(method, preset, assignments)
    images = base.batch_size * base.images_per_sample
    variants: dict[str, Variant] = {}
    for label in dict.fromkeys(wanted):
        config = _neural_config(method, preset, [*assignments, *every[label]])
        count = config.images_per_sample
        if images < count:
            raise UsageError(f"A step of {images} images has no sample of {count}.", "Set a larger batch_size.")
        config = config.model_copy(update={"batch_size": images // count})
        name = f"{method}-{label.lower().replace(' ', '-')}"
        variants.setdefault(config.model_dump_json(), Variant(name, label, method, config))
    return list(variants.values())


def semantics_variants(
    methods: Sequence[str],
    manifest: Manifest,
    counts: Sequence[int],
    *,
    preset: str | None,
    assignments: Sequence[str],
) -> list[Variant]:
    """Return each method trained on the first n semantic classes, for each n of `counts`, or for all there are.

    `assignments` are `key=value`, or `METHOD:key=value` for one of them. Raises UsageError where there
    are not so many, or where a source has no training image of them.
    """
    ordered = order_semantics(manifest.select("train"))
    least = _fewest(manifest.select("train"), ordered)
    asked = sorted(set(counts or range(least, len(ordered) + 1)))
    if asked[0] < least or asked[-1] > len(ordered):
        raise UsageError(
            f"Trainings on {', '.join(map(str, asked))} semantic classes cannot all be done.",
            f"{manifest.name} has {len(ordered)}, and every source has images of the first {least} or more.",
        )
    return [
        Variant(f"{method}-{count}-semantics", str(count), method, config, ordered[:count])
        for method in methods
        for config in [_config(method, preset, assignments)]
        for count in asked
    ]


def order_semantics(train: Manifest) -> tuple[str, ...]:
    """Return a manifest's semantic classes: the next one shows the most sources not shown yet, then most images."""
    codes, names = train.codes("semantic")
    counts = np.zeros((len(names), len(train.sources)), dtype=np.int64)
    np.add.at(counts, (codes, train.labels), 1)
    left = [number for number, name in enumerate(names) if name and counts[number].any()]
    shown, order = np.zeros(len(train.sources), dtype=bool), []
    while left:
        best = max(left, key=lambda n: (int(((counts[n] > 0) & ~shown).sum()), int(counts[n].sum()), names[n]))
        left.remove(best)
        shown |= counts[best] > 0
        order.append(names[best])
    return tuple(order)


def _fewest(train: Manifest, ordered: Sequence[str]) -> int:
    """Return of how many of the ordered semantic classes there are images by every source."""
    sources = len(np.unique(train.labels))
    return next(
        count
        for count in range(1, len(ordered) + 1)
        if len(np.unique(train.select(semantics=ordered[:count]).labels)) == sources
    )


def _neural_config(method: str, preset: str | None, assignments: Sequence[str]) -> NeuralConfig:
    config = _config(method, preset, assignments)
    if not isinstance(config, NeuralConfig):
        raise UsageError(f"{method} has no network, whose parts an ablation changes.", "Name another method.")
    return config


def _config(method: str, preset: str | None, assignments: Sequence[str]) -> AttributorConfig:
    """Return a method's configuration; an assignment `OTHER:key=value` is for another method."""
    of_all = [text for text in assignments if not _addressee(text)]
    own = [text.removeprefix(f"{method}:") for text in assignments if _addressee(text) == method]
    spec = plugins.load(method).spec
    return read_config(spec, preset=preset, assignments=[*of_all, *own])


def check_addressees(assignments: Sequence[str], methods: Sequence[str]) -> None:
    """Raise UsageError where an assignment is for a method that is not among those trained."""
    for text in assignments:
        name = _addressee(text)
        if name and name not in methods:
            raise UsageError(f"{text!r} is for {name}, which is not trained.", f"Trained: {', '.join(methods)}.")


def _addressee(assignment: str) -> str:
    """Return the method that `METHOD:key=value` is for, nothing for `key=value`."""
    name, colon, _ = assignment.partition("=")[0].partition(":")
    return name if colon else ""


@dataclass
class Study:
    """Variants of a method, or of several, each trained once under `out/trained`, whatever comes between.

    Raises UsageError where a folder there holds another training under the same name.
    """

    manifest: Manifest
    variants: Sequence[Variant]
    out: Path
    seed: int = 0
    device: str = "cpu"
    precision: str = "fp32"
    workers: int = 0
    command: str = ""
    _cards: dict[str, Card] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        for variant in self.variants:
            folder = self.folder(variant)
            if not _is_begun(folder) and not (folder / CARD_FILE).is_file():
                continue
            self._check(variant)
            if (folder / CARD_FILE).is_file():
                self._cards[variant.name] = read_card(folder)

    def folder(self, variant: Variant) -> Path:
        """Return where a variant's weights and checkpoints are."""
        return self.out / "trained" / variant.name

    def missing(self) -> list[Variant]:
        """Return the variants that are not trained, or not to the end."""
        return [variant for variant in self.variants if variant.name not in self._cards]

    def candidates(self) -> list[Candidate]:
        """Return the weights of the variants that are trained."""
        return [
            Candidate(self.folder(variant), self._cards[variant.name])
            for variant in self.variants
            if variant.name in self._cards
        ]

    def train(self, variant: Variant, *, report: Callable[[Progress], None], stop: Callable[[], bool]) -> None:
        """Train a variant, from its checkpoint where there is one; KeyboardInterrupt where it was stopped."""
        folder = self.folder(variant)
        with os_errors_as(UsageError, f"{folder} cannot be written to", "Name another folder with --out."):
            atomic_write(folder / IDENTITY, self._identity(variant).encode())
        resume = _is_begun(folder)
        run = Run(
            folder,
            seed=self.seed,
            device=self.device,
            precision=self.precision,
            workers=self.workers,
            resume=resume,
            report=report,
            stop=stop,
        )
        train_weights(
            plugins.load(variant.method),
            variant.config,
            self.images(variant),
            run,
            name=variant.name,
            command=self.command,
            # What a kill left before the first whole checkpoint cannot be resumed.
            force=not resume,
        )
        self._cards[variant.name] = read_card(folder)

    def images(self, variant: Variant) -> Manifest:
        """Return the manifest with only those of a variant's semantic classes in train and val."""
        if variant.semantics is None:
            return self.manifest
        codes, names = self.manifest.codes("semantic")
        chosen = np.isin(codes, [names.index(name) for name in variant.semantics])
        taught = np.isin(self.manifest.splits, ("train", "val"))
        return self.manifest.take(np.flatnonzero(chosen | ~taught))

    def _identity(self, variant: Variant) -> str:
        """Return all that a training depends on, to be distinguished from another of the same name."""
        images = self.images(variant)
        facts = {
            "config": variant.config.model_dump(mode="json"),
            "seed": self.seed,
            "precision": self.precision,
            "train": images.select("train").sha256,
            "val": images.select("val").sha256,
        }
        return yaml.safe_dump(facts, sort_keys=False)

    def _check(self, variant: Variant) -> None:
        file = self.folder(variant) / IDENTITY
        if not file.is_file() or file.read_text(encoding="utf-8") != self._identity(variant):
            raise UsageError(
                f"{self.folder(variant)} holds a training with another configuration, data, seed or precision.",
                "Name another folder with --out, or remove that one.",
            )


def _is_begun(folder: Path) -> bool:
    """Return whether a training has a whole checkpoint to resume from."""
    return any((folder / "checkpoints").glob("*.safetensors"))


def study_tables(entries: Sequence[Entry], variants: Sequence[Variant], metric: str) -> list[Table]:
    """Return the changes of a method by conditions, and methods by the number of semantic classes trained on."""
    labels = {variant.name: variant.label for variant in variants if variant.semantics is None}
    changed = [
        entry.model_copy(update={"weights": labels[entry.weights]}) for entry in entries if entry.weights in labels
    ]
    tables = [condition_table(changed)] if changed else []
    if semantics_curves(entries, variants, metric):
        tables.append(semantics_table(entries, variants, metric))
    return tables


def semantics_table(entries: Sequence[Entry], variants: Sequence[Variant], metric: str) -> Table:
    """Return methods by the number of semantic classes trained on, under each condition."""
    curves = semantics_curves(entries, variants, metric)
    counts = sorted({count for curve in curves.values() for count in curve})
    conditions = list(dict.fromkeys(condition for condition, _ in curves))
    heads = {count: f"{count} class{'es' if count > 1 else ''}" for count in counts}
    columns = [Column(f"{split}, {policy}", heads[count]) for split, policy in conditions for count in counts]
    rows = [
        Row(
            method,
            tuple(Cell(curves.get((condition, method), {}).get(count)) for condition in conditions for count in counts),
        )
        for method in dict.fromkeys(method for _, method in curves)
    ]
    title = f"{metric.replace('_', ' ')} by the number of semantic classes trained on"
    return Table(title, "method", tuple(columns), tuple(rows))


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
