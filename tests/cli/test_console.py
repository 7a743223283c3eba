"""No content speaks to the terminal: whatever prints it, and however."""

import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

import ganprint.cli
from ganprint.attributor import Progress
from ganprint.cli.console import (
    GuardedOutput,
    GuardedStream,
    console,
    counting,
    echo_csv,
    echo_json,
    guard_streams,
    progress_bar,
)
from ganprint.cli.tables import print_divided, print_titled
from ganprint.cli.train import Reporter

EVIL = "\x1b[2J\x1b]8;;http://evil/\x07\x9b\u202e\r"


def is_harmless(text: str) -> bool:
    return all(character.isprintable() or character in "\n\t" for character in text)


@pytest.mark.parametrize("stderr", [False, True])
def test_consoles_tables_and_styled_text_are_escaped(stderr: bool, capsys: pytest.CaptureFixture[str]) -> None:
    out = console(stderr=stderr)
    table = Table(EVIL, title=EVIL, caption=EVIL)
    table.add_row(EVIL)
    table.add_row(Text(EVIL, style="bold"))
    out.print(table)
    out.print(EVIL, Text.assemble("a", (EVIL, "red")), Panel(EVIL, title=EVIL))
    out.print(Text(EVIL), soft_wrap=True)
    printed = "".join(capsys.readouterr())
    assert r"\x1b[2J" in printed
    assert is_harmless(printed)


def test_a_terminal_gets_colours_and_no_content(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = io.StringIO()
    terminal.isatty = lambda: True
    monkeypatch.setattr(sys, "stdout", GuardedOutput(terminal))
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    console().print(Text("real" + EVIL, style="bold green"))
    # Rich takes BEL and CR out of its text by itself.
    shown = r"\x1b[2J\x1b]8;;http://evil/\x9b\u202e"
    assert terminal.getvalue() == f"\x1b[1;32mreal{shown}\x1b[0m\n"


def test_what_is_said_beside_a_bar_is_text(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = io.StringIO()
    terminal.isatty = lambda: True
    guarded = GuardedStream(terminal)
    monkeypatch.setattr(sys, "stderr", guarded)
    with progress_bar() as bar:
        for _ in bar.track(range(2), description=EVIL):
            print(f"said {EVIL}", file=sys.stderr)
    assert sys.stderr is guarded
    assert r"said \x1b[2J\x1b]8;;http://evil/\x07\x9b\u202e\r" in terminal.getvalue()
    for part in ("\x1b[2J", "\x1b]", "\x9b", "\u202e"):
        assert part not in terminal.getvalue()
    assert "http://evil/\x07" not in terminal.getvalue()


def test_whatever_writes_to_a_guarded_stream_is_escaped(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.StringIO()
    monkeypatch.setattr(sys, "stdout", raw)
    monkeypatch.setattr(sys, "stderr", raw)
    guard_streams()
    guard_streams()
    assert isinstance(sys.stdout, GuardedStream)
    assert sys.stdout.guarded is raw
    print(EVIL)
    print(EVIL, file=sys.stderr)
    echo_json({EVIL: EVIL})
    echo_csv([EVIL, 1])
    sys.stdout.writelines([EVIL])
    assert not hasattr(sys.stdout, "buffer")
    assert is_harmless(raw.getvalue())
    assert json.loads(raw.getvalue().splitlines()[2]) == {EVIL: EVIL}


def test_errors_about_evil_names_are_escaped(program: Any) -> None:
    for arguments in (["verify", EVIL], ["weights", "show", EVIL], [f"--{EVIL}"], ["attribute", f"--{EVIL}"]):
        # As bytes: text would have other line ends.
        done = program(*arguments, text=False)
        assert done.returncode in (2, 3)
        assert is_harmless(done.stderr.decode() + done.stdout.decode())


def test_a_stream_that_cannot_hold_a_name_escapes_it(program: Any, tmp_path: Path) -> None:
    (tmp_path / "real" / "真").mkdir(parents=True)
    (tmp_path / "progan").mkdir()
    for folder in ("real/真", "progan"):
        (tmp_path / folder / "bild-真🖼.png").write_bytes(b"")
    for options in ([], ["--json"]):
        narrow = {"PYTHONIOENCODING": "cp1252"}
        done = program("data", "check", tmp_path, *options, env=narrow, text=False, status=1)
        assert rb"\u771f" in done.stdout
    assert "真🖼" in json.loads(done.stdout)["unreadable"][0]["path"]


def test_no_library_warns_on_stderr(tmp_path: Path) -> None:
    code = (
        "from ganprint.cli.console import quiet_libraries; quiet_libraries()\n"
        "import warnings, logging; warnings.warn('loud'); logging.getLogger('lib').error('loud')\n"
        "from ganprint.drawing import Figure; Figure().savefig('/dev/null', format='png')\n"
    )
    environment = {name: value for name, value in os.environ.items() if name != "MPLCONFIGDIR"}
    environment |= {"HOME": "/nonexistent", "XDG_CONFIG_HOME": "", "XDG_CACHE_HOME": ""}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, check=True)
    assert done.stderr == b""


def test_where_there_is_no_bar_a_line_says_now_and_then_how_long_the_rest_takes(capsys, monkeypatch) -> None:
    monkeypatch.setattr("ganprint.cli.console.LINE_SECONDS", -1)
    with counting("images") as progress:
        for done in range(3):
            progress("val under none", done, 2)
    (line,) = capsys.readouterr().err.splitlines()
    assert line == "ganprint: val under none: 1 of 2; about 5 seconds left."


def test_a_title_is_printed_above_its_table_and_not_wrapped_to_it(capsys, monkeypatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    title = "A title of many words that is wider than the table below it"
    print_titled(title, Table("a", "b"), "And so is what is said below the table")
    lines = capsys.readouterr().out.splitlines()
    assert (lines[0], lines[-1]) == (title, "And so is what is said below the table")
    sources = {file.name: file.read_text() for file in Path(ganprint.cli.__file__).parent.glob("*.py")}
    assert [name for name, text in sources.items() if re.search(r"Table\([^\n]*title=|\n +title=", text)] == []


def test_a_wide_table_is_divided_and_its_names_stay_whole(capsys, monkeypatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    names = [f"a-source-of-some-length-{number}" for number in range(5)]
    print_divided("Counts", "source", names, [(name, ["1"] * 5) for name in names])
    printed = capsys.readouterr().out
    assert max(map(len, printed.splitlines())) <= 60
    assert printed.count("Counts\n") == 5 and printed.count("│ 1 ") == 25
    assert all(printed.count(name) == 6 for name in names)


@pytest.mark.parametrize(("epochs", "said"), [(1, "1 epoch: about"), (2, "2 epochs: about")])
def test_an_estimate_of_a_training_counts_in_words(epochs: int, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    Reporter()(Progress(1, epochs, 10, 20, images_per_second=5.0, seconds_left=12.0))
    assert said in capsys.readouterr().err
