"""`ganprint schema`: the JSON Schema of what other programs read."""

from typing import Annotated, Literal

from typer import Argument

from ganprint.cli.console import echo_json


def schema(
    of: Annotated[
        Literal["verdict", "case"],
        Argument(help="verdict: a line of `attribute --json`; case: the record beside a report"),
    ] = "verdict",
) -> None:
    """Print the JSON Schema of a verdict or of a case record. New versions add names and change none.

    Example: ganprint schema case
    """
    import ganprint

    echo_json(ganprint.schema(of), indent=1)
