"""The command reference, which `make docs` writes, has every command and option with its help."""

import html
import re
from pathlib import Path

import typer

from ganprint.cli import app
from ganprint.cli.settings import commands

REFERENCE = Path(__file__).resolve().parents[2] / "docs" / "commands.md"


def test_the_reference_is_not_stale() -> None:
    text = " ".join(html.unescape(REFERENCE.read_text()).split())
    sections = set(re.findall(r"## `(ganprint[^`]*)`", text))
    found = commands(typer.main.get_command(app))
    every = {" ".join(("ganprint", *path)): command for path, command in found.items()}
    assert sections == {*every, *(name.rpartition(" ")[0] for name in every)} - {"ganprint"}
    missing = [
        f"{name}: {option.name}"
        for name, command in every.items()
        for option in command.params
        if not (option.name == "help" or option.hidden)
        and (not option.help or " ".join(option.help.split()) not in text)
    ]
    assert not missing, "run `make docs`"
