"""`ganprint config`: a file of defaults for options."""

import os
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any

import typer
from typer import Argument, Option

from ganprint.cli.console import note
from ganprint.cli.old_names import EARLIER_KEYS, name_today
from ganprint.errors import UsageError, did_you_mean

Commands = Mapping[tuple[str, ...], Any]
FILE, WEIGHTS = "GANPRINT_CONFIG", "GANPRINT_WEIGHTS"
"""Variables that belong to no option."""

SHARED = ("device", "threads", "workers", "batch-size", "precision", "engine", "seed", "max-pixels")
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

    named = os.environ.get(FILE)
    return Path(named) if named else user_config_path("ganprint") / "settings.yaml"


def read_settings(commands: Commands) -> dict[str, Any]:
    """Return the settings by key, {} if there is no file.

    Raises UsageError where the file cannot be read, is not plain YAML, or has a key that is no option.
    """
    from ganprint.plain_yaml import PlainYAMLError, load_plain

    file = settings_file()
    where = f"{file} ({FILE})" if os.environ.get(FILE) else str(file)
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
            fault = f"The setting {key} in {where} is not an option with a value."
            raise UsageError(fault, "Write a line such as device: cuda.")
        try:
            find_option(key, commands)
        except UsageError as error:
            raise UsageError(error.message, f"{error.hint} The setting is in {where}.") from error
    return settings


def check_variables(commands: Commands) -> None:
    """Raise UsageError for a variable of an earlier name; print a note for one that is nearly that of an option."""
    options = [option for command in commands.values() for option in command.params]
    known = {FILE, WEIGHTS, *(name for option in options for name in option.envvar or ())}
    for name in sorted(name for name in os.environ if name.startswith(variable_of("")) and name not in known):
        key = next((key for key in EARLIER_KEYS if variable_of(key) == name), "")
        today = name_today(key, variable_of)
        if today:
            raise UsageError(f"The variable {name} is now {today}.", "Unset it, and use the new name.")
        near = get_close_matches(name, known, n=1, cutoff=0.9)
        if near:
            note(f"the variable {name} is not known. Did you mean {near[0]}?")


def variable_of(key: str) -> str:
    """Return the environment variable of a setting: GANPRINT_ATTRIBUTE_BATCH_SIZE for attribute.batch-size."""
    return f"GANPRINT_{key}".upper().replace("-", "_").replace(".", "_")


def keys_of(option: Any, path: tuple[str, ...]) -> list[str]:
    """Return the keys of settings that give an option of a command its value, the first to win."""
    key = _key(option)
    return [".".join((*path, key)), *([key] if key in SHARED else [])]


def origin_of(ctx: Any, option: Any) -> tuple[str, str] | None:
    """Return the value that a variable or a setting gives an option, and a sentence that says so; None if none does."""
    source = ctx.get_parameter_source(option.name)
    if source is not None and source.name == "ENVIRONMENT":
        variable = next(name for name in option.envvar if os.environ.get(name))
        return os.environ[variable], f"{variable} is set to {os.environ[variable]}."
    if source is not None and source.name == "DEFAULT_MAP":
        return str(ctx.default_map[option.name]), f"It is set in {settings_file()}."
    return None


def find_option(key: str, commands: Commands) -> Any:
    """Return the option that the key `device`, `attribute.batch-size` or `weights.list.json` sets.

    Raises UsageError where there is none.
    """
    known = {
        key: option
        for path, command in commands.items()
        for option in command.params
        if option.param_type_name == "option" and option.expose_value
        for key in keys_of(option, path)
    }
    if today := name_today(key):
        raise UsageError(f"The setting {key} is now {today}.", "Use the new name.")
    if key not in known:
        raise UsageError(
            f"There is no setting {key}.",
            f"{did_you_mean(key, known)}A setting is an option, such as device, or one of a command, as "
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
            given = next((key for key in keys_of(option, path) if key in settings), None)
            if given is not None:
                below[option.name] = _as_typed(settings[given])
    return defaults


def _as_typed(setting: Any) -> Any:
    """Return the value of a setting as one would type it, a list of such for a list."""
    if isinstance(setting, list):
        return [_as_typed(each) for each in setting]
    return str(setting).lower() if isinstance(setting, bool) else None if setting is None else str(setting)


def _key(option: Any) -> str:
    names: list[str] = [*option.opts, f"--{option.name}"]
    return next(name[2:] for name in names if name.startswith("--"))


def config(
    ctx: typer.Context,
    key: Annotated[
        str | None, Argument(help="an option, such as device, or of one command: attribute.batch-size")
    ] = None,
    value: Annotated[str | None, Argument(help="the new value; without it, the setting is printed")] = None,
    unset: Annotated[bool, Option("--unset", help="remove the setting")] = False,
) -> None:
    """Show or change the settings, which are defaults for options.

    An option on the command line overrides an environment variable (GANPRINT_DEVICE, or GANPRINT_ATTRIBUTE_DEVICE for
    one command), which overrides a setting.

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
        option.process_value(ctx, [_as_typed(read)] if option.multiple else _as_typed(read))
    except (typer.BadParameter, PlainYAMLError) as cause:
        raise UsageError(f"{_key(option)}: {cause}", "ganprint COMMAND --help has its values.") from cause
    return [read] if option.multiple else read


def _write(settings: Mapping[str, Any]) -> None:
    import yaml

    from ganprint.files import write_output

    write_output(
        settings_file(),
        yaml.safe_dump(dict(settings), allow_unicode=True).encode(),
        hint=f"Name another file with {FILE}.",
    )
