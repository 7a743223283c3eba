"""The weights that a comparison evaluates: named, of named methods, or trained on the data."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ganprint import plugins
from ganprint.api.choices import asks_all, check_methods, parts_of
from ganprint.api.trainings import RUNS
from ganprint.data import Manifest
from ganprint.errors import UsageError, WeightsError
from ganprint.remote import last_part
from ganprint.weights import default_for, find, list_weights, read_card

if TYPE_CHECKING:
    from ganprint.evaluation.plan import Candidate


def named_candidate(name: str) -> "Candidate":
    """Return the weights of a name or folder; raise WeightsError where there are none."""
    from ganprint.evaluation.plan import Candidate

    folder = find(name)
    return Candidate(folder, read_card(folder))


def chosen_candidates(names: Sequence[str] | None, method: str | None, manifest: Manifest) -> "list[Candidate]":
    """Return the weights that are named, or trained on a manifest of this name, or that know its sources, by method.

    Unnamed ones are installed, or lie under runs/, where `train` writes them.
    A method that is named, other than by `all`, and has none of these takes part with its default weights.
    """
    from ganprint.evaluation.plan import Candidate

    methods = None if asks_all(method) else chosen_methods(method)
    if names:
        chosen = [named_candidate(name) for name in dict.fromkeys(names)]
        chosen = [each for each in chosen if methods is None or each.card.method in methods]
        if not chosen:
            raise UsageError(f"None of these weights belongs to the method {method}.", "Leave --method out.")
        return chosen
    entries = [*list_weights(), *list_weights([RUNS])]
    every = [Candidate(entry.path, entry.card) for entry in entries if entry.card and not entry.error]
    fitting = [each for each in every if each.card.data and each.card.data.name == last_part(manifest.name)]
    if not fitting:
        sources = {manifest.sources[label] for label in set(manifest.labels.tolist()) - {-1}}
        fitting = [each for each in every if sources <= set(each.card.sources)]
    if methods is not None:
        fitting = [each for each in fitting if each.card.method in methods]
        without = [name for name in methods if name not in {each.card.method for each in fitting}]
        defaults = [default_for(name) for name in without]
        fitting += [Candidate(entry.path, entry.card) for entry in defaults if entry.card]
    if not fitting:
        raise WeightsError(
            f"No installed weights were trained on {last_part(manifest.name)} or know its sources.",
            f"Name some with --weights: {', '.join(each.name for each in every) or 'there are none'}.",
        )
    return sorted(fitting, key=lambda each: (each.card.method, each.name))


def chosen_methods(text: str | None) -> list[str] | None:
    """Return the methods that were named with commas, each checked to exist; None where none was."""
    if text is None:
        return None
    check_methods(text)
    if asks_all(text):
        return [plugin.name for plugin in plugins.discover() if plugin.error is None]
    return list(dict.fromkeys(parts_of(text)))


def renamed_sources(pairs: Sequence[str] | None) -> tuple[tuple[str, str], ...]:
    """Return what `--rename` says, as pairs of the data's name and the weights'."""
    found: dict[str, str] = {}
    for pair in pairs or ():
        name, equals, source = pair.partition("=")
        if not (name and equals and source):
            raise UsageError(f"{pair!r} is not NAME=SOURCE.", "Write, for example, --rename ada=stylegan2.")
        if found.setdefault(name, source) != source:
            raise UsageError(f"{name} would be {found[name]} and {source}.", "Name it in one --rename only.")
    return tuple(found.items())
