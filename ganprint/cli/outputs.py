"""Refusing, before any work, an output that is one of the command's own inputs."""

from collections.abc import Iterable
from itertools import chain
from pathlib import Path


def refuse_own_inputs(
    outputs: Iterable[Path | None],
    inputs: Iterable[Path | str | None],
    *,
    recursive: bool = False,
    files_from: Path | None = None,
) -> None:
    """Raise UsageError where a file to be written is among the files, folders, patterns or lists that are read.

    With --force, too: evidence is not overwritten by what is said of it.
    """
    there = [output for output in outputs if output is not None and output.exists()]
    if not there:
        return
    from ganprint.errors import UsageError
    from ganprint.files import first_same
    from ganprint.images import find_images

    named = [str(each) for each in inputs if each is not None and str(each) != "-"]
    listed = [files_from] if files_from is not None else []
    found = find_images(named, recursive=recursive, files_from=files_from)
    for path in chain(map(Path, named), listed, found):
        if isinstance(path, Path) and first_same(path, there) is not None:
            raise UsageError(f"{path} is itself an input.", "Write to another file.")
