"""Files that a URL names, by fsspec: object stores, other machines, and what lies in a zip or tar archive.

`zip://cat.png::photos.zip` is a file in an archive, `zip://::photos.zip` all of it; the archive may be a URL, too. What
lies on this machine is opened under the rules of `ganprint.files`, whatever a URL calls it.
"""

import io
import os
import posixpath
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from threading import RLock
from typing import Any

from ganprint.local_files import UnfitFileError, open_local, too_large

ARCHIVES = {".zip": "zip", ".tar": "tar"}
"""Archives that a folder's place can take, by the end of their names; compressed tars would be read again a file."""
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
_PATTERN = re.compile(r"[*?\[]")
_LOCAL = ("file", "local")
_REFUSED = ("reference", "generic", "asynclocal")
"""Of fsspec's: what names further files by itself, and would open any."""
_MOST_INDEXED = 256 << 20
"""Bytes that are read in one piece: an archive that says its list of files is longer is refused."""


def is_url(path: Path | str) -> bool:
    """Return whether text names a file by a URL, as `s3://bucket/cat.png`; a Path never does."""
    return isinstance(path, str) and _URL.match(path) is not None


def location(path: Path | str) -> Path | str:
    """Return a URL as it is, and anything else as a Path."""
    return str(path) if is_url(path) else Path(path)


def archive_url(path: Path | str) -> str | None:
    """Return the URL of all that lies in an archive, None where its name is not that of one."""
    text = str(path)
    kind = None if "::" in text else ARCHIVES.get(posixpath.splitext(text)[1].lower())
    return f"{kind}://::{text}" if kind else None


def join_location(folder: Path | str, path: Path | str) -> Path | str:
    """Return where a path lies that is relative to a folder, in an archive or a store as on this machine."""
    if is_url(path):
        here = not is_url(folder)
        return map_container(str(path), lambda local: str(Path(folder, local))) if here else path
    if not is_url(folder):
        return Path(folder, path)
    head, separator, container = str(folder).partition("::")
    gap = "" if head.endswith("/") else "/"
    return f"{head}{gap}{path}{separator}{container}"


def parent_location(path: Path | str) -> Path | str:
    """Return the folder that a file lies in."""
    if not is_url(path):
        return Path(path).parent
    head, separator, container = str(path).partition("::")
    protocol, _, inside = head.partition("://")
    return f"{protocol}://{posixpath.dirname(inside)}{separator}{container}"


def seen_from(folder: Path, path: Path | str) -> str:
    """Return a path as seen from a folder of this machine; a URL is itself, apart from the path of an archive."""
    if not is_url(path):
        return os.path.relpath(path, folder)
    return map_container(str(path), lambda local: os.path.relpath(local, folder))


def name_in(path: Path | str) -> str:
    """Return a path without the archive that it lies in."""
    return str(path).partition("::")[0] if is_url(path) else str(path)


def last_part(path: Path | str) -> str:
    """Return the name of a file or folder, or of the archive of which a URL names all."""
    if not is_url(path):
        return Path(path).name
    head, _, container = str(path).partition("::")
    return Path(head.partition("://")[2] or container).name


def map_container(url: str, change: Callable[[str], str]) -> str:
    """Return the URL of a file in an archive with the archive's own path changed, any other as it is."""
    before, separator, last = url.rpartition("::")
    return f"{before}::{change(last)}" if separator and not is_url(last) else url


def is_elsewhere(url: str) -> bool:
    """Return whether opening a URL asks another machine."""
    last = url.rpartition("::")[2]
    return is_url(last) and last.partition("://")[0] not in (*_LOCAL, "memory")


def open_url(url: str, *, limit: int | None = None) -> io.BufferedReader:
    """Open the file that a URL names, to read its bytes.

    Raises UnfitFileError for a folder, for more than `limit` bytes, and for whatever keeps fsspec from opening or
    reading it; FileNotFoundError and PermissionError as they are.
    """
    local = _local(url)
    if local is not None:
        return open_local(local, limit=limit)
    with _told(url):
        system, path, lock = _system(url)
        with lock:
            facts = system.info(path)
            if facts.get("type") == "directory":
                raise UnfitFileError("it is a folder, not a file", url)
            if limit is not None and (facts.get("size") or 0) > limit:
                raise UnfitFileError(too_large(limit), url)
            opened = system.open(path, "rb")
    return io.BufferedReader(_Guarded(opened, url, limit, lock, system))


