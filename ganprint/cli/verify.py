"""`ganprint verify`: examine a case again and compare with its record."""

from collections import Counter
from pathlib import Path
from typing import Annotated

import typer
from typer import Argument, Option

from ganprint.cli.console import complain, console, echo_json, print_wrapped, progress_bar
from ganprint.cli.options import Json
from ganprint.plain_text import printable

UNKNOWABLE = (
    "This checks what the record says of images and weights. It cannot show whether images were left out, when, where "
    "and by which command the record was made, or whether the text of the HTML report was changed."
)


def verify(
    record: Annotated[Path, Argument(help="the JSON file that `attribute --report` wrote")],
    device: Annotated[str | None, Option(help="cpu, cuda, ...; that of the record if left out")] = None,
    as_json: Json = False,
) -> None:
    """Examine the images of a record again with the same weights, and compare the answers.

    Relative paths start at the folder of the record. Exit status: 0 everything is the same, 1 something differs.

    Example: ganprint verify case.json
    """
    from ganprint.api.verification import verify as examine

    comparisons = examine(record, device=device)
    images = len(comparisons.case.images)
    for fact in comparisons.facts:
        complain(printable(fact))
    counts: Counter[str] = Counter()
    out = console()
    with progress_bar() as bar:
        for found in bar.track(comparisons, total=images, description="images"):
            counts[found.outcome] += 1
            if as_json:
                echo_json(found.model_dump())
                continue
            said = f": {'; '.join(found.details)}" if found.details else ""
            print_wrapped(out, f"{printable(found.path)}: {found.outcome}{printable(said)}")
    if not as_json:
        others = [f"{name} {then} then, {now} now" for name, (then, now) in comparisons.versions.items()]
        print_wrapped(out, f"\nVersions: {'; '.join(others) or 'the same'}.")
        total = ", ".join(f"{count} {name}" for name, count in counts.most_common())
        print_wrapped(out, f"Images examined again: {images}{f' ({total})' if total else ''}.")
        print_wrapped(out, UNKNOWABLE)
    if comparisons.facts or set(counts) - {"same"}:
        raise typer.Exit(1)
