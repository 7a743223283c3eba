"""Interruptions that wait for the end of a step, so that a checkpoint is of a whole one."""

import signal
import threading
from typing import Any


class Interruption:
    """Hold SIGINT and SIGTERM back until the step in hand has ended, so that a checkpoint is of a whole step.

    A second SIGINT is not held back: it ends a step that hangs.
    """

    def __init__(self) -> None:
        self.asked = False
        self._previous: dict[int, Any] = {}

    def __enter__(self) -> "Interruption":
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._previous[number] = signal.signal(number, self._ask)
        return self

    def __exit__(self, *exception: object) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def _ask(self, number: int, frame: object) -> None:
        if self.asked and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.asked = True
