"""Methods found through the entry-point group `ganprint.attributors`."""

import inspect
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Any, TypeGuard

from ganprint.attributor import API_VERSION, Attributor, AttributorSpec
from ganprint.errors import PluginError, did_you_mean

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


def specs() -> list[AttributorSpec]:
    """Return the specs that can be imported, by name; `ganprint methods` says why others cannot."""
    found = []
    for plugin in discover():
        with suppress(PluginError):
            found.append(read_spec(plugin.name))
    return found


def find(name: str) -> Plugin:
    """Return the method of that name, not imported; raise PluginError where it is unknown or claimed twice."""
    plugins = discover()
    chosen = [plugin for plugin in plugins if plugin.name == name]
    if not chosen:
        fault = f"There is no method called {name}." if name else "The name of the method is empty."
        raise PluginError(fault, _names_hint(name, plugins))
    plugin = chosen[0]
    if plugin.error:
        raise PluginError(plugin.error, "Uninstall all but one of them.")
    return plugin


def read_spec(name: str) -> AttributorSpec:
    """Return what the method of that name is; raise as `load`.

    Where its entry point names a spec, the method itself is not imported.
    """
    plugin = find(name)
    named = _imported(plugin, plugin.entry_point.value)
    return named if _is_spec(named, plugin) else load(name).spec


def load(name: str) -> type[Attributor]:
    """Import the method of that name and return its class, which its entry point names, or a spec that this names.

    Raises PluginError as `find` does, and where the import fails, what is named is not a complete Attributor with a
    spec of that name, or it is written for another version of the plug-in API.
    """
    plugin = find(name)
    value = plugin.entry_point.value
    named = _imported(plugin, value)
    if _is_spec(named, plugin):
        value = named.attributor or f"{value}.attributor"
        named = _imported(plugin, value)
    if not (isinstance(named, type) and issubclass(named, Attributor)):
        raise _unusable(plugin, value, "is not a subclass of Attributor")
    if not _is_spec(getattr(named, "spec", None), plugin):
        raise _unusable(plugin, value, "has no spec")
    if inspect.isabstract(named):
        raise _unusable(plugin, value, f"does not implement {', '.join(sorted(named.__abstractmethods__))}")
    return named


def _imported(plugin: Plugin, value: str) -> Any:
    """Return what a plug-in has at `module:name`; raise PluginError with the cause where it cannot be imported."""
    try:
        return EntryPoint(plugin.name, value, GROUP).load()
    except (Exception, SystemExit) as cause:
        lines = str(cause).strip().splitlines() or ["no message"]
        raise PluginError(
            f"The plug-in {plugin.name} of {plugin.distribution} {plugin.version} failed to import: "
            f"{type(cause).__name__}: {lines[0]}",
            f"Reinstall or update {plugin.distribution}; the other methods still work.",
        ) from cause


def _is_spec(named: object, plugin: Plugin) -> TypeGuard[AttributorSpec]:
    """Return whether this is a spec; raise PluginError for one of another method or version of the plug-in API."""
    if not isinstance(named, AttributorSpec):
        return False
    if named.api_version != API_VERSION:
        newer = isinstance(named.api_version, int) and named.api_version > API_VERSION
        raise PluginError(
            f"The plug-in {plugin.name} of {plugin.distribution} {plugin.version} is written for version "
            f"{named.api_version} of the plug-in API; this ganprint has version {API_VERSION}.",
            f"Update {'ganprint' if newer else plugin.distribution}; the other methods still work.",
        )
    if named.name != plugin.name:
        raise _unusable(plugin, plugin.entry_point.value, f"has a spec for {named.name}")
    return True


def _unusable(plugin: Plugin, value: str, fault: str) -> PluginError:
    return PluginError(
        f"The plug-in {plugin.name} of {plugin.distribution} {plugin.version} cannot be used: {value} {fault}.",
        "Report it to its author; the other methods still work.",
    )


def _names_hint(name: str, plugins: list[Plugin]) -> str:
    names = sorted({plugin.name for plugin in plugins})
    if not names:
        return "No method is installed: install ganprint with `pip install .`, not by its path alone."
    return f"{did_you_mean(name, names)}Installed methods: {', '.join(names)}."
