"""Names of earlier versions that users may have typed: they are understood for one version, and shown in no help.

Variables and settings with such names are refused with today's names.
"""

from collections.abc import Callable, Mapping, Sequence

from ganprint.cli.console import complain

OPTIONS: Mapping[tuple[str, ...], Mapping[str, str]] = {
    ("compare",): {"--map": "--rename"},
    ("explain",): {"--view": "--preprocessing"},
    ("data", "check"): {"--root": "--images"},
    ("data", "split"): {"--root": "--images"},
}
"""By command: what options are called now."""
EXPERIMENTS = {"--semantics": "semantics", "--ablation": "ablation"}
"""Switches of `compare` that are commands of `study` now."""
OF_EXPERIMENTS = {"--semantics-count": "--count", "--training-precision": "--precision"}
KEYS: Mapping[str, tuple[str, ...]] = {
    f"{'.'.join(command)}.{old[2:]}": (f"{'.'.join(command)}.{new[2:]}",)
    for command, names in OPTIONS.items()
    for old, new in names.items()
} | {
    "compare.semantics-count": ("study.semantics.count",),
    "compare.training-precision": ("study.semantics.precision", "study.ablation.precision"),
}
"""Earlier keys of settings, and those that they are now."""
EARLIER_KEYS = (*KEYS, *(f"compare.{switch[2:]}" for switch in EXPERIMENTS))


def name_today(key: str, spell: Callable[[str], str] = str) -> str | None:
    """Return what an earlier key of a setting is now, each key as `spell` writes it; None if it is no earlier key."""
    command, _, option = key.partition(".")
    if command == "compare" and f"--{option}" in EXPERIMENTS:
        return f"the command ganprint study {option}"
    return " and ".join(map(spell, KEYS[key])) if key in KEYS else None


def renew(words: Sequence[str]) -> list[str]:
    """Return a command line with today's names in the place of earlier ones, each of which a note on stderr names."""
    moved = next((word for word in words if word in EXPERIMENTS), None) if words[:1] == ["compare"] else None
    if moved is not None:
        command: tuple[str, ...] = ("study", EXPERIMENTS[moved])
        note_old_name(f"compare {moved}", f"ganprint {' '.join(command)}")
        return [*command, *_renamed([word for word in words[1:] if word != moved], OF_EXPERIMENTS)]
    for command, names in OPTIONS.items():
        if tuple(words[: len(command)]) == command:
            return [*command, *_renamed(words[len(command) :], names)]
    return list(words)


def _renamed(words: Sequence[str], names: Mapping[str, str]) -> list[str]:
    found = []
    for word in words:
        option, equals, value = word.partition("=")
        if option in names:
            note_old_name(option, names[option])
        found.append(f"{names.get(option, option)}{equals}{value}")
    return found


def note_old_name(old: str, new: str) -> None:
    """Print on stderr what an earlier name is called now."""
    complain(f"{old} is now {new}; the next version will not know the old name.")
