"""Learn how to fuse several methods: the workflow of `ganprint fuse`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

from ganprint.api.choices import Names, chosen_members, load_ensemble
from ganprint.api.chosen_conditions import distinct_policies
from ganprint.api.error_rates import Progress
from ganprint.api.outputs import check_output
from ganprint.calibration.fusion import FUSION_FILE, Combination, Fusion, pool, save_fusion
from ganprint.calibration.probabilities import log_loss
from ganprint.data import Manifest
from ganprint.errors import ImageError, UsageError
from ganprint.files import refuse_existing
from ganprint.remote import last_part
from ganprint.weights import user_folder

if TYPE_CHECKING:
    from ganprint.evaluation.fuse import Told


@dataclass(frozen=True)
class Accuracy:
    """Shares of right answers in 0..1, and the log loss in nats, on the images of a test."""

    attribution: float
    detection: float
    log_loss: float


@dataclass(frozen=True)
class Fused:
    """A fusion that was written to `file`, and its combination of all members.

    `tested` has for each policy the accuracy of each member, then of the fused answers. `failures` are the images that
    could not be read.
    """

    fusion: Fusion
    file: Path
    combination: Combination
    tested: dict[str, list[Accuracy]]
    failures: tuple[ImageError, ...]


def fuse(
    data: str | Path,
    *,
    method: str | None = "all",
    weights: Names | None = None,
    images: str | Path | None = None,
    split: str = "val",
    test: str | None = None,
    policies: str | Sequence[str] = ("none", "test-seen"),
    out: str | Path | None = None,
    seed: int = 0,
    batch_size: int = 32,
    workers: int = 0,
    device: str = "auto",
    threads: int | None = None,
    force: bool = False,
    command: str = "ganprint.fuse",
    say: Callable[[str], None] = lambda sentence: None,
    progress: Progress = lambda what, done, total: None,
) -> Fused:
    """Learn on a split how to fuse methods, for every combination of two or more, and write the fusion.

    Arguments are the options of `ganprint fuse`; `attribute` with several methods applies the fusion. `say` gets a
    sentence where weights have seen the images, and where the fusion has seen those of the test. Raises UsageError for
    fewer than two methods, and where images or sources in common are too few.
    """
    file = user_folder() / FUSION_FILE if out is None else Path(out)
    if out is None:
        refuse_existing(file, force=force)
    else:
        check_output(file, force=force)
    chosen = distinct_policies(policies)
    _check_count(chosen_members(method, weights))
    ensemble, device = load_ensemble(method, weights, device=device, threads=threads, enrolled=False)
    from ganprint.evaluation.answers import Computing
    from ganprint.evaluation.fuse import common_sources, tell
    from ganprint.evaluation.fuse import fuse as learn

    members = ensemble.predictors
    _check_count(members)  # Of `all` some may be left out.
    manifest = Manifest.open(data, root=images, sources=common_sources(members))
    for each in filter(None, (split, test)):
        manifest.select(each)  # What is misspelt is told before hours of answers.
    ask = partial(
        tell,
        members,
        manifest,
        seed=seed,
        say=cache(say),
        progress=progress,
        computing=Computing(device=device, batch_size=batch_size, workers=workers),
    )
    told = ask(split, chosen)
    where = last_part(str(data))
    fusion = learn(members, told, data=where, split=split, policies=chosen, seed=seed, command=command)
    if test == split:
        say(f"The fusion is fitted to {split}, so its accuracies on the same images are too high; --test names others.")
    tested = {policy: ask(test, [policy]) for policy in chosen} if test else {}
    save_fusion(fusion, file, force=force)
    everything = fusion.combination([member.card for member in members])
    assert everything is not None
    shares = [everything.weights[member.weights_sha256] for member in fusion.members]
    return Fused(
        fusion,
        file,
        everything,
        {policy: _accuracies(each, shares) for policy, each in tested.items()},
        tuple(failure for each in (told, *tested.values()) for failure in each.failures),
    )


def _check_count(members: Sequence[object]) -> None:
    if len(members) < 2:
        raise UsageError("Fusion needs at least two methods.", "Name several: --method a,b or all.")


def _accuracies(told: "Told", shares: Sequence[float]) -> "list[Accuracy]":
    """Return how right each member is, and the fused answers are."""
    found, labels = [], told.labels
    for probabilities in (*told.members, pool(told.members, shares)):
        answers = probabilities.argmax(1)
        right, seen = (answers == labels).mean(), ((answers > 0) == (labels > 0)).mean()
        found.append(Accuracy(float(right), float(seen), log_loss(probabilities, labels)))
    return found
