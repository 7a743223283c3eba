"""What EigenFace is, read without torch: its hyperparameters, paper and presets."""

from pathlib import Path

from pydantic import Field

from ganprint.plugin_api import AttributorSpec, GridConfig


class EigenFaceConfig(GridConfig):
    """EigenFace's hyperparameters: the grid of which the best setting on validation is kept."""

    pca_images: int = Field(10_000, ge=2, description="training images that the components are found from")
    pca_gigabytes: float = Field(
        16.0, gt=0, description="memory for the full decomposition; components are found in batches where it takes more"
    )
    pca_batch: int = Field(512, ge=1, description="in batches: images at a time, at least the components' number")
    components: int | None = Field(
        None, ge=1, description="components at most, whatever variance they explain; null: no limit, 1024 in batches"
    )
    variances: tuple[float, ...] = Field(
        (0.25, 0.5, 0.75, 0.95), min_length=1, description="grid: share of variance to explain"
    )
    penalties: tuple[float, ...] = Field(
        (1e-4, 1e-3, 1e-2, 1e-1), min_length=1, description="grid: C of the support vector machine"
    )


SPEC = AttributorSpec(
    name="eigenface",
    title="EigenFace",
    paper="Sirovich and Kirby, Low-dimensional Procedure for the Characterization of Human Faces, JOSA A 1987",
    year=1987,
    config=EigenFaceConfig,
    configs=Path(__file__).with_name("configs"),
    attributor="ganprint_plugins.eigenface:EigenFace",
)
