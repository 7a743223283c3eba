"""Measure weights on a manifest: the workflow of `ganprint evaluate`."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

from ganprint.api.choices import chosen_data, chosen_device, chosen_weights
from ganprint.api.outputs import check_folder, check_output, refuse_own_inputs
from ganprint.data import Manifest
from ganprint.devices import Precision
from ganprint.errors import UsageError, check_choice
from ganprint.evaluation.metrics import Unit
from ganprint.evaluation.results import Evaluation
from ganprint.evaluation.results import evaluate as score_answers
from ganprint.perturbation import Attack, Policy, parse_any_policy
from ganprint.plain_text import printable
from ganprint.processes import is_main_process, join
from ganprint.weights import Card, add_result, knowing, load_attributor
from ganprint.weights.seen import seen_sentences


def evaluate(
    data: str | Path | None = None,
    *,
    method: str | None = None,
    weights: str | Path | None = None,
    split: str | None = None,
    images: str | Path | None = None,
    policy: str = "none",
    at: int | None = None,
    engine: Literal["torch", "imagecorruptions"] = "torch",
    precision: Precision = "fp32",
    seed: int = 0,
    limit: int | None = None,
    batch_size: int = 32,
    workers: int = 0,
    device: str = "auto",
    threads: int | None = None,
    predictions: str | Path | None = None,
    force: bool = False,
    record: bool = False,
    unit: Unit = "group",
    command: str = "ganprint.evaluate",
    say: Callable[[str], None] = lambda sentence: None,
    progress: Callable[[str, int, int], None] = lambda what, done, total: None,
    making: Callable[[str], None] = lambda what: None,
) -> Evaluation:
    """Return detection and attribution accuracy and NMI of weights on a split.

    Arguments are the options of `ganprint evaluate`; without `data` the images are the embedded benchmark's, and
    without `weights` and `method` too the first weights by name that know its sources are evaluated. Without `split`
    the images are those of the manifest's `test_split`. `say` gets a sentence for each image that cannot be read and
    for what should be known of the numbers, `making` what is made of the embedded benchmark. Raises a GanprintError
    where something named is not there or does not fit. Of several processes (`torchrun`) each answers for a part of the
    images, and all return the whole result; the first says and writes.
    """
    check_choice("unit", unit, Unit)
    check_choice("precision", precision, Precision)
    file = None if predictions is None else Path(predictions)
    check_output(file, force=force)
    refuse_own_inputs([file], [data])
    if record and limit:
        raise UsageError("--record needs whole splits.", "Leave --limit out.")
    chosen_policy = parse_any_policy(policy)
    if (at or engine != "torch") and not isinstance(chosen_policy, Policy):
        raise UsageError("Only corruptions have --at and --engine.", "Leave them out.")
    # The first choice knows none of the embedded benchmark's sources.
    unnamed = data is None and weights is None and method is None
    chosen = None if unnamed else chosen_weights(weights, method)
    device = join(chosen_device(device, threads))
    from ganprint.evaluation.answers import Computing, answer_manifest, write_predictions
    from ganprint.evaluation.conditions import Condition

    manifest = Manifest.open(chosen_data(data, progress=making), root=images, allow_gaps=True)
    chosen = chosen or _unnamed(manifest, say)
    check_folder(chosen if record else None)
    attributor, card = load_attributor(chosen, device=device)
    manifest = manifest.known_to(card.sources)
    split = split or manifest.test_split
    rows = manifest.select(split, limit=limit, seed=seed)
    for sentence in _what_to_know(manifest, rows, card, split) if is_main_process() else ():
        say(sentence)
    if not attributor.differentiable:
        precision = "fp32"  # only networks have one to choose
    (answers,) = answer_manifest(
        [attributor],
        rows,
        Condition.of(chosen_policy, card.view, seed=seed, at=at, engine=engine, precision=precision),
        victim=attributor if isinstance(chosen_policy, Attack) else None,
        computing=Computing(device=device, batch_size=batch_size, workers=workers, divided=True),
        progress=lambda done, total: progress(f"{card.name} on {split} under {policy}", done, total),
    )
    evaluation = score_answers(card, rows, split, answers)
    if not is_main_process():
        return evaluation.in_unit(unit)
    for failure in answers.failures:
        say(failure.message)
    if file is not None:
        write_predictions(file, card, rows, answers)
    if record:
        add_result(chosen, evaluation.result().model_copy(update={"command": command}))
    return evaluation.in_unit(unit)


def _unnamed(manifest: Manifest, say: Callable[[str], None]) -> Path:
    """Return the weights for a manifest where none were named, and say which they are."""
    chosen = knowing(manifest.sources).path
    if is_main_process():
        say(f"no weights were named, so {chosen.name} is evaluated; name others with --weights.")
    return chosen


def _what_to_know(manifest: Manifest, rows: Manifest, card: Card, what: str) -> Iterator[str]:
    """Yield what should be known of numbers from these rows of a manifest, the split being called `what`."""
    if manifest.named_by_position:
        yield (f"{manifest.name} names no sources; its labels 0, 1, 2, ... are taken to be {', '.join(card.sources)}.")
    outside = sorted(set(rows.column("source")[rows.labels < 0]))
    if outside:
        yield (
            f"{card.name} does not know {', '.join(map(printable, outside))}; images of such sources count for "
            "detection and open-set metrics only."
        )
    yield from seen_sentences(card, rows, what)
