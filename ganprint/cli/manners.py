"""What all commands have in common: short options, types in the help, environment variables and settings."""

import os
import re
from collections.abc import Callable, Container, Sequence
from copy import copy
from itertools import islice, pairwise
from typing import Annotated, Any

import typer
from typer.core import TyperGroup, TyperOption

from ganprint.cli.old_names import renew
from ganprint.cli.settings import SHARED, commands, default_map, read_settings
from ganprint.errors import GanprintError

PREFIX = "GANPRINT"
PAIRS = ("--set", "--rename")
"""Repeatable options whose values may have commas; of the others `--severity 1,3` gives several."""
TYPES = {"str": "TEXT", "path": "PATH", "int": "N", "int range": "N", "float": "X", "float range": "X"}
"""What the help calls the types of values."""


class CommandTree(TyperGroup):
    """The group of all commands, which gives each of them what all have."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        _complete(self, (), _common_options())

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the command line, in which names of earlier versions may be."""
        return super().parse_args(ctx, renew(args))

    def invoke(self, ctx: Any) -> Any:
        """Run a command. Settings are the defaults of options that neither the command line nor a variable gives."""
        known = commands(self)
        ctx.default_map = default_map(known, read_settings(known))
        return super().invoke(ctx)


def _complete(command: Any, path: tuple[str, ...], common: Sequence[Any]) -> None:
    is_group = hasattr(command, "commands")
    if command.help:
        command.help = "\n\n".join(" ".join(part.split()) for part in command.help.split("\n\n"))
    parameters_of = command.get_params

    def parameters(ctx: Any) -> list[Any]:
        # Typer adds --help and the options for completion late; a switch has no type to show.
        found: list[Any] = parameters_of(ctx)
        for parameter in found:
            if getattr(parameter, "is_flag", False):
                parameter.metavar = ""
        return found

    command.get_params = parameters
    for name, each in command.commands.items() if is_group else ():
        _complete(each, (*path, name), common)
    if path and not is_group:
        taken = {name for parameter in command.params for name in parameter.opts}
        command.params += [copy(option) for option in common if not taken & set(option.opts)]
        listed = {name for each in command.params if each.multiple for name in each.opts} - set(PAIRS)
        parse_args = command.parse_args
        command.parse_args = _naming_variables(lambda ctx, args: parse_args(ctx, _parted(args, listed)))
        command.invoke = _naming_variables(command.invoke)
    arguments = [each for each in command.params if not isinstance(each, TyperOption)]
    for several, last in pairwise(arguments):
        if several.nargs == -1:
            # Of IN... OUT the parser takes a single word for OUT, but what was left out is OUT.
            several.get_error_hint = last.get_error_hint
    for parameter in command.params:
        if not isinstance(parameter, TyperOption):
            # An argument's name says what it is.
            parameter.display_type_rich = lambda ctx: None
            if parameter.hidden:
                parameter.get_usage_pieces = lambda ctx: []
            continue
        if parameter.metavar is None:
            parameter.metavar = _type_name(parameter)
        if path:
            _name_option(parameter, path)


def _naming_variables(step: Callable[..., Any]) -> Callable[..., Any]:
    """Return a step of a command, called with its context first, whose errors name the variables that they are about.

    Such a variable may have been set long ago.
    """

    def named(ctx: Any, *arguments: Any) -> Any:
        try:
            return step(ctx, *arguments)
        except GanprintError as error:
            given = filter(None, (_variable(ctx, option) for option in ctx.command.params))
            met = [name for name in given if _mentions(error.message, os.environ[name])]
            error.hint = " ".join([error.hint, *(f"{name} is set to {os.environ[name]}." for name in met)]).strip()
            raise

    return named


def _variable(ctx: Any, option: Any) -> str | None:
    """Return the variable that the value of an option comes from, None where it comes from elsewhere."""
    source = ctx.get_parameter_source(option.name)
    if source is None or source.name != "ENVIRONMENT":
        return None
    names: list[str] = option.envvar
    return next(name for name in names if os.environ.get(name))


def _mentions(message: str, value: str) -> bool:
    return any(re.search(rf"(?<!\w){re.escape(word)}(?!\w)", message) for word in value.split())


def _parted(words: Sequence[str], listed: Container[str]) -> list[str]:
    """Return a command line in which an option with a list of values stands once for each of them."""
    from ganprint.api.choices import parts_of

    found, given = [], iter(words)
    for word in given:
        option, equals, value = word.partition("=")
        if option in listed and (values := [value] if equals else list(islice(given, 1))):
            found += [text for part in parts_of(values[0]) or values for text in (option, part)]
        else:
            found.append(word)
    return found


def _name_option(option: TyperOption, path: tuple[str, ...]) -> None:
    if option.name == "out" and "-o" not in option.opts:
        option.opts.append("-o")
    variables = ["_".join((PREFIX, *path, option.name))]
    if option.name in SHARED:
        variables.append(f"{PREFIX}_{option.name}")
    names = [variable.upper().replace("-", "_") for variable in variables]
    option.envvar = names
    option.show_envvar = False
    hint = option.get_error_hint

    def with_variable() -> str:
        # A wrong value may come from a variable that was set long ago.
        return " or ".join([hint(), *(name for name in names if name in os.environ)])

    option.get_error_hint = with_variable  # type: ignore[method-assign]


def _type_name(option: Any) -> str | None:
    """Return what the help calls an option's type, or its choices."""
    shown = option.display_type(None).strip("<>").removeprefix("list[").removesuffix("]")
    return TYPES.get(shown.lower(), f"[{shown}]" if "|" in shown else None)


def _common_options() -> list[Any]:
    """Return -q and -v, of which each command takes copies; they act when they are parsed, and no command sees them."""
    carrier = typer.Typer(add_completion=False)

    @carrier.command()
    def common(
        quiet: Annotated[
            bool,
            typer.Option("--quiet", "-q", help="print results and errors only", callback=_quiet, expose_value=False),
        ] = False,
        verbose: Annotated[
            bool,
            typer.Option(
                "--verbose",
                "-v",
                help="also print libraries' messages",
                callback=_verbose,
                expose_value=False,
            ),
        ] = False,
    ) -> None: ...

    return typer.main.get_command(carrier).params


def _quiet(value: bool) -> None:
    if value:
        from ganprint.cli.console import be_quiet

        be_quiet()


def _verbose(value: bool) -> None:
    if value:
        from ganprint.cli.console import hear_libraries

        hear_libraries()
