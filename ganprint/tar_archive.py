"""Tar archives as a file system of fsspec's that takes one look at all members, however many are asked for."""

import posixpath
from typing import Any

from fsspec.implementations.tar import TarFileSystem
from fsspec.implementations.zip import ZipFileSystem

MOST_LINKS = 40
"""Links to links that are followed, as on Linux."""


class TarArchive(TarFileSystem):  # type: ignore[misc]
    """A tar archive whose members are found by name; fsspec's own looks through all for each folder and each file.

    `./a.png`, as `tar -C FOLDER .` calls it, is `a.png`.
    """

    index: dict[str, Any]
    dir_cache: dict[str, Any] | None
    find = ZipFileSystem.find

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return _plain(super()._strip_protocol(path))

    def _index(self) -> None:
        super()._index()
        named = ((_plain(name), info) for name, (info, *_) in self.index.items())
        self.index = {name: ({**info, "name": name},) for name, info in named if name}
        self._members = {_plain(member.name): member for member in self.tar.getmembers()}

    def _get_dirs(self) -> None:
        if self.dir_cache is None:
            folders = self._all_dirnames(self.index)
            self.dir_cache = {name: {"name": name, "size": 0, "type": "directory"} for name in folders}
            self.dir_cache |= {name: info for name, (info,) in self.index.items()}

    def _link_target_size(self, member: Any) -> int:
        # Each link would be a search, and a chain of them one for each link of it. What is read is counted anyway.
        return 0

    def _open(self, path: str, mode: str = "rb", **options: Any) -> Any:
        name = _plain(path)
        for _ in range(MOST_LINKS):
            member = self._members.get(name)
            if member is None:
                raise FileNotFoundError(path)
            if not (member.issym() or member.islnk()):
                if not member.isreg():
                    raise ValueError("it is no regular file")
                return self.tar.extractfile(member)
            folder = posixpath.dirname(name) if member.issym() else ""
            name = _plain(posixpath.join(folder, member.linkname))
        raise ValueError("too many links lead to one another")


def _plain(name: str) -> str:
    """Return a path without dots, doubled slashes, or steps out of the archive."""
    return posixpath.normpath("/" + name.lstrip("/"))[1:]
