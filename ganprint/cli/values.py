"""Values of options: lists with commas, and what is said of a value that an option cannot take."""

from typing import Any, get_args

import typer

from ganprint.cli.settings import origin_of
from ganprint.errors import did_you_mean

PAIRS = ("--set", "--rename")
"""Repeatable options whose values may have commas; of the others `--severity 1,3` gives several."""
KINDS = {bool: "true or false", int: "a whole number", float: "a number"}


def prepare(parameter: Any) -> None:
    """Let an option take `1,3` for several values, and say of a wrong value what a right one is and where it is from.

    An option on the command line, a variable and a setting are read alike.
    """
    if parameter.required and parameter.name == "method":
        parameter.get_missing_message = _installed
    process = parameter.process_value

    def processed(ctx: Any, value: Any) -> Any:
        if getattr(parameter, "multiple", False) and value and not set(PAIRS) & set(parameter.opts):
            value = [part for each in ([value] if isinstance(value, str) else value) for part in _parts(each)]
        try:
            return process(ctx, value)
        except typer.BadParameter as error:
            # Of pydantic, which typer leaves it to and which speaks to programmers.
            from pydantic import ValidationError

            if isinstance(error.__cause__, ValidationError):
                error.message = _refusal(parameter, error.__cause__.errors()[0]["input"])
            _, sentence = origin_of(ctx, parameter) or ("", "")
            error.message = f"{error.message} {sentence}".strip()
            raise

    parameter.process_value = processed


def _installed(ctx: Any) -> str:
    """Return what is said where no method was named."""
    from ganprint.api.installed import method_names

    return f"Installed methods: {', '.join(method_names())}."


def _parts(value: Any) -> list[Any]:
    from ganprint.api.choices import parts_of

    return (parts_of(value) if isinstance(value, str) else []) or [value]


def _refusal(option: Any, given: object) -> str:
    descriptor = option.type_descriptor
    if descriptor.choices:
        choices = list(map(str, descriptor.choices))
        return f"{given!r} is not one of {', '.join(choices)}. {did_you_mean(str(given), choices)}".strip()
    kind = next(iter(get_args(descriptor.annotation)), descriptor.annotation)
    least, most = descriptor.parameter_info.min, descriptor.parameter_info.max
    if least is None:
        bounds = "" if most is None else f" of at most {most}"
    else:
        bounds = f" of at least {least}" if most is None else f" from {least} to {most}"
    return f"{given!r} is not {KINDS[kind]}{bounds}."
