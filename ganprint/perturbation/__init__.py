"""Perturbations: the 19 corruptions of ImageNet-C, the reference engine, policies, post-processing chains, attacks.

What perturbs is imported when it is first asked for, as torch takes long; names are read without it.
"""

from typing import TYPE_CHECKING

from ganprint.lazy import lazy_names
from ganprint.perturbation import attacks, chain
from ganprint.perturbation.attacks import Attack as Attack
from ganprint.perturbation.attacks import parse_attack as parse_attack
from ganprint.perturbation.chain import RESHARING as RESHARING
from ganprint.perturbation.chain import Chain as Chain
from ganprint.perturbation.chain import DrawnChain as DrawnChain
from ganprint.perturbation.chain import parse_chain as parse_chain
from ganprint.perturbation.kinds import CORRUPTIONS as CORRUPTIONS
from ganprint.perturbation.kinds import IMMUNISING as IMMUNISING
from ganprint.perturbation.kinds import SEEN as SEEN
from ganprint.perturbation.kinds import SEVERITIES as SEVERITIES
from ganprint.perturbation.kinds import UNSEEN as UNSEEN
from ganprint.perturbation.kinds import UNTOUCHED as UNTOUCHED
from ganprint.perturbation.kinds import Perturbation as Perturbation
from ganprint.perturbation.policy import Policy as Policy
from ganprint.perturbation.policy import parse_policy as parse_policy

if TYPE_CHECKING:
    from ganprint.perturbation.engine import Engine as Engine
    from ganprint.perturbation.engine import perturb as perturb
else:
    __getattr__ = lazy_names(__name__)

AnyPolicy = Policy | Chain | DrawnChain | Attack
"""Every way to perturb the images of an evaluation."""


def parse_any_policy(text: str) -> AnyPolicy:
    """Return the chain that `text` names after `share:`, the attack after `attack:`, else the policy."""
    if text.startswith(chain.PREFIX):
        return parse_chain(text)
    return parse_attack(text) if text.startswith(attacks.PREFIX) else parse_policy(text)
