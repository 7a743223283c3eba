"""`ganprint demo`: one image of each generator that is shipped, and a photograph, attributed."""

from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from ganprint.api.choices import load_ensemble
from ganprint.cli.console import console, echo_json
from ganprint.cli.options import Force, Json, ManyMethods, ManyWeights, Seed


def demo(
    out: Annotated[Path | None, typer.Option(help="folder to keep the images in")] = None,
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
    from rich.table import Table

    from ganprint.attributor import REAL
    from ganprint.calibration.decision import INCONCLUSIVE, is_synthetic
    from ganprint.cli.verdicts import explanation, in_words
    from ganprint.forensics.verdict_stream import stream_verdicts
    from ganprint.forge.mini import write_examples
    from ganprint.images import read_image

    ensemble, _ = load_ensemble(method, weights, device="cpu", enrolled=False)
    with ExitStack() as stack:
        folder = out or Path(stack.enter_context(TemporaryDirectory()))
        examples = write_examples(folder, seed=seed, force=force)
        images = ((file.name, read_image(file)) for file, _ in examples)
        verdicts = list(stream_verdicts(images, ensemble))
    if as_json:
        for (_, source), verdict in zip(examples, verdicts, strict=True):
            echo_json({"made_by": source, **verdict.model_dump(mode="json")})
        return
    table = Table("image", "made by", "answer", "why", title=f"Answered by {ensemble.names[1]}")
    for (file, source), verdict in zip(examples, verdicts, strict=True):
        chance = verdict.synthetic_probability
        share = "" if chance is None else f"\nP(synthetic) {chance:.0%}"
        table.add_row(file.stem, source, in_words(verdict) + share, (explanation(verdict) or [""])[0])
    made = [verdict for (_, source), verdict in zip(examples, verdicts, strict=True) if source != REAL]
    found = sum(is_synthetic(verdict.verdict) for verdict in made)
    unsure = sum(verdict.verdict == INCONCLUSIVE for verdict in made)
    table.caption = f"of {len(made)} generated images {found} called synthetic, {unsure} inconclusive"
    console().print(table)
