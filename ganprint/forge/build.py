"""Build a benchmark from generators and photographs as Attribution88 was: cleaned, balanced, split, perturbed."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import torch
from torch import Tensor

from ganprint.attributor import REAL
from ganprint.errors import ImageError, UsageError
from ganprint.files import atomic_file, os_errors_as, refuse_existing
from ganprint.forge.cleaning import flat, odd, repeated, varied
from ganprint.forge.families import family_of
from ganprint.forge.family import Generator
from ganprint.forge.figures import write_image
from ganprint.forge.gan_training import named_seed
from ganprint.forge.generator_store import GeneratorCard, check_grown, load_generator
from ganprint.forge.photos import read_photos
from ganprint.forge.sampling import sample_images
from ganprint.perturbation import parse_policy, perturb

OVERSAMPLED = 2
"""Samples to one that is wanted, so that cleaning can choose."""
SHARES = {"train": 0.7, "val": 0.1, "test": 0.2}
"""Shares of the images of a seen semantic class; those of an unseen one are all for the test."""
MANIFEST = "manifest.csv"
FEWEST = 10
"""Samples of a generator that cleaning must leave."""


@dataclass(frozen=True)
class Plan:
    """What a benchmark is of: `count` images for each source and semantic class, the `unseen` for the test only.

    Each image of the test is there three times: clean (`test_seen` or `test_unseen`), under one corruption drawn from
    the 15 that training shows (`..._perturbed`), and under one of the 4 others (`..._unseen_perturbed`). A `suffix`
    tells these architectures from the published models of the same name.
    """

    photos: Path
    generators: Sequence[tuple[Path, GeneratorCard]]
    count: int
    unseen: Sequence[str] = ()
    seed: int = 0
    suffix: str = ""

    @property
    def resolution(self) -> int:
        """Side of the images, pixels."""
        return self.generators[0][1].resolution

    @property
    def sources(self) -> list[str]:
        """Real, then the architectures with the suffix, in the order of the generators."""
        return [REAL, *dict.fromkeys(card.source + self.suffix for _, card in self.generators)]

    @property
    def semantics(self) -> list[str]:
        """What the generators show."""
        return list(dict.fromkeys(card.semantic for _, card in self.generators))

    def check(self) -> None:
        """Raise UsageError where the generators do not make a grid."""
        if not self.generators:
            raise UsageError("There are no generators.", "ganprint forge train makes them.")
        if not re.fullmatch(r"[A-Za-z0-9._-]*", self.suffix):
            raise UsageError(f"{self.suffix!r} cannot end a source's name.", "Letters, digits, dots and dashes.")
        for _, card in self.generators:
            family = family_of(card.source, card.resolution)
            if all(family.begins(step) for step in range(card.steps)):
                raise UsageError(
                    f"{card.name} has trained without its critic only, after {card.steps} steps.",
                    "Train it further: ganprint forge train --steps ...",
                )
        if len({card.resolution for _, card in self.generators}) > 1:
            raise UsageError("The generators' images differ in size.", "Name a --resolution.")
        cells = [(card.source, card.semantic) for _, card in self.generators]
        twice = sorted({cell for cell in cells if cells.count(cell) > 1})
        if twice:
            raise UsageError(f"There are two generators of {twice[0][0]} for {twice[0][1]}.", "Name a training seed.")
        missing = [
            f"{source} {semantic}"
            for semantic in self.semantics
            for source in dict.fromkeys(source for source, _ in cells)
            if (source, semantic) not in cells
        ]
        if missing:
            raise UsageError(
                f"There is no generator for {', '.join(missing)}.",
                "Every source needs every semantic class: train these, or name fewer classes.",
            )
        strange = [name for name in self.unseen if name not in self.semantics]
        if strange or set(self.unseen) == set(self.semantics):
            raise UsageError(
                f"The unseen semantic classes cannot be {', '.join(self.unseen)}.",
                f"Name some of {', '.join(self.semantics)}, not all.",
            )


def build_benchmark(
    plan: Plan,
    out: Path,
    *,
    progress: Callable[[str], None] = lambda cell: None,
    warn: Callable[[ImageError], None] = lambda failure: None,
    force: bool = False,
) -> Path:
    """Write images as PNG and their manifest, and return the manifest.

    Every source has as many images of a semantic class as the one with the fewest left after cleaning, `count` at most.
    The manifest has Attribution88's columns path, label, dlabel, and source, semantic, split, group, corruption,
    severity and seed. Raises OutputExistsError where it is there and `force` is not given.
    """
    plan.check()
    refuse_existing(out / MANIFEST, force=force)
    rows: list[dict[str, object]] = []
    with os_errors_as(UsageError, f"{out} cannot be written to", "Name another folder."):
        # A build that breaks off leaves no manifest of other images.
        (out / MANIFEST).unlink(missing_ok=True)
        for semantic in plan.semantics:
            kept = _kept(plan, semantic, progress, warn)
            count = min(plan.count, *(len(images) for images, _ in kept.values()))
            for source, (images, group) in kept.items():
                chosen = images[varied(images, count, seed=plan.seed)]
                rows += _write(plan, out, source, semantic, group, chosen)
        with atomic_file(out / MANIFEST) as file:
            pyarrow.csv.write_csv(pa.Table.from_pylist(rows), file)
    return out / MANIFEST


def _kept(
    plan: Plan, semantic: str, progress: Callable[[str], None], warn: Callable[[ImageError], None]
) -> dict[str, tuple[Tensor, str]]:
    """Return by source its clean images of a semantic class, and the name of what made them."""
    photos = read_photos(plan.photos, semantic, plan.resolution)
    for failure in photos.failures:
        warn(failure)
    photographs = photos.images
    kept = {REAL: (photographs[~repeated(photographs)], f"photos-{semantic}")}
    for path, card in plan.generators:
        if card.semantic == semantic:
            progress(card.name)
            generator, _ = load_generator(path)
            kept[card.source + plan.suffix] = (_clean_samples(generator, card, plan), card.name)
    return {source: kept[source] for source in plan.sources}


def _clean_samples(generator: Generator, card: GeneratorCard, plan: Plan) -> Tensor:
    """Return a generator's samples, drawn under a seed of its own, without flat, odd and repeated ones."""
    numbers = range(OVERSAMPLED * plan.count)
    samples = torch.stack(list(sample_images(generator, numbers, seed=named_seed(card.name, plan.seed))))
    check_grown(card, samples.shape[-1])
    for fault in (flat, odd, repeated):
        samples = samples[~fault(samples)] if len(samples) else samples
    if len(samples) < FEWEST:
        raise UsageError(
            f"Of {len(numbers)} samples of {card.name} only {len(samples)} are neither flat nor odd nor repeated.",
            "Train it for longer, or leave it out.",
        )
    return samples


