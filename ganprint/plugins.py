"""Methods found through the entry-point group `ganprint.attributors`."""

import ast
import inspect
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from importlib.machinery import PathFinder
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

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


@dataclass(frozen=True)
class About:
    """What a method is: its title, its paper and the year of that."""

    title: str
    paper: str
    year: int


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


def load(name: str) -> type["Attributor"]:
    """Import the method of that name and return its class.

    Raises PluginError as `find` does, and where the import fails, what the entry point names is not a complete
    Attributor with a spec of that name, or it is written for another version of the plug-in API.
    """
    plugin = find(name)
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


def about(name: str) -> About:
    """Return what a method's spec states, read from its source where it stands there in literals; raises as `load`.

    Reading imports nothing, where importing every method takes seconds. What cannot be read so, or lacks a package that
    it imports, is loaded, which tells what is wrong with it.
    """
    plugin = find(name)
    stated = _stated(plugin.entry_point.module, plugin.entry_point.attr)
    if stated.get("name") == name and "api_version" not in stated:
        with suppress(KeyError):
            return About(stated["title"], stated["paper"], stated["year"])
    spec = load(name).spec
    return About(spec.title, spec.paper, spec.year)


def _stated(module: str, name: str) -> dict[str, Any]:
    """Return the arguments, as far as they are literals, of the spec in the body of a module's class."""
    file = _source(module)
    for node in ast.parse(file.read_bytes()).body if file else ():
        named = [alias.name.split(".")[0] for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.module:
            if any((alias.asname or alias.name) == name for alias in node.names):
                return _stated(node.module, name)
            named = [node.module.split(".")[0]]
        if any(find_spec(each) is None for each in named):
            return {}
        if isinstance(node, ast.ClassDef) and node.name == name:
            return next(filter(None, map(_literals, node.body)), {})
    return {}


def _literals(node: ast.stmt) -> dict[str, Any]:
    if not (isinstance(node, ast.Assign) and isinstance(node.value, ast.Call)):
        return {}
    found = {}
    for keyword in node.value.keywords if [ast.unparse(each) for each in node.targets] == ["spec"] else ():
        with suppress(ValueError):
            found[str(keyword.arg)] = ast.literal_eval(keyword.value)
    return found


def _source(module: str) -> Path | None:
    """Return the file of a module, no package above it imported, or None where it has none."""
    found, folders, path = None, None, ""
    for part in module.split("."):
        path = f"{path}.{part}".lstrip(".")
        found = PathFinder.find_spec(path, folders)
        if found is None:
            return None
        folders = found.submodule_search_locations
    return Path(found.origin) if found and found.origin and found.origin.endswith(".py") else None


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
