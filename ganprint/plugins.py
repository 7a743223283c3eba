"""Methods found through the entry-point group `ganprint.attributors`."""

import inspect
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING

from ganprint.errors import PluginError, did_you_mean

if TYPE_CHECKING:
    from ganprint.attributor import Attributor, AttributorSpec

GROUP = "ganprint.attributors"


@dataclass(frozen=True)
class Plugin:
    """An installed method, not imported: its name, its distribution, and what keeps it from being used."""

    name: str
    distribution: str
    version: str
    entry_point: EntryPoint
    error: str | None = None


def discover() -> list[Plugin]:
    """List the installed methods by name, importing none.

    Two distributions that claim one name are both listed, each with an error naming both.
    """
    # An editable install and its checkout both announce the same entry point.
    found = {(p.dist.name if p.dist else "unknown", p.name, p.value): p for p in entry_points(group=GROUP)}
    claims = Counter(name for _, name, _ in found)
    plugins = []
    for (distribution, name, _), point in sorted(found.items(), key=lambda item: (item[0][1], item[0][0])):
        error = None
        if claims[name] > 1:
            owners = sorted({owner for owner, other, _ in found if other == name})
            error = f"The name {name} is claimed {claims[name]} times, by {' and '.join(owners)}."
        version = point.dist.version if point.dist else "unknown"
        plugins.append(Plugin(name, distribution, version, point, error))
    return plugins


def specs() -> list["AttributorSpec"]:
    """Return the specs of the methods that can be imported, by name; `ganprint methods` says why others cannot."""
    found = []
    for plugin in discover():
        with suppress(PluginError):
            found.append(load(plugin.name).spec)
    return found


def load(name: str) -> type["Attributor"]:
    """Import the method of that name and return its class.

    Raises PluginError where the name is unknown or claimed twice, the import fails, what the entry point names is not
    a complete Attributor with a spec of that name, or it is written for another version of the plug-in API.
    """
    plugins = discover()
    chosen = [plugin for plugin in plugins if plugin.name == name]
    if not chosen:
        raise PluginError(f"There is no method called {name}.", _names_hint(name, plugins))
    plugin = chosen[0]
    if plugin.error:
        raise PluginError(plugin.error, "Uninstall all but one of them.")
    origin = f"{plugin.distribution} {plugin.version}"
    try:
        loaded = plugin.entry_point.load()
    except (Exception, SystemExit) as cause:
        lines = str(cause).strip().splitlines() or ["no message"]
        raise PluginError(
            f"The plug-in {name} of {origin} failed to import: {type(cause).__name__}: {lines[0]}",
            f"Reinstall or update {plugin.distribution}; the other methods still work.",
        ) from cause
    _check_version(loaded, plugin)
    fault = _fault(loaded, name)
    if fault:
        raise PluginError(
            f"The plug-in {name} of {origin} cannot be used: {plugin.entry_point.value} {fault}.",
            "Report it to its author; the other methods still work.",
        )
    attributor: type[Attributor] = loaded
    return attributor


def _names_hint(name: str, plugins: list[Plugin]) -> str:
    names = sorted({plugin.name for plugin in plugins})
    if not names:
        return "No method is installed: install ganprint with `pip install .`, not by its path alone."
    return f"{did_you_mean(name, names)}Installed methods: {', '.join(names)}."


def _check_version(loaded: object, plugin: Plugin) -> None:
    """Refuse a method that says that it is written for another version of the plug-in API."""
    from ganprint.attributor import API_VERSION

    stated = getattr(getattr(loaded, "spec", None), "api_version", API_VERSION)
    if stated != API_VERSION:
        newer = isinstance(stated, int) and stated > API_VERSION
        raise PluginError(
            f"The plug-in {plugin.name} of {plugin.distribution} {plugin.version} is written for version {stated} of "
            f"the plug-in API; this ganprint has version {API_VERSION}.",
            f"Update {'ganprint' if newer else plugin.distribution}; the other methods still work.",
        )


def _fault(loaded: object, name: str) -> str | None:
    from ganprint.attributor import Attributor, AttributorSpec

    if not (isinstance(loaded, type) and issubclass(loaded, Attributor)):
        return "is not a subclass of Attributor"
    spec = getattr(loaded, "spec", None)
    if not isinstance(spec, AttributorSpec):
        return "has no spec"
    if spec.name != name:
        return f"has a spec for {spec.name}"
    if inspect.isabstract(loaded):
        return f"does not implement {', '.join(sorted(loaded.__abstractmethods__))}"
    return None
