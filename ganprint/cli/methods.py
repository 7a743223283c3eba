"""`ganprint methods`: list installed methods, their papers and weights, and failures to load."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from ganprint.cli.console import console, echo_json
from ganprint.cli.options import Json

if TYPE_CHECKING:
    from ganprint.api.installed import Method, MethodSettings


def methods(
    name: Annotated[str | None, typer.Argument(help="a method, to list its presets and the keys of --set")] = None,
    as_json: Json = False,
) -> None:
    """List the installed methods with their papers and weights, and those that failed to load.

    Example: ganprint methods repmix
    """
    from ganprint.api.installed import method_settings
    from ganprint.api.installed import methods as installed

    if name is not None:
        _show(method_settings(name), as_json)
        return
    found = installed()
    if as_json:
        echo_json(
            [{key: value for key, value in asdict(each).items() if key != "paper"} for each in found],
            indent=2,
        )
    elif found:
        _print_table(found)
    else:
        typer.echo("No method is installed: reinstall ganprint.", err=True)


def _show(settings: "MethodSettings", as_json: bool) -> None:
    from rich.table import Table

    if as_json:
        echo_json(asdict(settings), indent=2)
        return
    out = console()
    out.print(f"{settings.title}: {settings.paper}", soft_wrap=True)
    out.print(f"Presets: {', '.join(settings.presets) or 'none'}", soft_wrap=True)
    table = Table("key", "default", "meaning")
    for key in settings.keys:
        table.add_row(key.name, str(key.default), key.description)
    out.print(table)


def _print_table(found: "list[Method]") -> None:
    from rich.table import Column, Table

    table = Table(Column("name", no_wrap=True), "paper", Column("weights", no_wrap=True), show_lines=True)
    for each in found:
        foreign = f"\nfrom {each.distribution} {each.version}" if each.distribution != "ganprint" else ""
        table.add_row(
            f"{each.name}{foreign}",
            each.paper or f"Failed to load: {each.error}",
            "\n".join(each.weights) or "none",
        )
    console().print(table)
