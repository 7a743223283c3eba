"""The kinds of perturbation by name, and the perturbation of one image."""

from dataclasses import dataclass

from ganprint.errors import PerturbationError, did_you_mean

CORRUPTIONS = (
    *("gaussian_noise", "shot_noise", "impulse_noise"),
    *("defocus_blur", "glass_blur", "motion_blur", "zoom_blur"),
    *("snow", "frost", "fog", "brightness"),
    *("contrast", "elastic_transform", "pixelate", "jpeg_compression"),
    *("speckle_noise", "gaussian_blur", "spatter", "saturate"),
)
"""The 15 test and 4 validation corruptions of ImageNet-C, in its order."""

UNSEEN = ("glass_blur", "motion_blur", "zoom_blur", "snow")
"""The four that RepMix's training never shows (Bui et al. 2022, section 4.1)."""

SEEN = tuple(kind for kind in CORRUPTIONS if kind not in UNSEEN)
"""The fifteen that RepMix's training draws from."""

IMMUNISING = ("random_noise", "random_blur", "random_crop", "random_jpeg", "relighting", "combination")
"""The five perturbations of Yu et al. (ICCV 2019, section 4.4) and their combination."""

KINDS = (*CORRUPTIONS, *IMMUNISING)
"""Everything that can happen to an image."""

SEVERITIES = (1, 2, 3, 4, 5)


@dataclass(frozen=True)
class Perturbation:
    """What happens to one image: a kind at a severity 1..5, its randomness fixed by a seed in [0, 2^63).

    A kind of None leaves the image as it is, and severity and seed mean nothing.
    PerturbationError names the valid kinds or severities where one is not valid.
    """

    kind: str | None
    severity: int
    seed: int

    def __post_init__(self) -> None:
        if self.kind is None:
            return
        check_kind(self.kind)
        check_severity(self.severity)
        if not 0 <= self.seed < 2**63:
            raise PerturbationError(f"{self.seed} is not a perturbation seed.", "Seeds: 0 to 2^63 - 1.")


UNTOUCHED = Perturbation(None, 0, 0)
"""The perturbation that leaves an image as it is."""


def check_kind(kind: str) -> None:
    """Raise PerturbationError, listing the valid names, unless `kind` is one of KINDS."""
    if kind not in KINDS:
        raise PerturbationError(
            f"There is no corruption {kind!r}.", f"{did_you_mean(kind, KINDS)}Corruptions: {', '.join(KINDS)}."
        )


def check_severity(severity: int) -> None:
    """Raise PerturbationError unless `severity` is one of 1 to 5."""
    if severity not in SEVERITIES:
        raise PerturbationError(f"There is no severity {severity!r}.", "Severities: 1, 2, 3, 4, 5.")
