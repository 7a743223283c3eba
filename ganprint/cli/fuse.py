"""`ganprint fuse`: learn how to fuse several methods."""

from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ganprint.api.choices import load_ensemble
from ganprint.api.outputs import check_output
from ganprint.cli.console import command_line, complain, console, counting, end_with
from ganprint.cli.option_groups import Machine, grouped
from ganprint.cli.options import Data, Force, Images, ManyMethods, ManyWeights, Policies, Seed
from ganprint.errors import UsageError

if TYPE_CHECKING:
    from ganprint.calibration.fusion import Fusion
    from ganprint.evaluation.fuse import Told
    from ganprint.forensics.ensemble import Ensemble


@grouped
def fuse(
    *,
    data: Data,
    method: ManyMethods = "all",
    weights: ManyWeights = None,
    image_folder: Images = None,
    split: Annotated[str, typer.Option(help="images that no weights were trained on")] = "val",
    test: Annotated[
        str | None, typer.Option(help="split to measure the fused answers on; none if left out")
    ] = None,
    policies: Policies = None,
    out: Annotated[
        Path | None, typer.Option(help="the file to write; fusion.json beside your own weights if left out")
    ] = None,
    seed: Seed = 0,
    machine: Machine,
    force: Force = False,
) -> None:
    """Learn on a split how to fuse methods, for every combination of two or more of those named.

    `attribute --method a,b` then prints one fused answer.

    Example: ganprint fuse --method repmix,prnu --data mine.csv --test test
    """
    from ganprint.calibration.fusion import FUSION_FILE, save_fusion
    from ganprint.data import Manifest
    from ganprint.remote import last_part
    from ganprint.weights import user_folder

    if out is not None:
        check_output(out, force=force)
    named = None if weights else method
    ensemble, device = load_ensemble(
        named, weights, device=machine.device, threads=machine.threads, enrolled=False
    )
    from ganprint.evaluation.answers import Computing
    from ganprint.evaluation.fuse import common_sources, tell
    from ganprint.evaluation.fuse import fuse as learn

    if len(ensemble.predictors) < 2:
        raise UsageError("Fusion needs at least two methods.", "Name several: --method a,b or all.")
    chosen = list(dict.fromkeys(policies or ("none", "test-seen")))
    manifest = Manifest.open(data, root=image_folder, sources=common_sources(ensemble.predictors))
    with counting("answers") as progress:
        ask = partial(
            tell,
            ensemble.predictors,
            manifest,
            seed=seed,
            say=cache(complain),
            progress=progress,
            computing=Computing(device=device, batch_size=machine.batch_size, workers=machine.workers),
        )
        told = ask(split, chosen)
        fusion = learn(
            ensemble.predictors,
            told,
            data=last_part(data),
            split=split,
            policies=chosen,
            seed=seed,
            command=command_line(),
        )
        tested = {policy: ask(test, [policy]) for policy in chosen} if test else {}
    file = out or user_folder() / FUSION_FILE
    save_fusion(fusion, file, force=force)
    _print(ensemble, fusion, tested)
    typer.echo(str(file))
    end_with(failure for each in (told, *tested.values()) for failure in each.failures)


def _print(ensemble: "Ensemble", fusion: "Fusion", tested: "dict[str, Told]") -> None:
    from rich.table import Table

    from ganprint.calibration.fusion import pool
    from ganprint.calibration.probabilities import log_loss

    names = [predictor.card.name for predictor in ensemble.predictors]
    cards = [predictor.card for predictor in ensemble.predictors]
    everything = fusion.combination(cards)
    assert everything is not None
    shares = [everything.weights[card.sha256 or ""] for card in cards]
    table = Table(
        "", "weight", "log loss", title=f"{fusion.images} images of {fusion.split}: kept out in turn"
    )
    for policy in tested:
        table.add_column(f"{policy}: attribution")
        table.add_column("detection")
        table.add_column("log loss")
    for number, name in enumerate([*names, "all, fused"]):
        fused = number == len(names)
        weight = "" if fused else f"{shares[number]:.3f}"
        row = [name, weight, f"{everything.log_loss if fused else everything.alone[name]:.3f}"]
        for told in tested.values():
            found = pool(told.members, shares) if fused else told.members[number]
            answers = found.argmax(1)
            right, seen = (answers == told.labels).mean(), ((answers > 0) == (told.labels > 0)).mean()
            row += [f"{right:.3f}", f"{seen:.3f}", f"{log_loss(found, told.labels):.3f}"]
        table.add_row(*row)
    console().print(table)
