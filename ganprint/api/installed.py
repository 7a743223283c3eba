"""Installed methods and weights: what they are, and whether they can be used."""

from dataclasses import dataclass
from pathlib import Path

from ganprint import plugins
from ganprint.attributor import AttributorSpec
from ganprint.errors import GanprintError, PluginError, WeightsError
from ganprint.forensics.predictors import load_predictor
from ganprint.models.config import Key, config_keys, preset_names, read_config
from ganprint.weights import find, list_weights, load_artifact


@dataclass(frozen=True)
class Method:
    """An installed method, its distribution, and the names of its weights; `error` says why it cannot be loaded."""

    name: str
    title: str | None
    year: int | None
    distribution: str
    version: str
    weights: list[str]
    error: str | None
    paper: str | None


@dataclass(frozen=True)
class MethodSettings:
    """What `train` can be told of a method: its presets, and the keys of `set` with the defaults of its paper."""

    name: str
    title: str
    paper: str
    year: int
    presets: tuple[str, ...]
    keys: list[Key]


@dataclass(frozen=True)
class VerifiedWeights:
    """What was found of weights: `error` says how they are damaged, `warning` why their method cannot check them."""

    name: str
    path: str
    sha256: str | None
    error: str | None
    warning: str | None


def methods() -> list[Method]:
    """Return the installed methods by name, those that cannot be loaded with their error. No method is imported."""
    cards = {entry.name: entry.card for entry in list_weights() if entry.card and not entry.error}
    found = []
    for plugin in plugins.discover():
        spec: AttributorSpec | None = None
        error = plugin.error
        try:
            spec = plugins.read_spec(plugin.name)
        except PluginError as cause:
            error = cause.message
        weights = [name for name, card in cards.items() if card.method == plugin.name]
        title, year, paper = (getattr(spec, name, None) for name in ("title", "year", "paper"))
        found.append(Method(plugin.name, title, year, plugin.distribution, plugin.version, weights, error, paper))
    return found


def method_names() -> list[str]:
    """Return the names of the installed methods, whether they can be loaded or not."""
    return sorted({plugin.name for plugin in plugins.discover()})


def method_settings(name: str) -> MethodSettings:
    """Return the presets and configuration keys of a method; raise PluginError where it cannot be loaded."""
    spec = plugins.read_spec(name)
    keys = config_keys(read_config(spec))
    return MethodSettings(spec.name, spec.title, spec.paper, spec.year, preset_names(spec), keys)


def verify_weights(name: str | Path | None = None) -> list[VerifiedWeights]:
    """Check hash and tensors of weights, all if none are named, their reference, and whether their method accepts them.

    Raises WeightsError where there are none.
    """
    folders = [find(name)] if name is not None else [entry.path for entry in list_weights()]
    if not folders:
        raise WeightsError("There are no weights to verify.", "ganprint weights list names the folders searched.")
    return [_verified(folder) for folder in folders]


def _verified(folder: Path) -> VerifiedWeights:
    sha256 = error = warning = None
    try:
        sha256 = load_artifact(folder).card.sha256
        load_predictor(folder, enrolled=False)
    except PluginError as cause:
        warning = cause.message
    except GanprintError as cause:
        error = cause.message
    return VerifiedWeights(folder.resolve().name, str(folder), sha256, error, warning)
