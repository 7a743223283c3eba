"""What the method of Yu et al. is, read without torch: its hyperparameters, paper and presets."""

from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from ganprint.plugin_api import AttributorSpec, NeuralConfig


class YuConfig(NeuralConfig):
    """The hyperparameters of Yu et al. and of its re-implementation on another backbone."""

    variant: Literal["post-pooling", "pre-downsampling", "pre-downsampling-residual", "visual"] = Field(
        "post-pooling", description="which image the network sees; visual: learn fingerprints as pictures"
    )
    backbone: str = Field(
        "progan", description="progan, the paper's, or for the re-implementation compact, alexnet, any of timm's"
    )
    backbone_options: dict[str, Any] = Field({}, description="arguments of another backbone's constructor")
    pretrained: bool = Field(False, description="start another backbone from ImageNet weights")
    feature_base: int = Field(1024, ge=8, description="progan: channels are this over 2^stage, the public code's")
    feature_max: int = Field(512, ge=8, description="progan: channels at most")
    pool_from: int = Field(
        4, ge=4, description="progan: side of the features from which on they are only pooled; larger: smaller patches"
    )
    resolution: int | None = Field(
        None,
        ge=8,
        description="pre-downsampling: side of the small image, null: half; residual: of its band, null: the image's",
    )


SPEC = AttributorSpec(
    name="yu",
    title="Yu et al.",
    paper="Yu, Davis and Fritz, Attributing Fake Images to GANs: Learning and Analyzing GAN Fingerprints, "
    "ICCV 2019, arXiv 1811.08180",
    year=2019,
    config=YuConfig,
    configs=Path(__file__).with_name("configs"),
    attributor="ganprint_plugins.yu:Yu",
)
