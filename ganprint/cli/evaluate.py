"""`ganprint evaluate`: measure the accuracy of weights on a manifest."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table
from typer import Option

from ganprint.cli.console import command_line, complain, console, counting, echo_csv, echo_json, print_wrapped
from ganprint.cli.option_groups import Given, Machine, Measuring, Unit, grouped
from ganprint.cli.options import (
    TEST_SPLIT,
    Csv,
    Force,
    Images,
    Json,
    OneMethod,
    TestData,
    check_formats,
    telling_of_benchmark,
)
from ganprint.cli.tables import metric_words, print_divided, unit_sentence
from ganprint.processes import is_main_process

if TYPE_CHECKING:
    from ganprint.evaluation.results import Evaluation
    from ganprint.weights import Interval


@grouped
def evaluate(
    *,
    given: Given,
    data: TestData = None,
    method: OneMethod = None,
    weights: Annotated[
        str | None,
        Option(
            help="name or folder of weights; if left out, the method's default, or without --data the first by name "
            "that know the embedded benchmark"
        ),
    ] = None,
    split: Annotated[str | None, Option(help=f"the split to evaluate; {TEST_SPLIT}")] = None,
    images: Images = None,
    policy: Annotated[
        str,
        Option(
            help="none, test-seen, test-unseen, train, immunise, a corruption, corruption:severity, a chain as "
            "share:resize=0.5+jpeg=80, or an attack as attack:pgd=8"
        ),
    ] = "none",
    at: Annotated[
        int | None,
        Option(
            min=0,
            max=4096,
            help="perturb at this side, 0: own size; if left out, 224 for weights with resize preprocessing, else own "
            "size",
        ),
    ] = None,
    measuring: Measuring,
    machine: Machine,
    predictions: Annotated[Path | None, Option(help="write one CSV row per image here")] = None,
    force: Force = False,
    record: Annotated[bool, Option("--record", help="write the result into the weights' card")] = False,
    unit: Unit = "group",
    as_json: Json = False,
    as_csv: Csv = False,
) -> None:
    """Measure detection and attribution accuracy and NMI, each with a 95 % bootstrap interval.

    Each group (trained model or photo source) has one vote in its source, and each source one; intervals resample
    groups.

    Example: ganprint evaluate --weights runs/mine --data mine.csv --split test
    """
    from ganprint.api.evaluations import evaluate as measure

    check_formats(as_json, as_csv)
    with counting("images") as progress:
        found = measure(
            **given.but("as_json", "as_csv"),
            command=command_line(),
            say=complain,
            progress=progress,
            making=telling_of_benchmark(progress),
        )
    if not is_main_process():
        # A status other than 0 would have the first stopped while it prints.
        return
    if as_json:
        echo_json(found.model_dump(mode="json"))
    elif as_csv:
        _print_csv(found)
    else:
        _print_tables(found)
    if found.failed:
        raise typer.Exit(1)


def _print_csv(evaluation: "Evaluation") -> None:
    columns = ["method", "weights", "split", "policy", "seed", "n", "metric", "value", "low", "high"]
    echo_csv([*columns, "unit", "groups"])
    tail = [evaluation.unit, evaluation.groups]
    head = [evaluation.method, evaluation.weights, evaluation.split, evaluation.policy, evaluation.seed]
    for name, interval in evaluation.metrics.items():
        echo_csv([*head, evaluation.n, name, interval.value, interval.low, interval.high, *tail])
    for name in ("calibration_error", "brier_score"):
        value: float | None = getattr(evaluation, name)
        if value is not None:
            echo_csv([*head, evaluation.n, name, value, None, None, "image", None])
    for source, recall in evaluation.per_source.items():
        groups = evaluation.groups and sum(group.source == source for group in evaluation.per_group.values())
        echo_csv([*head, evaluation.n, f"recall_{source}", recall.value, recall.low, recall.high, tail[0], groups])


def _print_tables(evaluation: "Evaluation") -> None:
    out = console()
    where = f" at {evaluation.at} px" if evaluation.at else ""
    print_wrapped(
        out,
        f"{evaluation.weights} ({evaluation.method}) on {evaluation.n} images of {evaluation.split}, "
        f"policy {evaluation.policy}{where}, seed {evaluation.seed}: "
        f"{evaluation.images_per_second:.0f} images/s",
    )
    print_wrapped(out, unit_sentence(evaluation.unit, evaluation.groups))
    table = Table("metric", "value", "95 % interval")
    for name, interval in evaluation.metrics.items():
        shares = [getattr(group, name, None) for group in evaluation.per_group.values()]
        bounds = _bounds(interval, [share for share in shares if share is not None])
        table.add_row(metric_words(name), f"{interval.value:.4f}", bounds)
    said = ["of images"] if evaluation.unit == "group" else []
    said += [] if evaluation.calibrated else ["not calibrated"]
    for name, value in {
        "calibration error": evaluation.calibration_error,
        "Brier score": evaluation.brier_score,
    }.items():
        if value is not None:
            table.add_row(name, f"{value:.4f}", ", ".join(said))
    for source, recall in evaluation.per_source.items():
        shares = [g.attribution_accuracy for g in evaluation.per_group.values() if g.source == source]
        bounds = _bounds(recall, [share for share in shares if share is not None])
        table.add_row(f"recall of {source}", f"{recall.value:.4f}", bounds)
    out.print(table)
    columns = list(next(iter(evaluation.confusion.values())))
    rows = [
        (true, [str(counts[name]) if counts[name] else "." for name in columns])
        for true, counts in evaluation.confusion.items()
    ]
    print_divided("Images of each source (rows) by answer (columns)", "source", columns, rows)
    if evaluation.per_group:
        groups = Table("group", "source", "images", "attribution", "detection")
        for values in evaluation.per_group.values():
            attribution = values.attribution_accuracy
            groups.add_row(
                values.group,
                values.source,
                str(values.n),
                "" if attribution is None else f"{attribution:.3f}",
                f"{values.detection_accuracy:.3f}",
            )
        out.print(groups)


def _bounds(interval: "Interval", shares: Sequence[float] = ()) -> str:
    """Return an interval, or the range of the groups' shares where they are too few for one."""
    if interval.low is not None:
        return f"{interval.low:.4f} - {interval.high:.4f}"
    return f"{len(shares)} groups: {min(shares):.4f} to {max(shares):.4f}" if len(shares) > 1 else ""
