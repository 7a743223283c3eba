"""Where artifacts are looked up: named folders, the user's folder, those shipped with the package."""

import os
import re
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from ganprint.errors import GanprintWarning, WeightsError, did_you_mean
from ganprint.files import os_errors_as, read_file
from ganprint.weights.card import CARD_FILE, MAX_CARD_BYTES, MODEL_FILE, Card, read_card

VARIABLE = "GANPRINT_WEIGHTS"


@dataclass(frozen=True)
class Entry:
    """An artifact in the store, its tensors not read: `card` is None where `error` says why.

    `name` is the folder's name, which is what a user types; `size` is both files in bytes.
    """

    name: str
    path: Path
    size: int
    card: Card | None = None
    error: str | None = None


def user_folder() -> Path:
    """Return the folder that the user's own weights go to; it need not exist."""
    return platformdirs.user_data_path("ganprint") / "weights"


def shipped_folder() -> Path:
    """Return the folder of shipped weights: inside an installed package, else the checkout's `weights/`."""
    here = Path(__file__).resolve().parent
    checkout = here.parents[1]
    if not (here / "shipped").is_dir() and (checkout / "pyproject.toml").is_file():
        return checkout / "weights"
    return here / "shipped"


def search_path() -> list[Path]:
    """Return the folders that hold artifacts, the first to win: GANPRINT_WEIGHTS, the user's, the shipped.

    GanprintWarning names each of the variable's that is no folder.
    """
    named = [_expanded(part) for part in os.environ.get(VARIABLE, "").split(os.pathsep) if part]
    for folder in named:
        if not folder.is_dir():
            warnings.warn(f"{folder} in {VARIABLE} is not a folder; it is skipped.", GanprintWarning, stacklevel=2)
    return [*named, user_folder(), shipped_folder()]


def list_weights(folders: Sequence[Path] | None = None) -> list[Entry]:
    """List the artifacts by name, damaged ones with their error; an earlier folder hides a later one."""
    entries: dict[str, Entry] = {}
    for path in _artifacts(search_path() if folders is None else folders):
        if path.name not in entries:
            entries[path.name] = _entry(path)
    return [entries[name] for name in sorted(entries)]


def find(name_or_path: str | Path) -> Path:
    """Return the folder of an artifact given by name, or by the path of its folder or of a file in it.

    A bare name is looked for in the store, then in the working directory. Raises WeightsError, listing
    the valid names, where there is none.
    """
    path = _expanded(name_or_path)
    bare = isinstance(name_or_path, str) and name_or_path == path.name
    folders = search_path()
    if bare:
        for candidate in _artifacts(folders):
            if candidate.name == name_or_path:
                return candidate
    if path.name in (CARD_FILE, MODEL_FILE) and os.path.isfile(path):  # noqa: PTH113 - Path.is_file may raise
        path = path.parent
    if _is_artifact(path):
        return path
    if not bare:
        with os_errors_as(WeightsError, f"{path} cannot be read", "Check the path and its permissions."):
            problem = f"is not a folder with {CARD_FILE}" if path.exists() else "does not exist"
        raise WeightsError(f"{path} {problem}.", _names_hint(path.name, folders))
    fault = f"There are no weights called {name_or_path}." if path.name else "The name of the weights is empty."
    raise WeightsError(fault, _names_hint(path.name, folders))


def default_for(method: str, folders: Sequence[Path] | None = None) -> Entry:
    """Return the weights that a method uses when none are named: those marked default, or the only ones.

    Raises WeightsError with the command that makes weights where there are none, and with the names to
    choose from where several are equal.
    """
    folders = search_path() if folders is None else folders
    entries = [entry for entry in list_weights(folders) if entry.card and entry.card.method == method]
    if not entries:
        raise WeightsError(
            f"There are no weights for the method {method}.",
            f"Make them: ganprint train --method {method} --data MANIFEST --out DIR",
        )
    if len(entries) == 1:
        return entries[0]
    marked = [entry for entry in entries if entry.card and entry.card.default]
    for folder in folders:
        here = [entry for entry in marked if entry.path.parent == folder]
        if len(here) == 1:
            return here[0]
        if here:
            break
    names = ", ".join(entry.name for entry in marked or entries)
    raise WeightsError(
        f"The method {method} has several weights and no one default.", f"Name one with --weights: {names}."
    )


def first_choice(folders: Sequence[Path] | None = None) -> Entry:
    """Return the weights that answer when neither weights nor a method are named: the card says so.

    Raises WeightsError where no card does.
    """
    folders = search_path() if folders is None else folders
    for path in _artifacts(folders):
        # Every start of `attribute` comes here, and parsing all cards takes as long as its answer.
        if _says_first_choice(path / CARD_FILE):
            entry = _entry(path)
            if entry.card is not None and entry.card.first_choice:
                return entry
    raise WeightsError("There are no default weights.", _names_hint("", folders))


def knowing(sources: Sequence[str], folders: Sequence[Path] | None = None) -> Entry:
    """Return the first weights, by name, that tell all of these sources apart, or those that are the first choice."""
    for entry in list_weights(folders):
        if entry.card is not None and not entry.error and set(sources) <= set(entry.card.sources):
            return entry
    return first_choice(folders)


def _expanded(path: str | Path) -> Path:
    """Return a path with the home folder in the place of a tilde; one of a user that there is not is a name."""
    return Path(os.path.expanduser(path))  # noqa: PTH111 - Path.expanduser raises where there is no such user


def _artifacts(folders: Sequence[Path]) -> Iterator[Path]:
    for folder in folders:
        try:
            children = sorted(folder.iterdir())
        except OSError:
            continue
        # A dot starts the name of one that is being written.
        yield from (child for child in children if not child.name.startswith(".") and _is_artifact(child))


def _is_artifact(path: Path) -> bool:
    try:
        return (path / CARD_FILE).is_file() or (path / MODEL_FILE).is_file()
    except OSError:
        return False


def _says_first_choice(card: Path) -> bool:
    try:
        return re.search(rb"""first_choice["']?\s*:\s*[tT]""", read_file(card, limit=MAX_CARD_BYTES)) is not None
    except OSError:
        return False


def _entry(path: Path) -> Entry:
    files = [path / name for name in (CARD_FILE, MODEL_FILE)]
    size = sum(file.stat().st_size for file in files if file.is_file())
    try:
        card = read_card(path)
    except WeightsError as error:
        return Entry(path.name, path, size, error=error.message)
    return Entry(path.name, path, size, card, None if files[1].is_file() else f"{path} has no {MODEL_FILE}.")


def _names_hint(name: str, folders: Sequence[Path]) -> str:
    names = sorted({path.name for path in _artifacts(folders)})
    if not names:
        return "No weights are installed. Make some: ganprint train --method METHOD --data MANIFEST --out DIR"
    return f"{did_you_mean(name, names)}Valid names: {', '.join(names)}."
