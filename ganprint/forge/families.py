"""The seven architectures by name."""

from collections.abc import Mapping

from ganprint.errors import UsageError, did_you_mean
from ganprint.forge.cramergan import CramerGAN
from ganprint.forge.dcgan import DCGAN
from ganprint.forge.family import RESOLUTIONS, Family
from ganprint.forge.mmdgan import MMDGAN
from ganprint.forge.progan import ProGAN
from ganprint.forge.sngan import SNGAN
from ganprint.forge.stylegan import StyleGAN
from ganprint.forge.stylegan2 import StyleGAN2

FAMILIES: Mapping[str, type[Family]] = {
    family.name: family for family in (DCGAN, SNGAN, CramerGAN, MMDGAN, ProGAN, StyleGAN, StyleGAN2)
}
"""All families, in the order of their publication."""


def family_of(name: str, resolution: int) -> Family:
    """Return a family at a resolution; raise UsageError listing the valid names and sides."""
    if name not in FAMILIES:
        raise UsageError(
            f"There is no architecture {name!r}.",
            f"{did_you_mean(name, FAMILIES)}Architectures: {', '.join(FAMILIES)}.",
        )
    if resolution not in RESOLUTIONS:
        raise UsageError(f"Generators are not made at {resolution} px.", f"Sides: {', '.join(map(str, RESOLUTIONS))}.")
    return FAMILIES[name](resolution)
