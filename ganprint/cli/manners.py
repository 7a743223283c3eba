"""What all commands have in common: short options, types in the help, environment variables and settings."""

import re
from collections.abc import Callable, Sequence
from copy import copy
from itertools import pairwise
from typing import Annotated, Any

import typer
from typer import Option
from typer.core import TyperGroup, TyperOption

from ganprint.cli.console import be_quiet, complain, hear_libraries
from ganprint.cli.idle_options import refuse_idle
from ganprint.cli.old_names import renew
from ganprint.cli.settings import check_variables, commands, default_map, keys_of, origin_of, read_settings, variable_of
from ganprint.cli.values import prepare
from ganprint.errors import GanprintError

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
        check_variables(known)
        ctx.default_map = default_map(known, read_settings(known))
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            # Typer would end without a word.
            complain("interrupted.")
            raise typer.Exit(130) from None


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
        command.parse_args = _saying_where(command.parse_args)
        command.invoke = _saying_where(_refusing_idle(command.invoke, path))
    arguments = [each for each in command.params if not isinstance(each, TyperOption)]
    for several, last in pairwise(arguments):
        if several.nargs == -1:
            # Of IN... OUT the parser takes a single word for OUT, but what was left out is OUT.
            several.get_error_hint = last.get_error_hint
    for parameter in command.params:
        prepare(parameter)
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


def _saying_where(step: Callable[..., Any]) -> Callable[..., Any]:
    """Return a step of a command, called with its context first, whose errors say where a wrong value comes from.

    A variable or a setting may have been set long ago.
    """

    def saying(ctx: Any, *arguments: Any) -> Any:
        try:
            return step(ctx, *arguments)
        except GanprintError as error:
            given = [origin_of(ctx, option) for option in ctx.command.params]
            met = [sentence for value, sentence in filter(None, given) if _mentions(error.message, value)]
            error.hint = " ".join([error.hint, *met]).strip()
            raise

    return saying


def _refusing_idle(invoke: Callable[..., Any], path: tuple[str, ...]) -> Callable[..., Any]:
    """Return the running of a command, which refuses options that have no effect."""

    def refusing(ctx: Any) -> Any:
        refuse_idle(ctx, path)
        return invoke(ctx)

    return refusing


def _mentions(message: str, value: str) -> bool:
    return any(re.search(rf"(?<!\w){re.escape(word)}(?!\w)", message) for word in value.split())


def _name_option(option: TyperOption, path: tuple[str, ...]) -> None:
    if option.name == "out" and "-o" not in option.opts:
        option.opts.append("-o")
    option.envvar = [variable_of(key) for key in keys_of(option, path)]
    option.show_envvar = False


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
            bool, Option("--quiet", "-q", help="print results and errors only", callback=be_quiet, expose_value=False)
        ] = False,
        verbose: Annotated[
            bool,
            Option(
                "--verbose", "-v", help="also print libraries' messages", callback=hear_libraries, expose_value=False
            ),
        ] = False,
    ) -> None: ...

    return typer.main.get_command(carrier).params
