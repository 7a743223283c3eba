"""The 19 corruptions of ImageNet-C on torch, the imagecorruptions reference, and policies that draw them."""

from ganprint.perturb.engine import Engine, perturb
from ganprint.perturb.kinds import (
    CORRUPTIONS,
    IMMUNISING,
    SEEN,
    SEVERITIES,
    UNSEEN,
    UNTOUCHED,
    Perturbation,
)
from ganprint.perturb.policy import Policy, parse_policy
from ganprint.perturb.sharing import PREFIX, RESHARING, Sharing, parse_sharing

__all__ = [
    "CORRUPTIONS",
    "IMMUNISING",
    "RESHARING",
    "SEEN",
    "SEVERITIES",
    "UNSEEN",
    "UNTOUCHED",
    "Engine",
    "Perturbation",
    "Policy",
    "Sharing",
    "parse_policy",
    "parse_sharing",
    "parse_treatment",
    "perturb",
]


def parse_treatment(text: str) -> Policy | Sharing:
    """Return the chain of sharing that `text` names after `share:`, else the policy."""
    return parse_sharing(text) if text.startswith(PREFIX) else parse_policy(text)
