"""`ganprint methods`: list installed methods, their papers and weights, and failures to load."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from ganprint.cli.console import console, echo_json
from ganprint.cli.options import Json
from ganprint.errors import PluginError

if TYPE_CHECKING:
    from ganprint.attributor import AttributorSpec


def methods(
    name: Annotated[
        str | None, typer.Argument(help="a method, to list its presets and the keys of --set")
    ] = None,
    as_json: Json = False,
) -> None:
    """List the installed methods with their papers and weights, and those that failed to load.

    Example: ganprint methods repmix
    """
    from ganprint import plugins

    if name is None:
        _list(as_json)
    else:
        _show(plugins.load(name).spec, as_json)


def _show(spec: "AttributorSpec", as_json: bool) -> None:
    from dataclasses import asdict

    from rich.table import Table

    from ganprint.models.config import config_keys, preset_names, read_config

    keys, presets = config_keys(read_config(spec)), preset_names(spec)
    if as_json:
        about = {"name": spec.name, "title": spec.title, "paper": spec.paper, "year": spec.year}
        echo_json({**about, "presets": presets, "keys": [asdict(key) for key in keys]}, indent=2)
        return
    out = console()
    out.print(f"{spec.title}: {spec.paper}", soft_wrap=True)
    out.print(f"Presets: {', '.join(presets) or 'none'}", soft_wrap=True)
    table = Table("key", "default", "meaning")
    for key in keys:
        table.add_row(key.name, str(key.default), key.description)
    out.print(table)


def _list(as_json: bool) -> None:
    from ganprint import plugins
    from ganprint.weights import list_weights

    weights = [entry for entry in list_weights() if entry.card and not entry.error]
    records: list[dict[str, Any]] = []
    papers: list[str] = []
    for plugin in plugins.discover():
        about: plugins.About | None = None
        error = plugin.error
        try:
            about = plugins.about(plugin.name)
        except PluginError as cause:
            error = cause.message
        names = [entry.name for entry in weights if entry.card and entry.card.method == plugin.name]
        papers.append(about.paper if about else "")
        records.append(
            {
                "name": plugin.name,
                "title": about.title if about else None,
                "year": about.year if about else None,
                "distribution": plugin.distribution,
                "version": plugin.version,
                "weights": names,
                "error": error,
            }
        )
    if as_json:
        echo_json(records, indent=2)
    elif records:
        _print_table(records, papers)
    else:
        typer.echo("No method is installed: reinstall ganprint.", err=True)


def _print_table(records: list[dict[str, Any]], papers: list[str]) -> None:
    from rich.table import Column, Table

    table = Table(Column("name", no_wrap=True), "paper", Column("weights", no_wrap=True), show_lines=True)
    for record, paper in zip(records, papers, strict=True):
        foreign = record["distribution"] != "ganprint"
        table.add_row(
            f"{record['name']}\nfrom {record['distribution']} {record['version']}"
            if foreign
            else record["name"],
            paper or f"Failed to load: {record['error']}",
            "\n".join(record["weights"]) or "none",
        )
    console().print(table)
