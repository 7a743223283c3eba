"""Names of a package that are imported at first use (PEP 562), and large packages imported quickly."""

import gc
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module


def lazy_names(package: str, homes: Mapping[str, str]) -> Callable[[str], object]:
    """Return the `__getattr__` of a module called `package`; `homes` gives each name the module that defines it."""

    def get(name: str) -> object:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        found: object = getattr(import_module(homes[name]), name)
        setattr(sys.modules[package], name, found)
        return found

    return get


@contextmanager
def without_collections() -> Iterator[None]:
    """Keep the garbage collector off, as while torch is imported.

    All that is imported stays. Python would look through it several hundred times, a fifth of the time that it takes.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
