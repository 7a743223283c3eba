"""Hyperparameters of the method."""

from pydantic import Field, field_validator

from ganprint.plugin_api import AttributorConfig, View, parse_any_policy
from ganprint_plugins.residual_statistics.features import SIZE

DRAWS = (
    *("share:jpeg=60..98", "share:webp=60..95", "share:jpeg=60..98+jpeg=60..98"),
    *("share:resize=0.75..1.5", "share:resize=0.75..1.5+jpeg=50..95", "train"),
)
"""Perturbations of training crops, beside none: recompression and resizing as online sharing causes them."""


class ResidualStatisticsConfig(AttributorConfig):
    """Hyperparameters, chosen by leave-groups-out cross-validation (docs/results/default.md)."""

    view: View = Field(View(kind="native", size=SIZE, crops=6), description="how an image becomes the input")
    draws: tuple[str, ...] = Field(
        DRAWS, description="post-processing of further training crops: policies or share: chains"
    )
    draw_weight: float = Field(0.1, ge=0, le=1, description="weight of a drawn crop beside one as it is")
    generated_draw_weight: float = Field(
        0.1,
        ge=0,
        le=1,
        description="the same for generated crops; with 0.5 fewer lose their traces by JPEG, and fewer are found "
        "(docs/results/default.md)",
    )
    penalty: float = Field(0.06, ge=0, description="L2 penalty on the weights of standardised statistics")
    balance: float = Field(
        1.0, ge=0, le=1, description="0: every crop weighs the same; 1: every group and every source does"
    )
    steps: int = Field(60, ge=1, description="L-BFGS steps at most")
    folds: int = Field(5, ge=2, le=20, description="parts of the groups that are left out in turn")

    @field_validator("view")
    @classmethod
    def _has_the_size_of_the_statistics(cls, view: View) -> View:
        if view.size != SIZE:
            raise ValueError(f"the statistics are of crops of {SIZE} px")
        return view

    @field_validator("draws")
    @classmethod
    def _are_treatments(cls, draws: tuple[str, ...]) -> tuple[str, ...]:
        for text in draws:
            parse_any_policy(text)
        return draws
