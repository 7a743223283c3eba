"""The conditions that the options of `compare` ask for: splits and policies."""

from collections.abc import Sequence

from ganprint.api.choices import listed
from ganprint.errors import UsageError
from ganprint.perturbation import CORRUPTIONS, SEVERITIES, Attack, parse_any_policy
from ganprint.perturbation.attacks import EPSILONS, STEPS
from ganprint.perturbation.chain import PREFIX, RESHARING
from ganprint.perturbation.kinds import check_kind


def parse_condition(text: str) -> tuple[str, str]:
    """Return the split and policy of SPLIT:POLICY."""
    split, colon, policy = text.partition(":")
    if not split or not colon or not policy:
        fault = f"{text!r} is not a condition."
        raise UsageError(fault, "Write SPLIT:POLICY, as in --condition test_seen:jpeg_compression:3.")
    return split, policy


def robustness_asked(
    split: str, corruptions: Sequence[str] | None, severities: Sequence[int] | None, *, asked: bool
) -> list[tuple[str, str]]:
    """Return clean and each corruption at each severity (Bui et al. 2022, figure 4).

    Refuse a choice among them where the experiment is not asked for.
    """
    if not asked:
        if corruptions or severities:
            fault = "--corruption and --severity need --robustness."
            raise UsageError(fault, "Add --robustness, or name one with --condition test_seen:jpeg_compression:3.")
        return []
    for kind in corruptions or ():
        check_kind(kind)
    degrees = sorted(severities or SEVERITIES)
    every = [f"{kind}:{degree}" for kind in corruptions or CORRUPTIONS for degree in degrees]
    return [(split, policy) for policy in ("none", *every)]


def adversarial_asked(
    split: str,
    attacks: Sequence[str] | None,
    epsilons: Sequence[int] | None,
    target: str,
    steps: int | None,
    *,
    asked: bool,
) -> list[tuple[str, str]]:
    """Return clean and each attack (Bui et al. 2022, table 2); refuse what describes attacks that nobody asked for."""
    if not asked:
        if attacks or epsilons or steps or target != "attribution":
            fault = "--attack, --epsilon, --target and --steps need --adversarial."
            raise UsageError(fault, "Add --adversarial, or name one with --condition test_seen:attack:pgd=8.")
        return []
    chosen = [
        Attack(kind, epsilon, target, steps or STEPS if kind == "pgd" else STEPS)  # type: ignore[arg-type]
        for kind in dict.fromkeys(attacks or ("fgsm", "pgd"))
        for epsilon in sorted(set(epsilons or EPSILONS))
    ]
    return [(split, "none"), *((split, str(attack)) for attack in chosen)]


def distinct_conditions(asked: Sequence[tuple[str, str]], surrogate: str | None) -> list[tuple[str, str]]:
    """Return the conditions once each, their policies checked."""
    policies = {text: parse_any_policy(text) for _, text in asked}
    if surrogate and not any(isinstance(each, Attack) for each in policies.values()):
        raise UsageError("--surrogate needs an attack.", "Add --adversarial.")
    return list(dict.fromkeys((split, str(policies[text])) for split, text in asked))


def distinct_policies(policies: str | Sequence[str]) -> list[str]:
    """Return policies once each; raise PerturbationError where one is none, UsageError for an attack, and for none."""
    policies = listed(policies)
    if not policies:
        raise UsageError("No policy was named.", "Name one; `none` leaves images as they are.")
    if any(isinstance(parse_any_policy(text), Attack) for text in policies):
        raise UsageError("Calibration and assessment need images without an attack.", "Name another policy.")
    return list(dict.fromkeys(policies))


def others_asked(split: str, *, resharing: bool, open_set: bool) -> list[tuple[str, str]]:
    """Return clean and what happens to images that are shared online, and clean with images of other sources."""
    shared = [(split, "none"), *((split, PREFIX + chain) for chain in RESHARING)] if resharing else []
    return [*shared, *([(f"{split}+open", "none")] if open_set else [])]
