"""Calibrate weights and measure the error rates of their verdicts: `ganprint calibrate` and `assess`."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from ganprint.api.choices import chosen_data, chosen_device, chosen_weights
from ganprint.api.chosen_conditions import distinct_policies
from ganprint.api.outputs import check_figure, check_folder, refuse_own_inputs
from ganprint.calibration.decision import Rates
from ganprint.data import Manifest
from ganprint.errors import check_choice
from ganprint.forensics.predictors import load_predictor
from ganprint.weights import load_attributor, load_held_out, set_calibration, set_rates
from ganprint.weights.seen import seen_sentences

if TYPE_CHECKING:
    from ganprint.evaluation.assess import Assessed
    from ganprint.evaluation.calibrate import Calibrated

Progress = Callable[[str, int, int], None]
"""Called with the current step, the images answered so far and their total."""

ScoreName = Literal["max-probability", "energy", "mahalanobis", "knn", "vim"]


def calibrate(
    data: str | Path,
    *,
    method: str | None = None,
    weights: str | Path | None = None,
    images: str | Path | None = None,
    split: str | None = None,
    policies: str | Sequence[str] = ("none", "test-seen"),
    score: ScoreName = "knn",
    false_unknown: float = 0.02,
    false_alarm: float = 0.02,
    miss: float = 0.1,
    wrong_family: float = 0.1,
    wrong_source: float = 0.2,
    seed: int = 0,
    batch_size: int = 32,
    workers: int = 0,
    device: str = "auto",
    threads: int | None = None,
    figure: str | Path | None = None,
    record: bool = False,
    force: bool = False,
    command: str = "ganprint.calibrate",
    say: Callable[[str], None] = lambda sentence: None,
    progress: Progress = lambda what, done, total: None,
) -> "Calibrated":
    """Fit calibration, thresholds and likelihood ratios to the answers for a split, and return them.

    Arguments are the options of `ganprint calibrate`; rates are shares in 0..1. `record` writes the result into the
    card of the weights, for `attribute` to apply. `say` gets a sentence where weights have seen the images. The
    result's `failures` are the images that could not be read.
    """
    check_choice("score", score, ScoreName)
    picture = None if figure is None else Path(figure)
    check_figure(picture, force=force)
    refuse_own_inputs([picture], [data])
    chosen_policies = distinct_policies(policies)
    chosen = chosen_weights(weights, method)
    check_folder(chosen if record else None)
    rates = Rates(false_unknown, false_alarm, miss, wrong_family, wrong_source)
    device = chosen_device(device, threads)
    from ganprint.evaluation.answers import Computing
    from ganprint.evaluation.calibrate import Fitting
    from ganprint.evaluation.calibrate import calibrate as fit

    attributor, card = load_attributor(chosen, device=device)
    manifest = Manifest.open(data, root=images, sources=card.sources)
    held_out = load_held_out(chosen, card, device=device)
    split = split or ("train+val" if held_out else "val")
    for sentence in () if held_out else seen_sentences(card, manifest.select(split), split):
        say(sentence)
    fitting = Fitting(split=split, policies=chosen_policies, score=score, rates=rates, seed=seed, command=command)
    found = fit(
        attributor,
        card,
        manifest,
        fitting,
        held_out=held_out,
        progress=lambda policy, done, total: progress(f"{split} under {policy}", done, total),
        computing=Computing(device=device, batch_size=batch_size, workers=workers),
    )
    if picture is not None:
        from ganprint.reporting.charts import reliability_figure, save_figures

        save_figures({picture.stem: reliability_figure(found)}, picture.parent, force=force)
    if record:
        set_calibration(chosen, found.record, found.judgement, found.reference)
    return found


def assess(
    data: str | Path | None = None,
    *,
    method: str | None = None,
    weights: str | Path | None = None,
    images: str | Path | None = None,
    splits: Sequence[str] = (),
    policies: str | Sequence[str] = ("none", "test-seen"),
    seed: int = 0,
    batch_size: int = 32,
    workers: int = 0,
    device: str = "auto",
    threads: int | None = None,
    figure: str | Path | None = None,
    record: bool = False,
    force: bool = False,
    command: str = "ganprint.assess",
    progress: Progress = lambda what, done, total: None,
    making: Callable[[str], None] = lambda what: None,
) -> "list[Assessed]":
    """Count how often verdicts are wrong, under each policy on each split, and return the rates in that order.

    Arguments are the options of `ganprint assess`; without `data` the images are the embedded benchmark's, without
    `splits` those of the manifest's `test_split`. `record` writes the rates into the card of the weights, for reports
    to show. `making` gets what is made of the embedded benchmark.
    """
    picture = None if figure is None else Path(figure)
    check_figure(picture, force=force)
    refuse_own_inputs([picture], [data])
    chosen_policies = distinct_policies(policies)
    chosen = chosen_weights(weights, method)
    check_folder(chosen if record else None)
    device = chosen_device(device, threads)
    from ganprint.evaluation.answers import Computing
    from ganprint.evaluation.assess import assess as count

    predictor = load_predictor(chosen, device=device, enrolled=False)
    manifest = Manifest.open(chosen_data(data, progress=making), root=images, sources=predictor.card.sources)
    chosen_splits = dict.fromkeys(splits or [manifest.test_split])
    for split in chosen_splits:
        manifest.select(split)  # What is misspelt is told before hours of answers.
    found = [
        count(
            predictor,
            manifest,
            split,
            policy,
            seed=seed,
            command=command,
            progress=partial(progress, f"{split} under {policy}"),
            computing=Computing(device=device, batch_size=batch_size, workers=workers),
        )
        for split in chosen_splits
        for policy in chosen_policies
    ]
    if picture is not None:
        from ganprint.reporting.charts import coverage_figure, save_figures

        save_figures({picture.stem: coverage_figure(found)}, picture.parent, force=force)
    if record:
        set_rates(chosen, [each.rates for each in found])
    return found
