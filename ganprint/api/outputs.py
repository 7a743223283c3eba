"""Refuse, before any work, outputs that exist already or that are inputs."""

import os
import re
from collections.abc import Iterable
from itertools import chain
from pathlib import Path

from ganprint.errors import UsageError
from ganprint.files import first_same, refuse_existing

_WAS_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:(/|$)")
"""A URL as a Path, which keeps one of two slashes."""


def check_output(file: Path | None, *, force: bool, hint: str = "Add --force to overwrite it.") -> None:
    """Refuse, before long work, a file to write that is there already or whose folder is not."""
    if file is None:
        return
    # pathlib's is_dir raises where a folder above may not be entered.
    if not os.path.isdir(file.parent):  # noqa: PTH112
        raise UsageError(f"There is no folder {file.parent}.", "Make it, or name another file.")
    check_folder(file.parent)
    if file.is_dir():
        raise UsageError(f"{file} is a folder.", "Name a file to write.")
    refuse_existing(file, force=force, hint=hint)


def check_folder(folder: Path | None) -> None:
    """Refuse, before long work, a folder to write into that can neither be written to nor made."""
    if folder is None:
        return
    if _WAS_URL.match(str(folder)) and not folder.exists():
        fault = f"{folder} is of a URL, and only files of this machine are written."
        raise UsageError(fault, "Write to one, and copy it there.")
    there = next(each for each in (folder, *folder.parents) if os.path.exists(each))  # noqa: PTH110 - as in images.find
    if not there.is_dir():
        raise UsageError(f"{there} is a file, no folder.", "Name a folder to write into.")
    if not os.access(there, os.W_OK | os.X_OK, effective_ids=os.access in os.supports_effective_ids):
        raise UsageError(f"The folder {there} cannot be written to.", "Change its permissions, or name another.")


def check_figure(figure: Path | None, *, force: bool) -> None:
    """Refuse a picture to draw that is there already or does not end in .png."""
    check_output(figure, force=force)
    if figure is not None and figure.suffix != ".png":
        raise UsageError(f"{figure} does not end in .png.", "End it with .png.")


def refuse_own_inputs(
    outputs: Iterable[Path | None],
    inputs: Iterable[Path | str | None],
    *,
    recursive: bool = False,
    files_from: Path | None = None,
) -> None:
    """Raise UsageError where a file to be written is among the files, folders, patterns or lists that are read.

    With `force`, too: evidence is not overwritten by what is said of it.
    """
    there = [output for output in outputs if output is not None and output.exists()]
    if not there:
        return
    from ganprint.api.image_inputs import Inputs

    named = [str(each) for each in inputs if each is not None and str(each) != "-"]
    listed = [files_from] if files_from is not None else []
    found = (source for _, source in Inputs(named, recursive, files_from).named())
    for path in chain(map(Path, named), listed, found):
        if isinstance(path, Path) and first_same(path, there) is not None:
            raise UsageError(f"{path} is itself an input.", "Write to another file.")
