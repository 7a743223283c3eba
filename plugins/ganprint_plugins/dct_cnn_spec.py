"""What DCT-CNN is, read without torch: its hyperparameters, paper and presets."""

from pathlib import Path

from pydantic import Field

from ganprint.plugin_api import AttributorSpec, NeuralConfig


class DCTCNNConfig(NeuralConfig):
    """DCT-CNN's hyperparameters."""

    dropout: float = Field(0.0, ge=0, lt=1, description="dropout before the last layer; published: none")


SPEC = AttributorSpec(
    name="dct-cnn",
    title="DCT-CNN",
    paper="Frank, Eisenhofer, Schönherr, Fischer, Kolossa and Holz, Leveraging Frequency Analysis for Deep "
    "Fake Image Recognition, ICML 2020, arXiv 2003.08685",
    year=2020,
    config=DCTCNNConfig,
    configs=Path(__file__).with_name("configs"),
    attributor="ganprint_plugins.dct_cnn:DCTCNN",
)
