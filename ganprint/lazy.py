"""Names of a package that are imported at first use (PEP 562), and large packages imported quickly."""

import ast
import gc
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from typing import Any


def lazy_names(module: str) -> Callable[[str], object]:
    """Return the `__getattr__` of a module: what it imports `if TYPE_CHECKING` is imported when it is first used."""

    @cache
    def homes() -> dict[str, str]:
        loader: Any = sys.modules[module].__loader__
        checks = [node for node in ast.parse(loader.get_source(module)).body if isinstance(node, ast.If)]
        typed = [node for check in checks for node in check.body if isinstance(node, ast.ImportFrom)]
        return {alias.name: str(node.module) for node in typed for alias in node.names}

    def get(name: str) -> object:
        if name not in homes():
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        found: object = getattr(import_module(homes()[name]), name)
        setattr(sys.modules[module], name, found)
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
