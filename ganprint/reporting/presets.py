"""Which preset each of the weights in a table was trained with, and what it changes of the paper's."""

from collections.abc import Iterable

from ganprint import plugins
from ganprint.errors import GanprintError
from ganprint.models.config import changes_text, preset_of, validate_config
from ganprint.weights import Card

SHORT_CHANGES = 160
"""Characters of changes that a line shows."""


def preset_lines(cards: Iterable[Card]) -> list[str]:
    """Return a line for each card: weights, method, preset, and the first of the changed keys.

    Cards of methods that are not installed, or of configurations that their method no longer takes, say so.
    """
    return [f"{card.name}: {_preset(card)}" for card in cards]


def _preset(card: Card) -> str:
    try:
        method = plugins.load(card.method)
        config = validate_config(method.spec.config, card.config)
    except GanprintError:
        return f"{card.method}, a configuration of another version"
    name = method.called(config)
    preset = preset_of(method.spec, config)
    if preset in ("paper", "ours"):
        return f"{name}, preset {preset}, nothing changed"
    changes = changes_text(method.spec, config)
    if len(changes) > SHORT_CHANGES:
        kept = changes[:SHORT_CHANGES].rpartition("; ")[0]
        changes = f"{kept}; {changes.count('; ') - kept.count('; ')} more"
    return f"{name}, {f'preset {preset}' if preset else 'no preset'}, changed: {changes}"
