"""What is trained in a study: a method on fewer semantic classes, or with parts changed as its paper changes them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ganprint import plugins
from ganprint.attributor import AttributorConfig
from ganprint.data import Manifest
from ganprint.errors import UsageError
from ganprint.models import NeuralConfig, read_config


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
    groups = plugins.read_spec(method).ablation
    every = {"all": (), **{label: change for group in groups.values() for label, change in group.items()}}
    wanted = ["all"]
    for name in chosen or groups:
        if name not in groups and name not in every:
            raise UsageError(
                f"The ablation has no part {name!r}.", f"Groups: {', '.join(groups)}; parts: {', '.join(every)}."
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
    methods: Sequence[str], manifest: Manifest, counts: Sequence[int], *, preset: str | None, assignments: Sequence[str]
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
    for count in range(1, len(ordered) + 1):
        if len(np.unique(train.select(semantics=ordered[:count]).labels)) == sources:
            return count
    raise UsageError(
        f"{train.name} has a source without training images of any named semantic class.",
        "Name the semantic class of every image in its column semantic.",
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
    spec = plugins.read_spec(method)
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
