"""Perturbations: the 19 corruptions of ImageNet-C, the reference engine, policies, post-processing chains, attacks."""

from ganprint.perturbation import attacks, chain
from ganprint.perturbation.attacks import Attack, parse_attack
from ganprint.perturbation.chain import RESHARING, Chain, DrawnChain, parse_chain
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

AnyPolicy = Policy | Chain | DrawnChain | Attack
"""Every way to perturb the images of an evaluation."""


def parse_any_policy(text: str) -> AnyPolicy:
    """Return the chain that `text` names after `share:`, the attack after `attack:`, else the policy."""
    if text.startswith(chain.PREFIX):
        return parse_chain(text)
    return parse_attack(text) if text.startswith(attacks.PREFIX) else parse_policy(text)
