"""What the method is, read without torch: its hyperparameters and presets."""

from pathlib import Path

from pydantic import Field, field_validator

from ganprint.plugin_api import AttributorConfig, AttributorSpec, ConfigError, View, parse_any_policy

SIZE = 128
"""Side of a crop, pixels."""
DRAWS = {
    "share:jpeg=60..98": 0.15,
    "share:webp=60..95": 0.05,
    "share:jpeg=60..98+jpeg=60..98": 0.05,
    "share:resize=0.75..1.5": 0.1,
    "share:resize=0.75..1.5+jpeg=50..95": 0.15,
    "train": 0.05,
    "share:jpeg=88..98": 0.25,
    "share:resize=0.4..0.8": 0.01,
    "share:jpeg=8..40": 0.1,
    "test-unseen": 0.1,
}
"""Perturbations of further training crops, each with the weight of such a crop beside one as its file has it.

Photographs are found as JPEG and generated images mostly as PNG: without high-quality JPEG among the perturbations a
generated image that was saved once more passes for a photograph, and without snow, which is among `test-unseen`, one
in eight that was detected did under snow.
"""
DRAWS_OF_PHOTOGRAPHS = {
    "share:webp=60..95": 0.065,
    "share:resize=0.75..1.5": 0.13,
    "share:resize=0.4..0.8": 0.12,
}
"""Weights of crops of photographs where they are not those of DRAWS: resized ones must not look generated."""


class ResidualStatisticsConfig(AttributorConfig):
    """Hyperparameters, chosen by leave-groups-out cross-validation (docs/results/default.md)."""

    view: View = Field(View(kind="native", size=SIZE, crops=6), description="how an image becomes the input")
    draws: dict[str, float] = Field(
        default_factory=DRAWS.copy,
        description="perturbations of further training crops (policies or share: chains), each with its weight",
    )
    draws_of_photographs: dict[str, float] = Field(
        default_factory=DRAWS_OF_PHOTOGRAPHS.copy,
        description="weights of draws for photographs, if they differ from those in draws",
    )
    penalty: float = Field(0.02, ge=0, description="L2 penalty on the slopes of regressions on statistics")
    frozen: bool = Field(False, description="train the same models also on features of a frozen ImageNet network")
    networks: int = Field(
        2, ge=0, le=16, description="small networks on unchanged crops, for each of statistics and features"
    )
    components: int = Field(1200, ge=1, description="principal components of the statistics that the networks see")
    hidden: int = Field(40, ge=1, le=1024, description="units of each network's hidden layer")
    epochs: int = Field(8, ge=1, description="epochs of each network's training")
    sharpness: float = Field(
        4.0,
        gt=0,
        description="factor of the mean log-probability: with a larger one, crops with clear traces weigh more",
    )
    balance: float = Field(
        1.0, ge=0, le=1, description="0: every crop weighs the same; 1: every group and every source does"
    )
    steps: int = Field(30, ge=1, description="L-BFGS steps at most")
    folds: int = Field(5, ge=2, le=20, description="folds of the groups, each of which is left out in turn")

    @field_validator("view")
    @classmethod
    def _has_the_size_of_the_statistics(cls, view: View) -> View:
        if view.size != SIZE:
            raise ValueError(f"the statistics are of crops of {SIZE} px")
        return view

    @field_validator("draws", "draws_of_photographs")
    @classmethod
    def _are_perturbations(cls, draws: dict[str, float]) -> dict[str, float]:
        for text, weight in draws.items():
            parse_any_policy(text)
            if not 0 <= weight <= 1:
                raise ValueError(f"the weight of {text} is not between 0 and 1")
        return draws

    def check_draws(self) -> None:
        """Raise ConfigError where photographs have a weight of their own for what is not among the draws.

        Only trainings call this: a card with such a weight can be read. The default weights are no error, so that
        whoever names other draws need not name them, too.
        """
        own = self.draws_of_photographs.items() - DRAWS_OF_PHOTOGRAPHS.items()
        unknown = sorted(text for text, _ in own if text not in self.draws)
        if unknown:
            raise ConfigError(
                f"draws_of_photographs has a weight for {', '.join(unknown)}, which is not among the draws.",
                f"Add it to draws, or leave it out. Draws: {', '.join(self.draws) or 'none'}.",
            )


SPEC = AttributorSpec(
    name="residual-statistics",
    title="Residual statistics",
    paper="ganprint; statistics after Pevny, Bas and Fridrich, TIFS 2010, and Fridrich and Kodovsky, TIFS 2012",
    year=2026,
    config=ResidualStatisticsConfig,
    configs=Path(__file__).parent.with_name("configs"),
    attributor="ganprint_plugins.residual_statistics.method:ResidualStatistics",
    ours=True,
)
