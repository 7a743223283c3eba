"""Open regular files of this machine for reading."""

import errno
import os
import stat
from functools import cache
from io import BufferedReader
from pathlib import Path

PLAIN = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
READ = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | PLAIN
"""Flags to open a file under: nothing that is started inherits it, and a pipe is not waited for."""
_KERNEL_FOLDERS = ("/proc", "/sys")
"""Files there are called regular, have no size, and may never end."""


class UnfitFileError(OSError):
    """A file is no regular one, or too large: `strerror` says so, as it does for the system's own errors."""

    def __init__(self, reason: str, path: Path | str) -> None:
        super().__init__(errno.EINVAL, reason, os.fspath(path))


def open_local(path: Path | str, *, limit: int | None = None) -> BufferedReader:
    """Open a file of this machine as `ganprint.files.open_file` does."""
    # Opening a device may do something by itself, so look before; and after, as the path may have changed.
    _check(os.stat(path), path, limit)  # noqa: PTH116 - Path.stat is the same, and path may be text
    descriptor = os.open(path, READ)
    try:
        _check(os.fstat(descriptor), path, limit)
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def _check(found: os.stat_result, path: Path | str, limit: int | None) -> None:
    if stat.S_ISDIR(found.st_mode):
        raise UnfitFileError("it is a folder, not a file", path)
    if not stat.S_ISREG(found.st_mode):
        raise UnfitFileError("it is a pipe, socket or device, not a regular file", path)
    if found.st_dev in _kernel_devices():
        raise UnfitFileError("it is a file of the system's own, not a regular one", path)
    if limit is not None and found.st_size > limit:
        raise UnfitFileError(too_large(limit), path)


def too_large(limit: int) -> str:
    """Return the clause that says of a file that it has more bytes than are read."""
    shown = f"{limit >> 20} MiB" if limit >= 1 << 20 else f"{limit:,} bytes"
    return f"it is too large: more than {shown} are not read"


@cache
def _kernel_devices() -> frozenset[int]:
    return frozenset(folder.stat().st_dev for folder in map(Path, _KERNEL_FOLDERS) if folder.is_mount())
