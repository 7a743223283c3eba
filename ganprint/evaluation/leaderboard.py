"""Results as files: a CSV for each data set, and the details of each result beside it."""

from pathlib import Path

from pydantic import ValidationError

from ganprint.errors import ManifestError
from ganprint.evaluation.entry import Entry
from ganprint.evaluation.result_table import is_table, read_table, write_whole
from ganprint.files import read_file
from ganprint.plain_text import to_json

MAX_RESULT_BYTES = 64 << 20


def predictions_file(folder: Path, entry: Entry) -> Path:
    """Return the CSV of one row per image that belongs to a result kept under a folder."""
    return (folder / entry.data / entry.file_name).with_suffix(".csv")


def save_entry(folder: Path, entry: Entry) -> Path:
    """Write a result with its details under FOLDER/DATA and return its file; an old one is replaced whole."""
    file = folder / entry.data / entry.file_name
    # A field a line: short, and changes can be distinguished.
    fields = entry.model_dump(mode="json").items()
    lines = [f"{to_json(name)}: {to_json(value)}" for name, value in fields]
    write_whole(file, "{\n" + ",\n".join(lines) + "\n}\n")
    return file


def read_entries(folder: Path) -> list[Entry]:
    """Return the results under a folder, by data set and name; those of its CSVs that have no details, without.

    Raises ManifestError naming a damaged file.
    """
    found: dict[tuple[str, str], Entry] = {}
    for file in filter(is_table, sorted(folder.glob("*.csv"))):
        found |= {(entry.data, entry.file_name): entry for entry in read_table(file)}
    for file in sorted(folder.rglob("*.json")):
        try:
            entry = Entry.model_validate_json(read_file(file, limit=MAX_RESULT_BYTES))
        except (OSError, ValidationError) as cause:
            raise ManifestError(
                f"{file} is not a result that compare wrote.", "Move it away, or compare into another folder."
            ) from cause
        listed = found.get((entry.data, entry.file_name))
        # A CSV that came with a newer version of the results knows better than details that stayed behind.
        if listed is None or listed.date <= entry.date:
            found[entry.data, entry.file_name] = entry
    return [found[key] for key in sorted(found)]