def list_url(url: str, *, recursive: bool) -> list[str] | None:
    """Return the paths of the files in a folder, as seen from it and by name, with `recursive` of those below, too.

    None where the URL names no folder. Raises OSError as `open_url` does.
    """
    if _local(url) is not None:
        raise UnfitFileError("a folder of this machine is named by its path, without file://", url)
    with _told(url):
        system, path, lock = _system(url)
        with lock:
            whole = "::" in url and not path.strip("/")
            if not whole and not system.isdir(path):
                return None
            found = system.find(path, maxdepth=None if recursive else 1)
    # As folders of this machine are searched: in each by name.
    return sorted((_relative(each, path) for each in found), key=lambda each: each.split("/"))


def match_url(url: str) -> list[str]:
    """Return the URLs that a pattern in a URL matches, by name; itself where a file is called so.

    Raises OSError as `open_url` does.
    """
    head, separator, container = url.partition("::")
    place = _PATTERN.search(head)
    if place is None:
        return [url]
    start = head.rindex("/", 0, place.start()) + 1
    folder = f"{head[:start]}{separator}{container}"
    with _told(url):
        system, path, lock = _system(url)
        with lock:
            if system.exists(path):
                return [url]
            found, base = system.glob(path), _system(folder)[1]
    return [str(join_location(folder, _relative(each, base))) for each in sorted(found)]


def _relative(path: str, folder: str) -> str:
    return path.strip("/").removeprefix(folder.strip("/")).lstrip("/")


def _local(url: str) -> Path | None:
    """Return the path of a URL that names a file of this machine, in no archive."""
    protocol, _, path = url.partition("://")
    return Path(path) if protocol.lower() in _LOCAL else None


def _system(url: str) -> tuple[Any, str, RLock]:
    """Return the file system of a URL, the path in it, and the lock under which it is used."""
    head, _, container = url.partition("::")
    protocol, _, path = head.partition("://")
    if not container:
        fsspec = import_module("fsspec")
        if protocol in _REFUSED:
            raise UnfitFileError(f"{protocol}:// is not opened", url)
        system, stripped = fsspec.core.url_to_fs(url)
        return system, stripped, RLock()
    if protocol not in ARCHIVES.values():
        raise UnfitFileError(f"only {' and '.join(ARCHIVES.values())} archives are opened", url)
    there = _local(container) if is_url(container) else Path(container)
    stamp = there.stat() if there is not None else None
    seen = (stamp.st_dev, stamp.st_ino, stamp.st_size, stamp.st_mtime_ns) if stamp is not None else None
    system, lock = _archive(protocol, str(there or container), seen, os.getpid())
    return system, path.lstrip("/"), lock


@lru_cache(maxsize=64)
def _archive(protocol: str, container: str, seen: object, process: int) -> tuple[Any, RLock]:
    """Open an archive and read its list of files, once in each process: a place in an open file is shared by forks."""
    file = open_url(container) if is_url(container) else open_local(container)
    if protocol == "zip":
        return import_module("fsspec.implementations.zip").ZipFileSystem(_Limited(file)), RLock()
    return import_module("ganprint.tar_archive").TarArchive(_Limited(file)), RLock()


class _Limited(io.BufferedReader):
    """An archive that is not read in pieces as large as a hostile one asks for, nor taken for a compressed one."""

    def __init__(self, file: io.BufferedReader) -> None:
        super().__init__(file.detach())

    @property
    def name(self) -> str:
        return ""

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and size > _MOST_INDEXED:
            raise UnfitFileError(too_large(_MOST_INDEXED), "archive")
        return super().read(size)


class _Guarded(io.RawIOBase):
    """A file of fsspec's as one of the system's own: it fails with an OSError, and ends at its limit."""

    def __init__(self, file: Any, url: str, limit: int | None, lock: RLock, system: Any) -> None:
        self._file, self._url, self._limit, self._lock = file, url, limit, lock
        # Kept, as an archive that nobody knows any more is closed.
        self._system = system

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        with self._lock, _told(self._url):
            data = self._file.read(len(buffer))
            if self._limit is not None and self._file.tell() > self._limit:
                raise UnfitFileError(too_large(self._limit), self._url)
        buffer[: len(data)] = data
        return len(data)

    def seek(self, offset: int, whence: int = 0, /) -> int:
        with self._lock, _told(self._url):
            return int(self._file.seek(offset, whence))

    def tell(self) -> int:
        return int(self._file.tell())

    def close(self) -> None:
        if not self.closed:
            self._file.close()
        super().close()


@contextmanager
def _told(url: str) -> Iterator[None]:
    """Turn whatever a file system raises, which may be anything, into an OSError with a reason."""
    try:
        yield
    except (UnfitFileError, FileNotFoundError, PermissionError):
        raise
    except ImportError as cause:
        raise UnfitFileError(f"{_said(cause)} (pip install 'ganprint[remote]')", url) from cause
    except Exception as cause:
        raise UnfitFileError(_said(cause) or type(cause).__name__, url) from cause


def _said(cause: Exception) -> str:
    return " ".join(str(cause).split())[:300]
