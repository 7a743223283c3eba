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

__all__ = [
    "CORRUPTIONS",
    "IMMUNISING",
    "SEEN",
    "SEVERITIES",
    "UNSEEN",
    "UNTOUCHED",
    "Engine",
    "Perturbation",
    "Policy",
    "parse_policy",
    "perturb",
]
