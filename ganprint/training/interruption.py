"""Interruptions that wait for the end of a step, so that checkpoints are complete."""

import signal
import threading
from collections.abc import Callable
from typing import Any


class Interruption:
    """Hold SIGINT and SIGTERM back until the step in hand has ended, so that a checkpoint is of a whole step.

    `stop` may ask for one, too. A second SIGINT is not held back: it ends a step that hangs.
    """

    def __init__(self, stop: Callable[[], bool]) -> None:
        self._stop = stop
        self.was_signalled = False
        """Whether a signal asked."""
        self._previous: dict[int, Any] = {}

    def __enter__(self) -> "Interruption":
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._previous[number] = signal.signal(number, self._ask)
        return self

    def __exit__(self, *exception: object) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    @property
    def asked(self) -> bool:
        """Whether the work should stop after the step in hand."""
        return self.was_signalled or self._stop()

    def _ask(self, number: int, frame: object) -> None:
        if self.was_signalled and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.was_signalled = True
