"""`ganprint demo`: one image of each generator that is shipped, and a photograph, attributed."""

from pathlib import Path
from typing import Annotated

from rich.table import Column, Table
from typer import Option

from ganprint.cli.console import echo_json
from ganprint.cli.options import Force, Json, ManyMethods, ManyWeights, Seed
from ganprint.cli.tables import print_titled


def demo(
    out: Annotated[Path | None, Option(help="folder to keep the images in")] = None,
    method: ManyMethods = None,
    weights: ManyWeights = None,
    seed: Seed = 0,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Attribute example images: images of the shipped generators, a photograph, and post-processed copies of both.

    The shipped generators are small ones of our own, which the default weights were not trained on.

    Example: ganprint demo --out examples/
    """
    from ganprint.api.demonstration import demo as examine
    from ganprint.calibration.decision import whole_percent
    from ganprint.cli.verdicts import explanation, in_words

    examples = examine(out, method=method, weights=weights, seed=seed, force=force)
    if as_json:
        for each in examples:
            echo_json({"made_by": each.made_by, **each.verdict.model_dump(mode="json")})
        return
    table = Table(Column("image", no_wrap=True), "answer", "why")
    for each in examples:
        verdict, chance = each.verdict, each.verdict.synthetic_probability
        share = "" if chance is None else f"\nP(synthetic) {whole_percent(chance)}"
        why = (explanation(verdict) or [""])[0].removeprefix("Why: ")
        maker = "a photograph" if each.made_by == "real" else f"by {each.made_by}"
        table.add_row(f"{each.path.stem}\n{maker}", in_words(verdict) + share, why)
    made = [each.verdict for each in examples if each.made_by != "real"]
    found = sum(verdict.is_synthetic for verdict in made)
    unsure = sum(verdict.verdict == "inconclusive" for verdict in made)
    missed = len(made) - found - unsure
    below = f"Of {len(made)} generated images: {found} called synthetic, {unsure} inconclusive, {missed} with no trace."
    print_titled(f"Answered by {examples[0].verdict.weights}", table, below)
