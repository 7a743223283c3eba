"""Options that have no effect beside others: they are refused, since whoever types one expects an effect."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from ganprint.cli.settings import origin_of
from ganprint.errors import UsageError

Reason: TypeAlias = Callable[[Any], str]
"""Takes a command's context; returns, as words that follow "has no effect", why an option has none, or nothing."""
Rules: TypeAlias = Sequence[tuple[str, Reason]]
"""Names of a command's parameters, between spaces, and why they may have no effect."""


def without(*needed: str) -> Reason:
    """Return the reason that none of the parameters is there of which one is needed."""

    def reason(ctx: Any) -> str:
        there = any(ctx.params.get(name) for name in needed)
        return "" if there else f"without {' or '.join(_spelt(ctx, name) for name in needed)}"

    return reason


def beside(*others: str) -> Reason:
    """Return the reason that one of the parameters is there."""

    def reason(ctx: Any) -> str:
        return next((f"with {_spelt(ctx, name)}" for name in others if ctx.params.get(name)), "")

    return reason


def _beside_numbers(ctx: Any) -> str:
    """JSON and CSV have all intervals and no tables; a page has the tables."""
    return "" if ctx.params.get("html") else beside("as_json", "as_csv")(ctx)


def _in_csv(ctx: Any) -> str:
    out, chosen = ctx.params["out"], ctx.params["as_json"] or ctx.params["as_csv"]
    named = out is not None and out.suffix.lower() == ".csv" and not chosen
    return "in a file that ends in .csv" if named else beside("as_csv")(ctx)


def _of_one_step(ctx: Any) -> str:
    return "on fgsm, which has one step" if set(ctx.params["attacks"] or ()) == {"fgsm"} else ""


def _of_no_experiment(ctx: Any) -> str:
    asked = any(ctx.params[name] for name in ("robustness", "open_set", "resharing", "adversarial"))
    return "" if asked else beside("conditions")(ctx)


DRAWN: Rules = (
    ("figure_form", without("figures")),
    ("intervals", beside("as_json", "as_csv")),
    ("against", _beside_numbers),
)
STUDIED: Rules = (*DRAWN, ("split", beside("conditions")))
RULES: Mapping[tuple[str, ...], Rules] = {
    ("attribute",): (
        ("maps", without("report")),
        ("workers batch_size", beside("report")),
        ("force", without("out", "report")),
        ("force", beside("resume")),
        ("verbose", beside("as_json", "as_csv", "out")),
        ("metadata", _in_csv),
    ),
    ("train",): (("images", without("data")), ("force", beside("resume"))),
    ("evaluate",): (("images", without("data")), ("force", without("predictions"))),
    ("compare",): (
        *DRAWN,
        ("images", without("data")),
        ("full", without("robustness")),
        ("full", beside("data", "limit", "corruptions", "severities")),
        ("steps", _of_one_step),
        ("split", _of_no_experiment),
    ),
    ("calibrate",): (("force", without("figure")),),
    ("assess",): (("images", without("data")), ("force", without("figure"))),
    ("enroll",): (
        ("folder false_alarm recursive device threads force", beside("listing", "remove")),
        ("name", beside("listing")),
        ("listing as_json", beside("remove")),
    ),
    ("leaderboard",): (*DRAWN, ("published", _beside_numbers), ("force", without("figures", "html"))),
    ("explain",): (
        ("split preprocessing size limit seed workers", without("spectrum")),
        ("method weights maps device threads", beside("spectrum")),
    ),
    ("demo",): (("force", without("out")),),
    ("config",): (("unset", without("key")), ("value", beside("unset"))),
    ("study", "semantics"): STUDIED,
    ("study", "ablation"): STUDIED,
    ("data", "check"): (("seed", without("limit")),),
    ("weights", "list"): (("paths", beside("as_json")),),
}
"""By command; what only the data or the weights make idle is not here."""


def refuse_idle(ctx: Any, path: tuple[str, ...]) -> None:
    """Raise UsageError for an option on the command line of a command that has no effect beside the others.

    One that a variable or a setting gives is for all uses of the command, and may have none in some.
    """
    if _is_typed(ctx, "quiet") and _is_typed(ctx, "verbose") and "verbose" not in ctx.params:
        raise UsageError("--quiet and --verbose cannot be combined.", "Use one of them.")
    for name, reason in [(name, reason) for names, reason in RULES.get(path, ()) for name in names.split()]:
        why = reason(ctx) if _is_typed(ctx, name) else ""
        if why:
            others = {_spelling(ctx, option): option for option in ctx.command.params}
            origins = {word: origin_of(ctx, others[word]) for word in why.split() if word in others}
            said = [origin[1].replace("It is", f"{word} is") for word, origin in origins.items() if origin]
            raise UsageError(f"{_spelt(ctx, name)} has no effect {why}.", " ".join(["Leave it out.", *said]))


def _is_typed(ctx: Any, name: str) -> bool:
    source = ctx.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def _spelt(ctx: Any, name: str) -> str:
    return _spelling(ctx, next(option for option in ctx.command.params if option.name == name))


def _spelling(ctx: Any, parameter: Any) -> str:
    """Return how a parameter is typed: the option, what switches it off where that was given, or an argument's name."""
    long = [word for word in parameter.opts if word.startswith("--")]
    if ctx.params.get(parameter.name) is False and parameter.secondary_opts:
        return str(parameter.secondary_opts[0])
    return long[0] if long else str(parameter.name).upper()
