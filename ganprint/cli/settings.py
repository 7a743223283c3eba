"""`ganprint config`: a file of defaults for options."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from ganprint.errors import UsageError, did_you_mean

Commands = Mapping[tuple[str, ...], Any]

SHARED = ("device", "threads", "workers", "batch_size", "precision", "engine", "seed", "max_pixels")
"""Options that one variable, as GANPRINT_DEVICE, or one setting gives to every command that has them."""


def commands(group: Any, path: tuple[str, ...] = ()) -> dict[tuple[str, ...], Any]:
    """Return every command that is no group, by the words that call it."""
    if not hasattr(group, "commands"):
        return {path: group}
    found: dict[tuple[str, ...], Any] = {}
    for name, command in group.commands.items():
        found |= commands(command, (*path, name))
    return found


def settings_file() -> Path:
    """Return the user's settings file, GANPRINT_CONFIG where that is set."""
    from platformdirs import user_config_path

    named = os.environ.get("GANPRINT_CONFIG")
    return Path(named) if named else user_config_path("ganprint") / "settings.yaml"


def read_settings(commands: Commands) -> dict[str, Any]:
    """Return the settings by key, {} if there is no file.

    Raises UsageError where the file cannot be read, is not plain YAML, or has a key that is no option.
    """
    from ganprint.plain_yaml import PlainYAMLError, load_plain

    file = settings_file()
    where = f"{file} (GANPRINT_CONFIG)" if os.environ.get("GANPRINT_CONFIG") else str(file)
    try:
        settings = load_plain(file.read_bytes()) or {}
    except FileNotFoundError:
        return {}
    except (OSError, PlainYAMLError) as cause:
        raise UsageError(f"The settings in {where} cannot be read: {cause}.", "Correct or remove the file.") from cause
    if not isinstance(settings, dict):
        raise UsageError(f"The settings in {where} are not a map of keys to values.", "Correct or remove the file.")
    for key, value in settings.items():
        if not isinstance(key, str) or isinstance(value, dict):
            raise UsageError(
                f"The setting {key} in {where} is not an option with a value.",
                "Write a line such as device: cuda.",
            )
        find_option(key, commands)
    return settings


def find_option(key: str, commands: Commands) -> Any:
    """Return the option that the key `device`, `attribute.batch-size` or `weights.list.json` sets.

    Raises UsageError where there is none.
    """
    known = {
        ".".join((*path, _key(option))): option
        for path, command in commands.items()
        for option in command.params
        if option.param_type_name == "option" and option.expose_value
    }
    for name in SHARED:
        known |= {_key(option): option for option in known.values() if option.name == name}
    if key not in known:
        raise UsageError(
            f"There is no setting {key}.",
            f"{did_you_mean(key, known)}A setting is an option, as device, or one of a command, as "
            "attribute.batch-size.",
        )
    return known[key]


def default_map(commands: Commands, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings as nested maps from commands to options; a command's own comes before a shared one."""
    defaults: dict[str, Any] = {}
    for path, command in commands.items():
        below = defaults
        for word in path:
            below = below.setdefault(word, {})
        for option in command.params:
            for key in (_key(option), ".".join((*path, _key(option)))):
                if key in settings:
                    below[option.name] = settings[key]
    return defaults


def _key(option: Any) -> str:
    return str(option.name).removeprefix("as_").replace("_", "-")


def config(
    ctx: typer.Context,
    key: Annotated[
        str | None, typer.Argument(help="an option, such as device, or of one command: attribute.batch-size")
    ] = None,
    value: Annotated[str | None, typer.Argument(help="the new value; without it, the setting is printed")] = None,
    unset: Annotated[bool, typer.Option("--unset", help="remove the setting")] = False,
) -> None:
    """Show or change the settings, which are defaults for options.

    An option on the command line comes first, then a variable (GANPRINT_DEVICE, or GANPRINT_ATTRIBUTE_DEVICE for one
    command), then the settings.

    Example: ganprint config device cuda
    """
    known = commands(ctx.find_root().command)
    settings = read_settings(known)
    if key is None:
        typer.echo(f"# {settings_file()}")
        for name, setting in settings.items():
            typer.echo(f"{name}: {setting}")
        return
    option = find_option(key, known)
    if unset:
        settings.pop(key, None)
    elif value is None:
        if key not in settings:
            raise UsageError(f"{key} is not set.", f"Set it with: ganprint config {key} VALUE")
        typer.echo(settings[key])
        return
    else:
        settings[key] = _checked(option, value, ctx)
    _write(settings)


def _checked(option: Any, value: str, ctx: typer.Context) -> Any:
    """Return the value as YAML reads it, once the option accepts it."""
    from ganprint.plain_yaml import PlainYAMLError, load_plain

    try:
        read = load_plain(value)
        option.process_value(ctx, [read] if option.multiple else read)
    except (typer.BadParameter, PlainYAMLError) as cause:
        raise UsageError(
            f"{_key(option)} cannot be {value!r}: {cause}", "ganprint COMMAND --help has its values."
        ) from cause
    return [read] if option.multiple else read


def _write(settings: Mapping[str, Any]) -> None:
    import yaml

    from ganprint.files import atomic_write

    atomic_write(settings_file(), yaml.safe_dump(dict(settings), allow_unicode=True).encode())
