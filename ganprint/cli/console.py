"""Printing for all commands: tables, JSON and CSV to stdout, notes and progress to stderr."""

import csv
import io
import json
import logging
import os
import sys
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from shlex import join
from typing import Any, TextIO, cast

import typer
from rich.console import Console, ConsoleOptions, RenderableType
from rich.padding import Padding
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.segment import Segment
from rich.text import Text

from ganprint.errors import GanprintWarning, ImageError
from ganprint.plain_text import cell, harmless, printable, to_json

PLAIN_WIDTH = 160
"""Columns of a table that goes to a file or a pipe, unless COLUMNS says otherwise."""
FORCING_COLOURS = ("FORCE_COLOR", "GITHUB_ACTIONS", "PY_COLORS")
"""Variables that have typer colour what it prints, to a terminal or not."""
LINE_SECONDS = 30.0
"""Between two lines of progress where there is no terminal to show a bar."""


class HarmlessConsole(Console):
    """A console whose text, whatever it was put together from, holds nothing that a terminal acts on."""

    def render_str(self, text: str, **options: Any) -> Text:
        """Return a string to print, escaped before its width is measured."""
        return super().render_str(harmless(text), **options)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Yield what is printed, all text escaped, and rich's own movements of the cursor as they are."""
        for segment in super().render(renderable, options):
            if segment.control or segment.text.isprintable():
                yield segment
            else:
                yield Segment(harmless(segment.text), segment.style)


class Bar(Progress):
    """A progress bar above which lines for standard error appear, as text: rich's own way reads escapes in them."""

    def start(self) -> None:
        """Draw the bar, and take over what is written to standard error."""
        super().start()
        if not self.disable and not isinstance(sys.stderr, _Above):
            self._before = sys.stderr
            sys.stderr = _Above(self.console)

    def stop(self) -> None:
        """Give standard error back, and remove the bar."""
        if isinstance(sys.stderr, _Above):
            sys.stderr.close()
            sys.stderr = self._before
        super().stop()


class _Above(io.TextIOBase):
    """Prints whole lines above a console's bar."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._begun = ""

    def write(self, text: str) -> int:
        *lines, self._begun = (self._begun + text).split("\n")
        for line in lines:
            self._console.print(line, soft_wrap=True)
        return len(text)

    def close(self) -> None:
        if self._begun:
            self.write("\n")
        super().close()


def console(*, stderr: bool = False) -> Console:
    """Return a console that prints names as they are: no markup, no emoji, and nothing that a terminal acts on.

    That of stderr prints notes and progress, nothing with -q.
    """
    stream = sys.stderr if stderr else sys.stdout
    file = getattr(stream, "guarded", stream)
    quiet = stderr and getattr(stream, "quiet", False)
    out = HarmlessConsole(file=file, markup=False, emoji=False, highlight=False, quiet=quiet)
    if not out.is_terminal and "COLUMNS" not in os.environ:
        out.width = PLAIN_WIDTH
    return out


def print_wrapped(out: Console, line: Text | str, *, indent: int = 0, style: str | None = None) -> None:
    """Print a line; a terminal wraps it between words, a file or a pipe gets it whole."""
    if out.is_terminal:
        shown = out.render_str(line, style=style or "") if isinstance(line, str) else line
        out.print(Padding(shown, (0, 0, 0, indent), expand=False))
    else:
        out.print(f"{' ' * indent}{line}", style=style, soft_wrap=True)


class GuardedStream:
    """Standard output or error, through which nothing passes that a terminal acts on, whoever writes to it.

    Names that the stream cannot encode are escaped. `guarded` is the stream itself, for consoles that guard by
    themselves and colour what they print.
    """

    def __init__(self, stream: TextIO) -> None:
        self.guarded = stream
        self.quiet = False
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")

    def write(self, text: str) -> int:
        """Write text, what is not printable in it escaped."""
        self.guarded.write(harmless(text))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """Write lines as `write` does."""
        for line in lines:
            self.write(line)

    def isatty(self) -> bool:
        """Say no, so that others print without colours, which would come out as escapes."""
        return False

    def __getattr__(self, name: str) -> Any:
        # The bytes below would be a way around.
        if name in ("buffer", "guarded"):
            raise AttributeError(name)
        return getattr(self.guarded, name)


class GuardedOutput(GuardedStream):
    """Standard output, to which rich prints the help, of fixed text, in colours."""

    @property
    def rich_proxied_file(self) -> TextIO:
        """The stream itself, which rich asks for under this name."""
        return self.guarded


def guard_streams() -> None:
    """Let nothing through to the terminal but printable text, and no library's warning; for this process, once."""
    for name, mode in {"stdin": "r", "stdout": "w", "stderr": "w"}.items():
        if getattr(sys, name) is None:  # It was closed when the process began.
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_RDWR), mode))
    if any(os.environ.get(name) for name in FORCING_COLOURS):
        # Typer would colour its errors, too, and the colours come out as escapes.
        os.environ["_TYPER_FORCE_DISABLE_TERMINAL"] = "1"
    if not isinstance(sys.stdout, GuardedStream):
        sys.stdout = cast(TextIO, GuardedOutput(sys.stdout))
    if not isinstance(sys.stderr, GuardedStream):
        sys.stderr = cast(TextIO, GuardedStream(sys.stderr))


