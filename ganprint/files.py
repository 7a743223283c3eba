"""Opening and writing user files: regular files only, and written completely or not at all."""

import os
import re
import secrets
import shutil
import stat
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from functools import cache
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO

from ganprint.errors import GanprintError, OutputError, OutputExistsError, UsageError
from ganprint.local_files import PLAIN, READ, UnfitFileError, open_local, too_large
from ganprint.plain_text import printable
from ganprint.remote import is_url, open_url

# Not on Windows, where an open file cannot be removed either.
try:
    import fcntl
except ImportError:  # pragma: no cover
    fcntl = None  # type: ignore[assignment]

_NO_LINK = getattr(os, "O_NOFOLLOW", 0)
_PARTIAL = re.compile(r"\.ganprint-[0-9a-f]{16}\.partial")


def open_file(path: Path | str, *, limit: int | None = None) -> BufferedReader:
    """Open a file that a user named, to read its bytes; links are followed to regular files only.

    Text may be a URL, which `ganprint.remote` opens. Raises UnfitFileError for a folder, a pipe, a socket, a device and
    the kernel's own files, which could wait or never end, and for a file of more than `limit` bytes; OSError and
    ValueError as `open` does.
    """
    if isinstance(path, str) and is_url(path):
        return open_url(path, limit=limit)
    return open_local(path, limit=limit)


def read_file(path: Path | str, *, limit: int) -> bytes:
    """Return the bytes of a file that a user named, at most `limit`; raises as `open_file` does."""
    with open_file(path, limit=limit) as file:
        content = file.read(limit + 1) or b""
    if len(content) > limit:
        raise UnfitFileError(too_large(limit), path)
    return content


@contextmanager
def atomic_file(path: Path) -> Iterator[BinaryIO]:
    """Give a file to write that takes the place of `path` when the block ends, whole and on the disk.

    It is written beside `path` under a random name, following no link; on any failure it is removed, and what was at
    `path` stays. What a killed process left there is removed, too. The folder is made where it is missing. Raises
    UnfitFileError where `path` is there and no regular file, OSError where it cannot be written.
    """
    with _partial_file(path) as (file, partial):
        yield file
        file.flush()
        os.fsync(file.fileno())
        partial.replace(path)


def atomic_write(path: Path, content: bytes) -> None:
    """Write a file whole or not at all, its folder too; raises as `atomic_file` does."""
    atomic_write_all({path: content})


def atomic_write_all(contents: Mapping[Path, bytes]) -> None:
    """Write several files as `atomic_file` does, the first put in its place when all are on the disk."""
    with ExitStack() as stack:
        partials = {}
        for path, content in contents.items():
            file, partials[path] = stack.enter_context(_partial_file(path))
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        for path, partial in partials.items():
            partial.replace(path)


@contextmanager
def _partial_file(path: Path) -> Iterator[tuple[BinaryIO, Path]]:
    """Give a new file beside a path, and its name, to be put in the path's place; it is removed where it was not."""
    path.parent.mkdir(parents=True, exist_ok=True)
    before = _regular(path)
    partial, descriptor = _new_partial(path.parent, folder=False)
    try:
        with os.fdopen(descriptor, "w+b") as file:
            if before is not None:
                partial.chmod(stat.S_IMODE(before.st_mode))
            yield file, partial
    finally:
        with suppress(OSError):
            partial.unlink()


@contextmanager
def os_errors_as(error: type[GanprintError], sentence: str, hint: str) -> Iterator[None]:
    """Raise `error` for an OSError of the block: a sentence, which goes on with the system's reason, and a hint."""
    try:
        yield
    except OSError as cause:
        raise error(f"{sentence}: {cause.strerror or cause}.", hint) from cause


def refuse_existing(*paths: Path, force: bool, hint: str = "Add --force to overwrite it.") -> None:
    """Raise OutputExistsError for the first of these that is there already, unless it may be overwritten."""
    there = next((path for path in paths if path.exists()), None)
    if there is not None and not force:
        raise OutputExistsError(f"{printable(str(there))} already exists.", hint)


