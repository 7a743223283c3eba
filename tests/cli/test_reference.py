"""The command reference, which `make docs` writes, has every command and option with its help."""

import html
import re
from collections.abc import Iterator
from pathlib import Path

import typer

from ganprint.cli import app

REFERENCE = Path(__file__).resolve().parents[2] / "docs" / "commands.md"


def commands(command: object, name: str) -> Iterator[tuple[str, object]]:
    """Yield every command with its full name."""
    yield name, command
    for part, below in getattr(command, "commands", {}).items():
        yield from commands(below, f"{name} {part}")


def test_the_reference_is_not_stale() -> None:
    text = " ".join(html.unescape(REFERENCE.read_text()).split())
    sections = set(re.findall(r"## `(ganprint[^`]*)`", text))
    every = dict(commands(typer.main.get_command(app), "ganprint"))
    assert sections == every.keys() - {"ganprint"}
    missing = [
        f"{name}: {option.name}"
        for name, command in every.items()
        for option in command.params
        if not (option.name == "help" or option.hidden)
        and (not option.help or " ".join(option.help.split()) not in text)
    ]
    assert not missing, "run `make docs`"
