"""Read a folder tree source/semantic/* as the columns of a manifest."""

import os
from pathlib import Path

import pyarrow as pa

from ganprint.attributor import REAL
from ganprint.data.naming import ANY, NamedRows
from ganprint.errors import ManifestError
from ganprint.images.formats import EXTENSIONS
from ganprint.names import source_name_fault
from ganprint.plain_text import printable
from ganprint.remote import archive_url, join_location, list_url, location, name_in

_SHAPE = "Expected real/<semantic>/*.png beside one folder for each generator."


def read_folders(root: Path | str) -> NamedRows:
    """Return the images below `root`, which may be a URL, sorted by path, real being the first source.

    Images may lie at any depth below source/semantic; hidden files and files that are no images by
    their suffix are passed over. Raises ManifestError where there is no folder `real` or no image.
    """
    found, tables = _files(root)
    names = sorted(found)
    if REAL not in names:
        hint = f"It has manifests: give one, such as {join_location(root, tables[0])}" if tables else _SHAPE
        there = ", ".join(names[:8]) or "none"
        raise ManifestError(f"{root} has no folder {REAL!r}; its folders: {there}.", hint)
    sources = (REAL, *(name for name in names if name != REAL))
    fault = next(filter(None, map(source_name_fault, sources)), None)
    if fault is not None:
        raise ManifestError(f"{root}: {fault}.", "Rename the folder.")
    images = [(source, relative) for source in sources for relative in sorted(found[source])]
    paths = [f"{source}/{relative}" for source, relative in images]
    semantics = [relative.split("/", 1)[0] if "/" in relative else ANY for _, relative in images]
    if not paths:
        raise ManifestError(f"{root} holds no images.", _SHAPE)
    if strange := next((path for path in paths if any("\udc80" <= letter <= "\udcff" for letter in path)), None):
        raise ManifestError(f"{root}: the name of {printable(strange)} is not UTF-8 text.", "Rename the file.")
    numbers = {name: number for number, name in enumerate(sources)}
    dlabels = {name: number for number, name in enumerate(sorted(set(semantics)))}
    columns = {
        "path": pa.array(paths),
        "label": pa.array([numbers[source] for source, _ in images]),
        "dlabel": pa.array([dlabels[name] for name in semantics]),
        "source": pa.array([source for source, _ in images]).dictionary_encode(),
        "semantic": pa.array(semantics).dictionary_encode(),
    }
    return NamedRows(pa.table(columns), sources, REAL)


def find_tree(path: Path | str) -> Path | str | None:
    """Return the root of a folder tree, which may be an archive, None where the path is that of a CSV."""
    if isinstance(path, Path):
        return path if path.is_dir() else archive_url(path) if path.is_file() else None
    archive = archive_url(path)
    if archive is not None or name_in(path).lower().endswith((".csv", ".parquet")) or "," in path:
        return archive
    try:
        return path if list_url(path, recursive=False) is not None else None
    except OSError as cause:
        raise ManifestError(f"{path} cannot be opened: {cause.strerror or cause}.", "Check the URL.") from cause


def image_folder(root: Path | str) -> Path | str:
    """Return the folder that relative paths start from, of an archive all that lies in it."""
    root = location(root)
    archive = None if isinstance(root, Path) and not root.is_file() else archive_url(root)
    return archive or root


def _files(root: Path | str) -> tuple[dict[str, list[str]], list[str]]:
    """Return for each folder in `root` the paths of the images below it, as seen from it, and the manifests there."""
    if isinstance(root, Path):
        folders = [entry.name for entry in os.scandir(root) if entry.is_dir() and not entry.name.startswith(".")]
        return {name: _images(root / name) for name in folders}, sorted(file.name for file in root.glob("*.csv"))
    listed = list_url(root, recursive=True) or []
    found: dict[str, list[str]] = {}
    for path in listed:
        folder, separator, relative = path.partition("/")
        if separator and not any(part.startswith(".") for part in path.split("/")):
            found.setdefault(folder, []).extend([relative] if _is_image(relative) else [])
    return found, [path for path in listed if "/" not in path and path.endswith(".csv")]


def _images(folder: Path) -> list[str]:
    found = []
    for parent, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in files:
            if not name.startswith(".") and _is_image(name):
                found.append(Path(parent, name).relative_to(folder).as_posix())
    return found


def _is_image(name: str) -> bool:
    return os.path.splitext(name)[1].lower() in EXTENSIONS  # noqa: PTH122
