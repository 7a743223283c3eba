"""docs/mistakes.md is true: every command prints what the page says, to the letter, and ends with its exit status."""

import os
import re
import shlex
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "mistakes.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"```\n\$ (?P<command>.*)\n(?P<printed>(?:.*\n)+?)```\n\nExit status (?P<status>\d)\.")
BLOCKS = [found.groups() for found in BLOCK.finditer(PAGE)]
MISSING = """import sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "jinja2":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Missing())
"""


def words_of(command: str) -> tuple[dict[str, str], list[str]]:
    """Return the variables that a command line sets, and the arguments of `ganprint`."""
    words = shlex.split(command)
    start = words.index("ganprint")
    return dict(word.split("=", 1) for word in words[:start]), words[start + 1 :]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with what the page names: an image, a folder of texts, a report and a manifest."""
    shutil.copy(ROOT / "examples" / "chelsea.png", tmp_path / "photo.png")
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "case.txt").write_text("called on Monday")
    (tmp_path / "case.html").write_text("an earlier report")
    (tmp_path / "mine.csv").write_text("path,semantic\nphoto.png,cat\n")
    return tmp_path


def test_the_page_has_ten_mistakes_and_each_block_its_exit_status() -> None:
    assert re.findall(r"^## (\d+)\.", PAGE, re.MULTILINE) == [str(number) for number in range(1, 11)]
    assert len(BLOCKS) == PAGE.count("\n```\n$ ")


@pytest.mark.parametrize("block", BLOCKS, ids=[command for command, *_ in BLOCKS])
def test_a_mistake_prints_what_the_page_says(
    block: tuple[str, str, str], folder: Path, inside: Any, program: Any
) -> None:
    command, printed, status = block
    if "https://" in command:
        pytest.importorskip("aiohttp")
    variables, words = words_of(command)
    env = {"COLUMNS": "80", **variables}
    run = inside
    if "not installed" in printed:
        (folder / "without").mkdir()
        (folder / "without" / "sitecustomize.py").write_text(MISSING)
        path = [str(folder / "without"), *filter(None, [os.environ.get("PYTHONPATH")]), *sys.path]
        env["PYTHONPATH"], run = os.pathsep.join(path), program
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    done = run(*words, env=env, cwd=folder)
    assert done.stdout + done.stderr == printed
    assert done.returncode == int(status)
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
