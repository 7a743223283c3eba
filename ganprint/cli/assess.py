"""`ganprint assess`: measure how often verdicts are wrong at the thresholds of the weights."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from rich.table import Column, Table
from typer import Option

from ganprint.cli.console import command_line, counting, echo_json, end_with
from ganprint.cli.option_groups import Given, Machine, grouped
from ganprint.cli.options import (
    TEST_SPLIT,
    Force,
    Images,
    Json,
    OneMethod,
    Policies,
    Seed,
    TestData,
    Weights,
    telling_of_benchmark,
)
from ganprint.cli.tables import print_titled

if TYPE_CHECKING:
    from ganprint.weights import Rate, VerdictRates

CALLED = {"named": "called by a source", "family": "called by a family"}
"""What verdicts are called in the table, but for those that have one name."""


@grouped
def assess(
    *,
    given: Given,
    data: TestData = None,
    method: OneMethod = None,
    weights: Weights = None,
    images: Images = None,
    splits: Annotated[
        list[str] | None, Option("--split", help=f"splits, several as a,b, or joined as a+b; {TEST_SPLIT}")
    ] = None,
    policies: Policies = None,
    seed: Seed = 0,
    machine: Machine,
    figure: Annotated[Path | None, Option(help="draw accuracy against the share of images answered, as a PNG")] = None,
    record: Annotated[
        bool, Option("--record", help="write the rates into the weights' card, for `attribute` and reports")
    ] = False,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Count the verdicts on photographs, on images of known sources, and on images of other generators.

    With --split test_seen+open, it also measures how well each score separates other generators from known ones.

    Example: ganprint assess --weights runs/mine --data mine.csv --split test
    """
    from ganprint.api.choices import chosen_card
    from ganprint.api.error_rates import assess as count

    with counting("assess") as progress:
        found = count(
            **given.but("as_json"), command=command_line(), progress=progress, making=telling_of_benchmark(progress)
        )
    rates = [each.rates for each in found]
    if as_json:
        for each in rates:
            echo_json(each.model_dump(mode="json"))
    else:
        _print(chosen_card(weights, method).name, rates)
    end_with(failure for each in found for failure in each.failures)


def _print(name: str, rates: "list[VerdictRates]") -> None:
    conditions = [f"{each.split}, {each.policy}" for each in rates]
    table = Table("", *conditions)
    table.add_row("images", *(str(each.n) for each in rates))
    for verdict in rates[0].verdicts:
        table.add_row(CALLED.get(verdict, f"called {verdict}"), *(f"{each.verdicts[verdict]:.1%}" for each in rates))
    table.add_section()
    for label, field in (
        ("photographs called synthetic", "false_alarms"),
        ("known sources' images called real", "missed"),
        ("known: real, a family or a source", "answered"),
        ("of those, right real or source", "right"),
        ("other generators: unknown or inconclusive", "unknown"),
    ):
        table.add_row(label, *(_shown(getattr(each, field)) for each in rates))
    table.add_section()
    for label, field in (
        ("calibration error", "calibration_error"),
        ("Cllr, synthetic against real", "cllr"),
        ("least Cllr", "cllr_min"),
    ):
        values = [getattr(each, field) for each in rates]
        table.add_row(label, *("" if value is None else f"{value:.3f}" for value in values))
    print_titled(f"Verdicts of {name}", table)
    for condition, each in zip(conditions, rates, strict=True):
        kinds = Table(Column(no_wrap=True), "real", "synthetic", "right family", "right source", "wrong source")
        for kind, found in each.kinds.items():
            rates_of = (found.real, found.synthetic, found.right_family, found.right_source, found.wrong_source)
            kinds.add_row(kind, *map(_shown, rates_of))
        print_titled(f"Called, by kind of source: {condition}", kinds)
    sets = dict.fromkeys(photos for each in rates for photos in each.false_alarms_by_set)
    if sets:
        alarms = Table(Column("photo set", overflow="fold"), *conditions)
        for photos in sets:
            alarms.add_row(photos, *(_shown(each.false_alarms_by_set.get(photos)) for each in rates))
        print_titled("False alarms", alarms)
    opened = [each for each in rates if each.auroc]
    if opened:
        told = Table("score", *(f"{each.split}, {each.policy}" for each in opened))
        for score in dict.fromkeys(score for each in opened for score in each.auroc):
            told.add_row(score, *(f"{each.auroc[score].value:.3f}, {each.oscr[score].value:.3f}" for each in opened))
        print_titled("Known against other sources: AUROC, OSCR", told)


def _shown(rate: "Rate | None") -> str:
    if rate is None:
        return ""
    counted = f"{rate.groups} groups" if rate.groups else str(rate.n)
    interval = "" if rate.low is None else f"{rate.low:.1%} to {rate.high:.1%}; "
    return f"{rate.value:.1%} ({interval}{counted})"
