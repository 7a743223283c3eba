"""What PRNU is, read without torch: its hyperparameters, paper and presets."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from ganprint.plugin_api import AttributorSpec, GridConfig

MOST_LEVELS = 11
"""Decompositions after which nothing is left of the largest crop, 2048 px."""


class PRNUConfig(GridConfig):
    """PRNU's hyperparameters: the grid of which the best setting on validation is kept."""

    levels: tuple[Annotated[int, Field(ge=1, le=MOST_LEVELS)], ...] = Field(
        (1, 2, 3, 4), min_length=1, description="grid: wavelet decompositions"
    )
    sigmas: tuple[Annotated[float, Field(gt=0)], ...] = Field(
        tuple(round(0.05 * step, 2) for step in range(1, 20)),
        min_length=1,
        description="grid: noise deviation, grey levels",
    )
    real_by: tuple[Literal["fingerprint", "threshold"], ...] = Field(
        ("fingerprint",),
        min_length=1,
        description="grid: real has a fingerprint (the paper's), or (threshold) is what correlates with no generator's",
    )


SPEC = AttributorSpec(
    name="prnu",
    title="PRNU",
    paper="Marra, Gragnaniello, Verdoliva and Poggi, Do GANs Leave Artificial Fingerprints?, MIPR 2019, "
    "arXiv 1812.11842",
    year=2019,
    config=PRNUConfig,
    configs=Path(__file__).with_name("configs"),
    attributor="ganprint_plugins.prnu:PRNU",
)