def _write(plan: Plan, out: Path, source: str, semantic: str, group: str, images: Tensor) -> list[dict[str, object]]:
    """Write a source's images of a semantic class, and return their rows.

    Image number n of a semantic class is perturbed alike in every source, under another random stream.
    """
    rows: list[dict[str, object]] = []
    for number, split in enumerate(_splits(plan, semantic, len(images))):
        versions: list[tuple[str, str]] = [(split, "none")]
        if split.startswith("test"):
            versions += [(f"{split}_perturbed", "test-seen"), (f"{split}_unseen_perturbed", "test-unseen")]
        for name, policy in versions:
            drawn = parse_policy(policy).draw(named_seed(semantic, plan.seed), number)
            drawn = replace(drawn, seed=named_seed(f"{source} {drawn.seed}", plan.seed) % 2**53)
            image = perturb(images[number : number + 1], [drawn])[0]
            path = Path(name, source, semantic, f"{number:05}.png")
            write_image(image, out / path)
            rows.append(
                {
                    "path": path.as_posix(),
                    "label": plan.sources.index(source),
                    "dlabel": plan.semantics.index(semantic),
                    "source": source,
                    "semantic": semantic,
                    "split": name,
                    "group": group,
                    "corruption": drawn.kind or "",
                    "severity": drawn.severity if drawn.kind else None,
                    "seed": drawn.seed if drawn.kind else None,
                }
            )
    return rows


def _splits(plan: Plan, semantic: str, count: int) -> list[str]:
    """Return the split of each of a semantic class's images, the same numbers in every source."""
    if semantic in plan.unseen:
        return ["test_unseen"] * count
    bounds = (np.cumsum(list(SHARES.values())) * count).round().astype(int)
    names = ("train", "val", "test_seen")
    order = np.random.default_rng((plan.seed, plan.semantics.index(semantic))).permutation(count)
    places = np.searchsorted(bounds, order, side="right")
    return [names[min(place, 2)] for place in places]
