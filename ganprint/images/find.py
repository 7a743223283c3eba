"""Find images: files, folders, patterns and lists as a stream of paths."""

import codecs
import io
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from ganprint.errors import ImageError, ImageNotFoundError, ImageUnreadableError, NoImagesError
from ganprint.files import open_file
from ganprint.images.formats import SNIFFED_BYTES, promised_format, sniff
from ganprint.plain_text import printable
from ganprint.remote import archive_url, is_elsewhere, is_url, join_location, list_url, location, match_url

_PATTERN_CHARACTERS = set("*?[")
MAX_LIST_BYTES = 1 << 30
MAX_LINE_BYTES = 1 << 16
"""The longest path that a system takes is a quarter of this."""


def find_images(
    inputs: Sequence[str], *, recursive: bool = False, files_from: Path | None = None
) -> Iterator[Path | str | ImageError]:
    """Yield the paths that files, folders, quoted patterns and a list of paths name, one by one.

    A file that is named, or matched by a pattern, is yielded whatever it is, missing ones too: `read_image`
    has the sentence. In a folder, and with `recursive` in those below it, the images are taken in order of
    name: files whose extension or first bytes are an image's. Links to folders inside a folder are not
    followed. `files_from` is UTF-8, one path a line, relative to the working folder. What cannot be searched,
    or names no image, is yielded as an ImageError in its place; the others follow.
    """
    for text in inputs:
        if not text:
            # A path of no name would be the working folder; most often a variable of a shell is empty.
            yield ImageNotFoundError("An empty name is no image.", "Name an image, or . for the working folder.")
        elif not is_url(text) and _PATTERN_CHARACTERS & set(text) and not os.path.lexists(text):
            yield from _match(text, recursive)
        else:
            yield from _expand(location(text), recursive)
    if files_from is not None:
        yield from _read_list(files_from, recursive)


def unsearched_folders(inputs: Sequence[str]) -> Iterator[str]:
    """Yield which of some folders have folders beside their images: `find_images` searches those if recursive only."""
    for folder in map(Path, filter(None, inputs)):
        if not _is_folder(folder) or next(_walk(folder, recursive=False), None) is None:
            continue
        with suppress(OSError):
            # Hidden ones are programs' own.
            if any(_is_folder(each) for each in folder.iterdir() if not each.name.startswith(".")):
                yield str(folder)


def _expand(path: Path | str, recursive: bool) -> Iterator[Path | str | ImageError]:
    """Yield the images of a folder, an archive or a URL, or the path itself where it is none."""
    if isinstance(path, str):
        yield from _expand_url(path, recursive)
        return
    if not _is_folder(path):
        archive = archive_url(path)
        yield from [path] if archive is None else _expand_url(archive, recursive=True)
        return
    empty = True
    for found in _walk(path, recursive):
        empty = False
        yield found
    if empty:
        deeper = not recursive and any(_is_folder(child) for child in path.iterdir())
        hint = "Add --recursive to search the folders in it." if deeper else "Name a folder that holds images."
        what = "no image, only folders" if deeper else "no image"
        yield NoImagesError(f"The folder {printable(str(path))} holds {what}.", hint)


def _expand_url(url: str, recursive: bool) -> Iterator[Path | str | ImageError]:
    """Yield the URLs of the images that a URL names, or itself where it is neither a folder nor a pattern."""
    shown = printable(url)
    url = archive_url(url) or url
    try:
        matches = match_url(url)
        if not matches:
            yield NoImagesError(f"No file matches {shown}.", "Check the path and the pattern.")
        for match in matches:
            # What is called as an image is not asked whether it is a folder: that would be a request each.
            named = promised_format(match) is not None
            found = None if named else list_url(match, recursive=recursive or "::" in match)
            if found is None:
                yield match
                continue
            images = [each for each in found if promised_format(each) is not None]
            if not images:
                hint = "Add --recursive to search the folders in it, or name a folder that holds images."
                yield NoImagesError(f"{shown} holds no image by its name.", hint)
            yield from (str(join_location(match, each)) for each in images)
    except FileNotFoundError:
        yield no_file(url, shown)
    except OSError as error:
        yield ImageUnreadableError(f"{shown} cannot be searched: {error.strerror or error}.")


