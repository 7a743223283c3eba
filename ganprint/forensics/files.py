"""Files that are written whole or not at all."""

from pathlib import Path

from ganprint.errors import OutputError
from ganprint.images import printable


def write_whole(path: Path, content: bytes) -> None:
    """Write a file, whole or not at all, its folder too; raise OutputError where that is not possible."""
    partial = path.with_name(f".{path.name}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_bytes(content)
        partial.replace(path)
    except OSError as cause:
        raise OutputError(
            f"{printable(str(path))} cannot be written: {cause.strerror}.", "Name another file, or make room."
        ) from cause
