"""Keep decoders from writing to stderr."""

import ctypes
import logging
import threading
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from typing import Any

from PIL import _imaging


class QuietDecoders:
    """A guard, shared by the threads that decode, that silences Pillow and libtiff while any of them does.

    Warning filters, log handlers and libtiff's error handler belong to the process, and threads that each
    set and restored them would do it in the wrong order: the first to come sets them, the last restores.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._decoding = 0
        self._undo = ExitStack()

    @contextmanager
    def __call__(self) -> Iterator[None]:
        """Silence the decoders for the length of a `with` block."""
        with self._lock:
            if self._decoding == 0:
                self._silence()
            self._decoding += 1
        try:
            yield
        finally:
            with self._lock:
                self._decoding -= 1
                if self._decoding == 0:
                    self._undo.close()

    def _silence(self) -> None:
        self._undo.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore")
        # Without a handler anywhere, logging prints Pillow's errors itself.
        logger, handler = logging.getLogger("PIL"), logging.NullHandler()
        logger.addHandler(handler)
        self._undo.callback(logger.removeHandler, handler)
        # Pillow takes away only libtiff's handler for warnings; the one for errors prints.
        set_handler = _libtiff_error_handler()
        if set_handler is not None:
            self._undo.callback(set_handler, set_handler(None))


@cache
def _libtiff_error_handler() -> Any:
    """Return libtiff's function that sets its error handler and gives the one before."""
    try:
        # Found among the libraries that Pillow's own is linked to, so it is the libtiff that decodes.
        set_handler = ctypes.CDLL(_imaging.__file__).TIFFSetErrorHandler
    except (AttributeError, OSError):
        return None  # linked in another way: its lines stay on stderr, and nothing else changes
    set_handler.argtypes, set_handler.restype = [ctypes.c_void_p], ctypes.c_void_p
    return set_handler


quiet_decoders = QuietDecoders()
"""The one guard of this process: two would undo each other."""