def _walk(folder: Path, recursive: bool) -> Iterator[Path | str | ImageError]:
    waiting = [folder]
    while waiting:
        path = waiting.pop()
        if not _is_folder(path):
            yield path
            continue
        try:
            with os.scandir(path) as entries:
                # Links to folders are left alone: they may loop, or lead out of what was named.
                names = sorted((entry.name for entry in entries if _is_wanted(entry, recursive)), reverse=True)
        except OSError as error:
            yield ImageUnreadableError(
                f"The folder {printable(str(path))} cannot be searched: {error.strerror}.", "Change its permissions."
            )
            continue
        waiting.extend(path / name for name in names)


def _is_wanted(entry: "os.DirEntry[str]", recursive: bool) -> bool:
    try:
        if entry.is_dir():
            return recursive and not entry.is_symlink()
        # A damaged or missing file with an image's name is wanted too: it gets its sentence from the reader.
        return promised_format(entry.name) is not None or (entry.is_file() and _starts_as_image(entry.path))
    except OSError:
        return False


def _starts_as_image(path: str) -> bool:
    with open_file(path) as file:
        return sniff(file.read(SNIFFED_BYTES) or b"") is not None


def _is_folder(path: Path) -> bool:
    return os.path.isdir(path)  # noqa: PTH112 - Path.is_dir raises on names that no file can have


def _match(pattern: str, recursive: bool) -> Iterator[Path | str | ImageError]:
    path = Path(pattern)
    base = Path(path.anchor) if path.anchor else Path()
    try:
        # pathlib's ** does not follow links to folders; the glob module's does, and never ends on some loops.
        found = sorted(base.glob(str(path.relative_to(base) if path.anchor else path)))
    except (OSError, ValueError, NotImplementedError) as error:
        yield NoImagesError(f"The pattern {printable(pattern)} cannot be searched: {error}.")
        return
    if not found:
        yield NoImagesError(f"No file matches {printable(pattern)}.", "Check the path and the pattern.")
    for match in found:
        yield from _expand(match, recursive)


def _read_list(path: Path, recursive: bool) -> Iterator[Path | str | ImageError]:
    shown = printable(str(path))
    empty = True
    try:
        with open_file(path, limit=MAX_LIST_BYTES) as lines:
            for name in _names_in(lines, shown):
                empty = False
                yield from _expand(location(name), recursive)
    except NoImagesError as error:
        yield error
    except FileNotFoundError:
        yield ImageNotFoundError(f"There is no list {shown}.", "Check the spelling of the path.")
    except OSError as error:
        yield ImageUnreadableError(f"The list {shown} cannot be read: {error.strerror}.")
    else:
        if empty:
            yield NoImagesError(f"The list {shown} names no file.", "Give a text file, one path a line.")


def _names_in(lines: io.BufferedReader, shown: str) -> Iterator[str]:
    """Yield the paths in a list; raises NoImagesError where it is none."""
    no_list = NoImagesError(f"{shown} is not a list of paths.", "Give a text file, one path a line.")
    if b"\0" in lines.peek():
        raise no_list
    # A line is never longer in memory than a path can be.
    for number, line in enumerate(iter(lambda: lines.readline(MAX_LINE_BYTES + 1), b"")):
        text = line.removeprefix(codecs.BOM_UTF8) if number == 0 else line
        # Any bytes can be a file's name on Linux, and surrogateescape keeps them.
        name = text.decode("utf-8", "surrogateescape").rstrip("\r\n")
        if "\0" in name or len(line) > MAX_LINE_BYTES:
            raise no_list
        if name:
            yield name


def no_file(path: Path | str, shown: str) -> ImageNotFoundError:
    """Return the error of a path or URL where nothing is; fsspec says the same of a machine that does not answer."""
    if is_url(path) and is_elsewhere(str(path)):
        hint = "Check the spelling of the URL, and that its server can be reached from here."
        return ImageNotFoundError(f"{shown} cannot be found, or its server does not answer.", hint)
    if Path(path).is_symlink():
        return ImageNotFoundError(f"There is no file {shown}: it is a link to a file that is gone.", "Name the file.")
    return ImageNotFoundError(f"There is no file {shown}.", "Check the spelling of the path.")
