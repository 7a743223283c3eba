"""Packages that the base installation leaves out."""

from collections.abc import Iterator
from contextlib import contextmanager

from ganprint.errors import MissingExtraError


@contextmanager
def needs(extra: str) -> Iterator[None]:
    """Raise MissingExtraError with the line that installs an extra where a package imported here is missing."""
    try:
        yield
    except ModuleNotFoundError as cause:
        raise MissingExtraError(
            f"This needs the package {cause.name}, which is not installed.", f"pip install 'ganprint[{extra}]'"
        ) from cause