def quiet_libraries() -> None:
    """Keep warnings and log lines of libraries from stderr, unless Python was asked for them; for this process.

    ganprint's own warnings are printed, each once.
    """
    if not sys.warnoptions:
        warnings.simplefilter("ignore")
    warnings.simplefilter("once", GanprintWarning)
    show = warnings.showwarning

    def showing(message: Warning | str, category: type[Warning], *where: Any) -> None:
        if issubclass(category, GanprintWarning):
            complain(str(message))
        else:
            show(message, category, *where)

    warnings.showwarning = showing  # type: ignore[assignment]
    logging.getLogger().addHandler(logging.NullHandler())


def be_quiet(asked: bool) -> None:
    """Print no notes and no progress from now on, only results and errors, if that is `asked` for."""
    if asked:
        guard_streams()
        cast(GuardedStream, sys.stderr).quiet = True


def note(text: str) -> None:
    """Print a line on stderr that is neither a result nor an error, unless -q was given."""
    if not getattr(sys.stderr, "quiet", False):
        typer.echo(f"ganprint: {text}", err=True)


def note_unsearched(inputs: Sequence[str], recursive: bool) -> None:
    """Print a line for each folder that is named, in whose own folders no image is looked for."""
    from ganprint.api.image_inputs import Inputs

    for folder in Inputs(inputs, recursive).unsearched():
        note(f"the folders in {printable(folder)} were not searched; --recursive does that.")


def complain(sentence: str) -> None:
    """Print on stderr what went wrong or must be known, with -q too."""
    typer.echo(f"ganprint: {sentence}", err=True)


def complain_once(message: str, hint: str, shown: set[str]) -> None:
    """Print an error, and below it its hint unless it is among those that were shown."""
    complain(message)
    if hint and hint not in shown:
        shown.add(hint)
        typer.echo(f"  {hint}", err=True)


def end_with(failures: Iterable[ImageError]) -> None:
    """Name each image that could not be read, once, and end with status 1 where there is one."""
    named, shown = {failure.message: failure.hint for failure in failures}, set[str]()
    for message, hint in named.items():
        complain_once(message, hint, shown)
    if named:
        raise typer.Exit(1)


def hear_libraries(asked: bool) -> None:
    """Let warnings and log lines of libraries through to stderr again, if that is `asked` for."""
    if asked:
        warnings.simplefilter("default")
        logging.basicConfig(level=logging.INFO, stream=sys.stderr)


def command_line() -> str:
    """Return the command that runs, as a shell would take it again."""
    return join(["ganprint", *sys.argv[1:]])


def about(seconds: float) -> str:
    """Return a duration in words, as exactly as an estimate is."""
    if seconds < 90:
        return f"about {max(5, round(seconds, -1 if seconds > 20 else 0)):.0f} seconds"
    minutes = seconds / 60
    return f"about {minutes:.0f} minutes" if minutes < 90 else f"about {minutes / 60:.1f} hours"


def progress_bar() -> Progress:
    """Return a bar on stderr that vanishes when done and is not drawn where stderr is no terminal."""
    errors = console(stderr=True)
    return Bar(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=errors,
        transient=True,
        # Or what is printed would go to stderr with the bar.
        redirect_stdout=False,
        redirect_stderr=False,
        disable=not errors.is_terminal or getattr(sys.stderr, "quiet", False),
    )


@contextmanager
def counting(what: str) -> Iterator[Callable[[str, int, int | None], None]]:
    """Show a bar meanwhile; what is given moves it: the current step, how many are done, and of how many.

    Where there is no bar, each LINE_SECONDS a line says that, and how long the rest of the step takes.
    """
    with progress_bar() as bar:
        task = bar.add_task(what, total=None)
        current, began, told = "", 0.0, time.monotonic()

        def tell(step: str, done: int, total: int | None) -> None:
            nonlocal current, began, told
            bar.update(task, description=step, completed=done, total=total)
            now = time.monotonic()
            if step != current:
                current, began = step, now
            elif bar.disable and total and 0 < done < total and now - told > LINE_SECONDS:
                told = now
                note(f"{step}: {done:,} of {total:,}; {about((now - began) * (total - done) / done)} left.")

        yield tell


def echo_json(content: Any, *, indent: int | None = None) -> None:
    """Print JSON, names as they are, as far as they are printable and stdout can hold them."""
    text = to_json(content, indent=indent)
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        # In JSON's own escapes, not those of the stream.
        text = "".join(c if c.isascii() else json.dumps(c)[1:-1] for c in text)
    typer.echo(text)


def echo_csv(row: Iterable[object]) -> None:
    """Print one CSV row; text is made harmless to spreadsheets, numbers stay, None is an empty cell."""
    values = [cell(value) if isinstance(value, str) else value for value in row]
    csv.writer(sys.stdout, lineterminator="\n").writerow(values)
