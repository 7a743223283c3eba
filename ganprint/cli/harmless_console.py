"""Rich's console, printing text from outside literally."""

import io
import sys
from collections.abc import Iterable
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.progress import Progress
from rich.segment import Segment
from rich.text import Text

from ganprint.plain_text import harmless


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
