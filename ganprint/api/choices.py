"""Resolve weights, methods, devices and data from names, or take their defaults."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeAlias

from ganprint import plugins
from ganprint.calibration.fusion import find_fusion
from ganprint.devices import find_device, use_threads
from ganprint.errors import PluginError, UsageError
from ganprint.forensics.ensemble import Ensemble
from ganprint.forensics.predictors import load_predictor
from ganprint.weights import Card, default_for, find, first_choice, list_weights, read_card

Names: TypeAlias = str | Path | Sequence[str | Path]
"""One or several names or paths; a string may hold several, with commas between."""


def chosen_device(device: str = "auto", threads: int | None = None) -> str:
    """Return the device to compute on, `auto` being the best that is here, and let one computation use so many threads.

    Raises UsageError where there is no such device.
    """
    found = find_device(device)
    use_threads(threads)
    return found


def chosen_weights(weights: str | Path | None, method: str | None) -> Path:
    """Return the folder of the named weights, of the method's default, or with neither of those that are first choice.

    This imports no torch. Raises WeightsError where there are none, PluginError where there is no such method, and
    UsageError where the weights are of another one.
    """
    for named in (weights, method):
        if isinstance(named, str) and len(parts_of(named)) > 1:
            raise UsageError(f"{named} names several, where one is taken.", "ganprint compare takes several.")
    if weights is not None:
        folder = find(weights)
        if method is not None:
            plugins.find(method)
            card = read_card(folder)
            if card.method != method:
                fault = f"The weights {card.name} belong to the method {card.method}, not {method}."
                raise UsageError(fault, f"Name weights of {method}, or another method.")
        return folder
    if method is None:
        return first_choice().path
    plugins.find(method)
    return default_for(method).path


def check_names(method: str | None, weights: Sequence[str | Path] = ()) -> None:
    """Raise PluginError or WeightsError, without importing torch, where a method or weights are not there."""
    check_methods(method)
    for named in weights:
        for each in [named] if isinstance(named, Path) else parts_of(named):
            find(each)


def chosen_card(weights: str | Path | None, method: str | None) -> Card:
    """Return the card of the weights that were chosen, which reads no tensor."""
    return read_card(chosen_weights(weights, method))


def load_ensemble(
    method: str | None,
    weights: Names | None,
    *,
    device: str = "auto",
    threads: int | None = None,
    enrolled: bool = True,
    stability: bool = False,
    say: Callable[[str], None] = lambda sentence: None,
) -> tuple[Ensemble, str]:
    """Load the weights that were named, or the defaults of the methods that were, `all` being those that have some.

    Returns them with the device that they are on; torch is imported once all are found. `say` gets a sentence for each
    method of `all` that cannot be loaded.
    """
    folders = chosen_members(method, weights)
    device = chosen_device(device, threads)
    predictors = []
    for each in folders:
        try:
            predictors.append(load_predictor(each, device=device, enrolled=enrolled))
        except PluginError as error:
            if not asks_all(method) or weights is not None:
                raise
            say(error.message)
    if not predictors:
        raise UsageError("None of the named methods has weights.", "ganprint methods lists methods and weights.")
    cards = [predictor.card for predictor in predictors]
    twice = sorted({card.name for card in cards if sum(card.sha256 == other.sha256 for other in cards) > 1})
    if twice:
        raise UsageError(f"{', '.join(twice)} was named twice.", "Name each once.")
    return Ensemble(predictors, find_fusion(cards) if len(cards) > 1 else None, stability), device


def chosen_members(method: str | None, weights: Names | None) -> list[Path]:
    """Return the folders of all weights that answer; as `chosen_weights`, for several names and `all`, too."""
    check_methods(method)
    if weights is not None:
        several = parts_of(weights) if isinstance(weights, str) else weights
        named: Sequence[str | Path] = [several] if isinstance(several, Path) else several
        methods = [] if method is None or asks_all(method) else parts_of(method)
        if len(methods) > 1:
            raise UsageError("Weights and several methods were named.", "Name one of them: weights belong to a method.")
        return [chosen_weights(each, methods[0] if methods else None) for each in named or [""]]
    if asks_all(method):
        there = {entry.card.method for entry in list_weights() if entry.card and not entry.error}
        return [default_for(plugin.name).path for plugin in plugins.discover() if plugin.name in there]
    return [chosen_weights(None, name) for name in (parts_of(method) if method else [None])]


def asks_all(method: str | None) -> bool:
    """Return whether `all` is among the methods that were named."""
    return "all" in parts_of(method or "")


def check_methods(method: str | None) -> None:
    """Raise PluginError where a method that was named is not there; `all` is no name of one."""
    for name in () if method is None else parts_of(method) or [method]:
        if name != "all":
            plugins.find(name)


def parts_of(text: str) -> list[str]:
    """Return what commas part; a path that has one in its name, and is there, is one thing."""
    if os.path.exists(text):  # noqa: PTH110 - Path.exists raises on names that no file can have
        return [text]
    return [part.strip() for part in text.split(",") if part.strip()]


def listed(names: Names) -> list[str]:
    """Return names one by one; a string may hold several, as on the command line."""
    return parts_of(str(names)) if isinstance(names, str | Path) else list(map(str, names))


def chosen_data(
    data: str | Path | None, *, training: bool = False, progress: Callable[[str], None] = lambda what: None
) -> str | Path:
    """Return the data that were named, or the embedded benchmark, made where it is not there yet.

    That is its images for tests, or for `training`. `progress` gets the name of what is being made.
    """
    if data is not None:
        return data
    from ganprint.forge.mini import TESTS, TRAINING, mini

    return mini(TRAINING if training else TESTS, progress=progress)
