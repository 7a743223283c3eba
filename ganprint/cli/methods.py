"""`ganprint methods`: list installed methods, their papers and weights, and failures to load."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Column, Table
from typer import Argument

from ganprint.cli.console import console, echo_json, print_wrapped
from ganprint.cli.options import Json

if TYPE_CHECKING:
    from ganprint.api.installed import Method, MethodSettings


def methods(
    name: Annotated[str | None, Argument(help="a method, to list its presets and the keys of --set")] = None,
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
        echo_json([asdict(each) for each in found], indent=2)
    elif found:
        _print_list(found)
    else:
        typer.echo("No method is installed: reinstall ganprint.", err=True)


def _show(settings: "MethodSettings", as_json: bool) -> None:
    if as_json:
        echo_json(asdict(settings), indent=2)
        return
    out = console()
    print_wrapped(out, f"{settings.title}: {settings.paper}")
    print_wrapped(out, f"Presets: {', '.join(settings.presets) or 'none'}")
    table = Table(Column("key", no_wrap=True), Column("default", overflow="fold"), "meaning")
    for key in settings.keys:
        table.add_row(key.name, key.shown_default, key.description)
    out.print(table)


def _print_list(found: "list[Method]") -> None:
    out = console()
    for each in found:
        foreign = f" from {each.distribution} {each.version}" if each.distribution != "ganprint" else ""
        print_wrapped(out, f"{each.name}{foreign}", style="bold")
        print_wrapped(out, each.paper or f"Failed to load: {each.error}", indent=2)
        print_wrapped(out, f"weights: {', '.join(each.weights) or 'none'}", indent=2)
