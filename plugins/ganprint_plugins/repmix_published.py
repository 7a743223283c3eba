"""What the RepMix paper reports, to stand beside measured results and never among them.

Bui, Yu and Collomosse, ECCV 2022 (arXiv 2207.02063), tables 1 and 2 and the poster's ablation.
"""

from collections.abc import Mapping

from ganprint.plugin_api import PublishedTable

Values = tuple[float, float, float]

COMPARISON: Mapping[str, tuple[Values, Values]] = {
    "RepMix": ((1.0000, 0.9994, 0.9975), (0.9745, 0.8207, 0.6679)),
    "Yu et al. (reimp.)": ((0.9910, 0.9838, 0.9458), (0.9306, 0.6784, 0.4666)),
    "Yu et al.": ((0.9888, 0.9844, 0.9455), (0.9190, 0.6322, 0.4028)),
    "DCT-CNN": ((0.9922, 0.9838, 0.9526), (0.9001, 0.6447, 0.4061)),
    "Reverse Engineering": ((0.9976, 0.9960, 0.9834), (0.8665, 0.5637, 0.3653)),
    "EigenFace": ((0.8262, 0.6538, 0.4515), (0.7829, 0.1515, 0.0034)),
    "PRNU": ((0.8544, 0.8482, 0.7389), (0.7845, 0.1252, 0.0003)),
}
"""Detection, attribution, NMI on one clean semantic class and on Attribution88, perturbed."""

ABLATION: Mapping[str, Values] = {
    "all": (0.9426, 0.7400, 0.5546),
    "without compound loss": (0.9364, 0.7204, 0.5280),
    "without RepMix": (0.9296, 0.7188, 0.5205),
    "without both": (0.9283, 0.7129, 0.5167),
    "without augmentation": (0.7044, 0.2762, 0.0856),
    "VGG16 backbone": (0.9493, 0.7150, 0.5315),
    "AlexNet backbone": (0.8818, 0.5280, 0.2817),
}
"""Detection, attribution, NMI in a setting of its own: comparable within this table only."""

EPSILONS = (2, 4, 8, 16, 24, 32)
"""Largest changes of the published attack, in levels of 255."""

ADVERSARIAL: Mapping[str, tuple[float, ...]] = {
    "RepMix": (0.1509, 0.1952, 0.2454, 0.3008, 0.3333, 0.3572),
    "Yu et al.": (0.2113, 0.2709, 0.3328, 0.3945, 0.4303, 0.4534),
    "DCT-CNN": (0.1545, 0.2190, 0.2831, 0.3375, 0.3642, 0.3812),
}
"""Error under the published attack, by its largest change."""

METRICS = ("detection", "attribution", "NMI")

PUBLISHED = (
    PublishedTable(
        "Bui et al., ECCV 2022, table 1",
        "method",
        tuple((data, name) for data in ("one semantic class, clean", "Attribution88") for name in METRICS),
        {name: (*one, *every) for name, (one, every) in COMPARISON.items()},
    ),
    PublishedTable(
        "Bui et al., ECCV 2022, table 2, error under attack",
        "method",
        tuple(("", f"{epsilon}/255") for epsilon in EPSILONS),
        ADVERSARIAL,
        of_errors=True,
    ),
    PublishedTable("Bui et al., ECCV 2022, ablation", "RepMix", tuple(("", name) for name in METRICS), ABLATION),
)
