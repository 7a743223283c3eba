"""`ganprint demo`: one image of each generator that is shipped, and a photograph, attributed."""

from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer

from ganprint.cli.console import console, echo_json
from ganprint.cli.options import Force, Json, Seed, Weights, check_method, chosen_weights

if TYPE_CHECKING:
    from rich.text import Text

    from ganprint.forensics.verdict import Verdict


def demo(
    out: Annotated[Path | None, typer.Option(help="keep the images in this folder")] = None,
    method: Annotated[
        str | None, typer.Option(help="the method, as `ganprint methods` names it; repmix if left out")
    ] = None,
    weights: Weights = None,
    seed: Seed = 0,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Make an image with each shipped generator, add a photograph, attribute them all, and print one table."""
    from rich.table import Table

    from ganprint.forensics.stream import stream_verdicts
    from ganprint.forge.mini import write_examples
    from ganprint.images import read_image
    from ganprint.weights import load_attributor

    attributor, card = load_attributor(chosen_weights(weights, method))
    check_method(method, card)
    with ExitStack() as stack:
        folder = out or Path(stack.enter_context(TemporaryDirectory()))
        examples = write_examples(folder, seed=seed, force=force)
        images = ((file.name, read_image(file)) for file, _ in examples)
        verdicts = list(stream_verdicts(images, attributor, card))
    if as_json:
        for (_, source), verdict in zip(examples, verdicts, strict=True):
            echo_json({"made_by": source, **verdict.model_dump()})
        return
    table = Table("image", "made by", "verdict", "probability", "synthetic", title=f"Answered by {card.name}")
    for (file, source), verdict in zip(examples, verdicts, strict=True):
        table.add_row(file.stem, source, *_cells(verdict, source))
    right = sum(verdict.verdict == source for (_, source), verdict in zip(examples, verdicts, strict=True))
    table.caption = f"{right} of {len(examples)} right"
    console().print(table)


def _cells(verdict: "Verdict", source: str) -> "tuple[Text, str, str]":
    from rich.text import Text

    answer = verdict.verdict or ""
    share = verdict.probabilities[answer]
    style = "green" if answer == source else "red"
    return Text(answer, style), f"{share:.1%}", f"{verdict.synthetic_probability:.1%}"
