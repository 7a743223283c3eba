"""What Reverse Engineering is, read without torch: its hyperparameters, paper and presets."""

from pathlib import Path

from pydantic import Field

from ganprint.plugin_api import AttributorSpec, NeuralConfig


class ReverseEngineeringConfig(NeuralConfig):
    """Reverse Engineering's hyperparameters."""

    depth: int = Field(17, ge=3, le=64, description="convolutions of the fingerprint network")
    width: int = Field(64, ge=1, description="channels of the fingerprint network")
    head_widths: tuple[int, int] = Field((32, 64), description="channels of the head's two convolutions")
    hidden: int = Field(512, ge=1, description="width of the head's hidden layer")
    low_frequencies: int = Field(51, ge=1, description="side of the spectrum's centre that is to be empty")
    attribution_weight: float = Field(10.0, gt=0, description="weight of the cross-entropy in the loss")
    sigmoid: bool = Field(
        True, description="pass logits through a sigmoid before cross-entropy, as the public code does"
    )
    normalise_spectrum: bool = Field(
        False, description="batch normalisation of the spectrum before the head; the public code has none"
    )


SPEC = AttributorSpec(
    name="reverse-engineering",
    title="Reverse Engineering",
    paper="Asnani, Yin, Hassner and Liu, Reverse Engineering of Generative Models: Inferring Model "
    "Hyperparameters from Generated Images, TPAMI 2023, arXiv 2106.07873",
    year=2023,
    config=ReverseEngineeringConfig,
    configs=Path(__file__).with_name("configs"),
    attributor="ganprint_plugins.reverse_engineering:ReverseEngineering",
)
