"""The 19 corruptions of ImageNet-C on torch, the imagecorruptions reference, policies, sharing and attacks."""

from ganprint.perturbation import attacks, sharing
from ganprint.perturbation.attacks import Attack, parse_attack
from ganprint.perturbation.engine import Engine, perturb
from ganprint.perturbation.kinds import (
    CORRUPTIONS,
    IMMUNISING,
    SEEN,
    SEVERITIES,
    UNSEEN,
    UNTOUCHED,
    Perturbation,
)
from ganprint.perturbation.policy import Policy, parse_policy
from ganprint.perturbation.sharing import RESHARING, DrawnSharing, Sharing, parse_sharing

__all__ = [
    "CORRUPTIONS",
    "IMMUNISING",
    "RESHARING",
    "SEEN",
    "SEVERITIES",
    "UNSEEN",
    "UNTOUCHED",
    "Attack",
    "DrawnSharing",
    "Engine",
    "Perturbation",
    "Policy",
    "Sharing",
    "Treatment",
    "parse_attack",
    "parse_policy",
    "parse_sharing",
    "parse_treatment",
    "perturb",
]


Treatment = Policy | Sharing | DrawnSharing | Attack
"""What can be done to the images of an evaluation."""


def parse_treatment(text: str) -> Treatment:
    """Return the chain of sharing that `text` names after `share:`, the attack after `attack:`, else the policy."""
    if text.startswith(sharing.PREFIX):
        return parse_sharing(text)
    return parse_attack(text) if text.startswith(attacks.PREFIX) else parse_policy(text)
