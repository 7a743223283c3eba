"""`ganprint fuse`: learn how to fuse several methods."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table
from typer import Option

from ganprint.cli.console import command_line, complain, counting, end_with
from ganprint.cli.option_groups import Given, Machine, grouped
from ganprint.cli.options import Data, Force, Images, ManyMethods, ManyWeights, Policies, Seed
from ganprint.cli.tables import print_titled

if TYPE_CHECKING:
    from ganprint.api.fusions import Fused


@grouped
def fuse(
    *,
    given: Given,
    data: Data,
    method: ManyMethods = "all",
    weights: ManyWeights = None,
    images: Images = None,
    split: Annotated[str, Option(help="images that no weights were trained on")] = "val",
    test: Annotated[str | None, Option(help="split to measure the fused answers on; none if left out")] = None,
    policies: Policies = None,
    out: Annotated[
        Path | None, Option(help="the file to write; fusion.json beside your own weights if left out")
    ] = None,
    seed: Seed = 0,
    machine: Machine,
    force: Force = False,
) -> None:
    """Learn on a split how to fuse methods, for every combination of two or more of those named.

    `attribute --method a,b` then uses it for the fused answer.

    Example: ganprint fuse --method repmix,prnu --data mine.csv --test test
    """
    from ganprint.api.fusions import fuse as learn

    with counting("answers") as progress:
        found = learn(**given, command=command_line(), say=complain, progress=progress)
    _print(found)
    typer.echo(str(found.file))
    end_with(found.failures)


def _print(found: "Fused") -> None:
    fusion, everything = found.fusion, found.combination
    table = Table("", "weight", "log loss")
    for policy in found.tested:
        table.add_column(f"{policy}: attribution")
        table.add_column("detection")
        table.add_column("log loss")
    rows: list[tuple[str, str, float]] = [
        (each.weights, f"{everything.weights[each.weights_sha256]:.3f}", everything.alone[each.weights])
        for each in fusion.members
    ]
    for number, (name, weight, loss) in enumerate([*rows, ("all, fused", "", everything.log_loss)]):
        row = [name, weight, f"{loss:.3f}"]
        for tested in found.tested.values():
            it = tested[number]
            row += [f"{it.attribution:.3f}", f"{it.detection:.3f}", f"{it.log_loss:.3f}"]
        table.add_row(*row)
    print_titled(f"{fusion.images} images of {fusion.split}, held out in turn", table)
