"""Keep memory that a batch frees for the next one, in long CPU runs."""

import ctypes
from contextlib import suppress

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
"""Numbers of glibc's malloc.h."""
KEPT = 2**30


def keep_freed_memory() -> None:
    """Let glibc keep up to KEPT bytes of freed memory; another C library is left as it is.

    A network's features are megabytes a layer. By default each is given back to the system and comes back
    as fresh pages, which costs `compare` a tenth of its time. It makes no difference to results.
    """
    with suppress(OSError, AttributeError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(M_TRIM_THRESHOLD, KEPT)
        mallopt(M_MMAP_THRESHOLD, KEPT)
