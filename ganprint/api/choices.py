"""Resolve weights, methods, devices and data from names, or take their defaults."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from ganprint.errors import PluginError, UsageError

if TYPE_CHECKING:
    from ganprint.forensics.ensemble import Ensemble
    from ganprint.weights import Card


def chosen_device(device: str = "auto", threads: int | None = None) -> str:
    """Return the device to compute on, `auto` being the best that is here, and let one computation use so many threads.

    Raises UsageError where there is no such device.
    """
    from ganprint.devices import find_device, use_threads

    use_threads(threads)
    return find_device(device)


def chosen_weights(weights: str | Path | None, method: str | None) -> str | Path:
    """Return the weights that were named, or the method's default, or with neither those that are the first choice.

    Raises PluginError where there is no such method.
    """
    if weights is not None:
        return weights
    from ganprint import plugins
    from ganprint.weights import default_for, first_choice

    if method is None:
        return first_choice().path
    plugins.load(method)
    return default_for(method).path


def chosen_card(weights: str | Path | None, method: str | None) -> "Card":
    """Return the card of the weights that were chosen, which reads no tensor."""
    from ganprint.weights import find, read_card

    card = read_card(find(chosen_weights(weights, method)))
    check_method(method, card)
    return card


def check_method(method: str | None, card: "Card") -> None:
    """Refuse weights of another method than the one that was named."""
    if method is not None and card.method != method:
        raise UsageError(
            f"The weights {card.name} belong to the method {card.method}, not {method}.",
            "Name one of --method and --weights.",
        )


def load_ensemble(
    method: str | None,
    weights: str | Path | None,
    *,
    device: str,
    enrolled: bool = True,
    stability: bool = False,
    say: Callable[[str], None] = lambda sentence: None,
) -> "Ensemble":
    """Load the weights that were named, or the defaults of the methods that were, `all` being those that have some.

    `say` gets a sentence for each method of `all` that cannot be loaded.
    """
    from ganprint.calibration.fusion import find_fusion
    from ganprint.forensics.ensemble import Ensemble
    from ganprint.forensics.predictors import load_predictor

    predictors = []
    for each in _several(method, weights):
        try:
            predictors.append(load_predictor(each, device=device, enrolled=enrolled))
        except PluginError as error:
            if method != "all" or weights is not None:
                raise
            say(error.message)
    if not predictors:
        raise UsageError(
            "None of the named methods has weights.", "ganprint methods lists methods and weights."
        )
    cards = [predictor.card for predictor in predictors]
    if weights is not None and method is not None:
        methods = _parts(method)
        for card in cards:
            check_method(methods[0] if len(methods) == 1 else None, card)
        if len(methods) > 1:
            raise UsageError(
                "Both --method and --weights name several.", "Name one of them: weights belong to a method."
            )
    twice = sorted({card.name for card in cards if sum(card.sha256 == other.sha256 for other in cards) > 1})
    if twice:
        raise UsageError(f"{', '.join(twice)} was named twice.", "Name each once.")
    return Ensemble(predictors, find_fusion(cards) if len(cards) > 1 else None, stability)


def _several(method: str | None, weights: str | Path | None) -> list[str | Path]:
    if isinstance(weights, Path):
        return [weights]
    if weights is not None:
        return list(_parts(weights))
    if method == "all":
        from ganprint import plugins
        from ganprint.weights import default_for, list_weights

        there = {entry.card.method for entry in list_weights() if entry.card and not entry.error}
        return [default_for(plugin.name).path for plugin in plugins.discover() if plugin.name in there]
    return [chosen_weights(None, name) for name in (_parts(method) if method else [None])]


def _parts(text: str) -> list[str]:
    """Return what commas part; a path that has one in its name, and is there, is one thing."""
    if os.path.exists(text):  # noqa: PTH110 - Path.exists raises on names that no file can have
        return [text]
    return [part.strip() for part in text.split(",") if part.strip()]


def chosen_data(data: str | Path | None) -> str | Path:
    """Return the data that were named, or the embedded benchmark, made where it is not there yet."""
    if data is not None:
        return data
    from ganprint.forge.mini import mini

    return mini()
