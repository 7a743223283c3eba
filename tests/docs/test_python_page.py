"""docs/python.md, docs/data.md and the README are true: their blocks run, and all functions are shown."""

import contextlib
import io
import re
import shutil
from pathlib import Path

import pytest

import ganprint

PAGE = Path(__file__).resolve().parents[2] / "docs" / "python.md"


def blocks(page: Path = PAGE) -> list[str]:
    return re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), flags=re.DOTALL)


def test_every_block_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))
    names: dict[str, object] = {}
    printed = io.StringIO()
    for number, block in enumerate(blocks(), 1):
        with contextlib.redirect_stdout(printed):
            exec(compile(block, f"{PAGE.name}, block {number}", "exec"), names)
    assert "There is no file absent.png." in printed.getvalue()
    assert "['same', 'same'" in printed.getvalue()


def test_the_block_of_the_readme_runs(tiny_manifest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "case" / "deep").mkdir(parents=True)
    for name in ("img.png", "case/deep/img.png"):
        shutil.copy(tiny_manifest.parent / "progan" / "test_seen0.png", tmp_path / name)
    (block,) = blocks(PAGE.parents[1] / "README.md")
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(block, {})
    assert printed.getvalue().startswith("case/deep/img.png ")


def test_the_block_of_the_page_on_data_runs(tiny_manifest: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tiny_manifest.parent)
    (block,) = blocks(PAGE.with_name("data.md"))
    names: dict[str, object] = {}
    exec(block.replace("manifest.csv", tiny_manifest.name), names)
    assert names["batch"].images.shape == (36, 3, 128, 128)


def test_every_function_is_shown() -> None:
    shown = set(re.findall(r"ganprint\.(\w+)", "\n".join(blocks())))
    functions = {name for name in ganprint.__all__ if name[0].islower()}
    assert functions <= shown
