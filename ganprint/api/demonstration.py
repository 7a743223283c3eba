"""Attribute example images whose origin is known: the workflow of `ganprint demo`."""

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from ganprint.api.choices import load_ensemble
from ganprint.api.outputs import check_folder
from ganprint.forensics.verdict import Verdict
from ganprint.forensics.verdict_stream import stream_verdicts
from ganprint.images import read_image


@dataclass(frozen=True)
class Example:
    """An example image, in `out` if that was named, what made it (`real` of photographs), and the verdict on it."""

    path: Path
    made_by: str
    verdict: Verdict


def demo(
    out: str | Path | None = None,
    *,
    method: str | None = None,
    weights: str | Path | None = None,
    seed: int = 0,
    force: bool = False,
) -> list[Example]:
    """Attribute images of the shipped generators, a photograph, and post-processed copies of both.

    Arguments are the options of `ganprint demo`. Raises OutputExistsError where an image is there already in `out` and
    `force` is not given.
    """
    check_folder(None if out is None else Path(out))
    ensemble, _ = load_ensemble(method, weights, device="cpu", enrolled=False)
    from ganprint.forge.mini import write_examples

    with ExitStack() as stack:
        folder = Path(out) if out is not None else Path(stack.enter_context(TemporaryDirectory()))
        examples = write_examples(folder, seed=seed, force=force)
        verdicts = stream_verdicts(((file.name, read_image(file)) for file, _ in examples), ensemble)
        return [Example(file, source, verdict) for (file, source), verdict in zip(examples, verdicts, strict=True)]
