"""`ganprint demo`: one image of each generator that is shipped, and a photograph, attributed."""

from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer

from ganprint.cli.console import console
from ganprint.cli.options import Method, Seed, Weights, check_method, chosen_weights

if TYPE_CHECKING:
    from ganprint.forensics.verdict import Verdict


def demo(
    out: Annotated[Path | None, typer.Option(help="keep the images in this folder")] = None,
    method: Method = "repmix",
    weights: Weights = None,
    seed: Seed = 0,
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
        examples = write_examples(folder, seed=seed)
        images = ((file.name, read_image(file)) for file, _ in examples)
        verdicts = list(stream_verdicts(images, attributor, card))
    table = Table("image", "made by", "verdict", "probability", "synthetic", title=f"Answered by {card.name}")
    for (file, source), verdict in zip(examples, verdicts, strict=True):
        table.add_row(file.stem, source, *_cells(verdict, source))
    right = sum(verdict.verdict == source for (_, source), verdict in zip(examples, verdicts, strict=True))
    table.caption = f"{right} of {len(examples)} right"
    console().print(table)


def _cells(verdict: "Verdict", source: str) -> tuple[str, str, str]:
    answer = verdict.verdict or ""
    colour = "green" if answer == source else "red"
    share = verdict.probabilities[answer]
    return f"[{colour}]{answer}[/{colour}]", f"{share:.1%}", f"{verdict.synthetic_probability:.1%}"