def write_output(
    path: Path,
    content: bytes,
    *,
    error: type[GanprintError] = OutputError,
    hint: str = "Name another file, or make room.",
) -> None:
    """Write a file as `atomic_write` does; raises `error`, with this hint, where that is not possible."""
    with os_errors_as(error, f"{path} cannot be written", hint):
        atomic_write(path, content)


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Give an empty folder to fill that becomes `path`, which must not be there, when the block ends.

    On any failure it is removed; so is what a killed process left. Raises OSError.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial, descriptor = _new_partial(path.parent, folder=True)
    try:
        yield partial
        partial.rename(path)
    finally:
        os.close(descriptor)
        shutil.rmtree(partial, ignore_errors=True)


def lock(file: BinaryIO | int, *, wait: bool = False) -> bool:
    """Take the lock of an open file for this process; where another has it `wait` for that, or return False."""
    if fcntl is None:  # pragma: no cover
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    except OSError:
        pass  # A file system without locks.
    return True


@contextmanager
def locked_folder(path: Path) -> Iterator[None]:
    """Keep a folder of results to this process while the block runs; it is made where it is missing.

    The lock leaves no file and ends with the process. Raises UsageError where another process has it, or the folder
    cannot be made.
    """
    made = not path.exists()
    try:
        path.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDONLY | PLAIN) if fcntl is not None else None
    except OSError as cause:
        raise UsageError(f"{path} is not a folder to write to: {cause.strerror}.", "Name another.") from cause
    try:
        if descriptor is not None and not lock(descriptor):
            raise UsageError(f"Another process is writing to {path}.", "Wait for it, or name another folder.")
        yield
    finally:
        if descriptor is not None:
            os.close(descriptor)
        if made:
            with suppress(OSError):
                path.rmdir()  # Where nothing was written.


def first_same(output: Path, inputs: Iterable[Path | str]) -> Path | str | None:
    """Return the first of `inputs` that is the file `output`, whatever links lead to it, None where none is."""
    return next((each for each in inputs if _same(output, each)), None)


def _same(one: Path | str, other: Path | str) -> bool:
    try:
        return os.path.samefile(one, other)  # noqa: PTH121 - paths may be text
    except (OSError, ValueError):
        return False


def _regular(path: Path) -> os.stat_result | None:
    """Return what is known of the file that is to be replaced, None where there is none."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(found.st_mode):
        raise UnfitFileError("it exists and is not a regular file", path)
    return found


def _new_partial(parent: Path, *, folder: bool) -> tuple[Path, int]:
    """Return a new file or folder with a random name, and its descriptor, locked against being swept away."""
    _sweep(parent.absolute())
    while True:
        partial = parent / f".ganprint-{secrets.token_hex(8)}.partial"
        if folder:
            partial.mkdir()
            descriptor = os.open(partial, os.O_RDONLY | _NO_LINK | PLAIN)
        else:
            descriptor = os.open(partial, os.O_RDWR | os.O_CREAT | os.O_EXCL | _NO_LINK | PLAIN, 0o666)
        # Another process may have swept it away before it was locked.
        if lock(descriptor) and _same(partial, partial):
            return partial, descriptor
        os.close(descriptor)


@cache
def _sweep(parent: Path) -> None:
    """Remove what killed processes left half written in a folder: what has our name and nobody's lock."""
    with suppress(OSError), os.scandir(parent) as entries:
        for left in [Path(entry.path) for entry in entries if _PARTIAL.fullmatch(entry.name)]:
            with suppress(OSError):
                descriptor = os.open(left, READ | _NO_LINK)
                try:
                    if fcntl is not None and lock(descriptor):
                        shutil.rmtree(left) if left.is_dir() else left.unlink()
                finally:
                    os.close(descriptor)
