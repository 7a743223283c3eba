"""`ganprint demo`: one image of each generator that is shipped, and a photograph, attributed."""

from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer

from ganprint.cli.console import console, echo_json
from ganprint.cli.options import Force, Json, ManyMethods, ManyWeights, Seed, load_bench

if TYPE_CHECKING:
    from rich.text import Text

    from ganprint.forensics.verdict import Verdict


def demo(
    out: Annotated[Path | None, typer.Option(help="keep the images in this folder")] = None,
    method: ManyMethods = None,
    weights: ManyWeights = None,
    seed: Seed = 0,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Make an image with each shipped generator, add a photograph, attribute them all, and print one table."""
    from rich.table import Table

    from ganprint.forensics.stream import stream_verdicts
    from ganprint.forge.mini import write_examples
    from ganprint.images import read_image

    bench = load_bench(method, weights, device="cpu", enrolled=False)
    with ExitStack() as stack:
        folder = out or Path(stack.enter_context(TemporaryDirectory()))
        examples = write_examples(folder, seed=seed, force=force)
        images = ((file.name, read_image(file)) for file, _ in examples)
        verdicts = list(stream_verdicts(images, bench))
    if as_json:
        for (_, source), verdict in zip(examples, verdicts, strict=True):
            echo_json({"made_by": source, **verdict.model_dump(mode="json")})
        return
    heads = ("image", "made by", "verdict", "likeliest", "probability", "synthetic")
    table = Table(*heads, title=f"Answered by {bench.names[1]}")
    for (file, source), verdict in zip(examples, verdicts, strict=True):
        table.add_row(file.stem, source, *_cells(verdict, source))
    pairs = [(verdict, source) for (_, source), verdict in zip(examples, verdicts, strict=True)]
    right = sum(verdict.verdict == source for verdict, source in pairs)
    foremost = sum(verdict.likeliest == source for verdict, source in pairs)
    table.caption = f"{right} of {len(pairs)} named rightly; for {foremost} the likeliest is right"
    console().print(table)


def _cells(verdict: "Verdict", source: str) -> "tuple[Text, str, str, str]":
    from rich.text import Text

    from ganprint.forensics.decision import INCONCLUSIVE, UNKNOWN

    answer, likeliest = verdict.verdict or "", verdict.likeliest or ""
    style = "green" if answer == source else "yellow" if answer in (INCONCLUSIVE, UNKNOWN) else "red"
    share = verdict.probabilities.get(likeliest, 0.0)
    synthetic = verdict.synthetic_probability
    return Text(answer, style), likeliest, f"{share:.1%}", "" if synthetic is None else f"{synthetic:.1%}"
