"""What RepMix is, read without torch: its hyperparameters, paper and presets."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import Field

from ganprint.plugin_api import AttributorSpec, ImportedWeights, NeuralConfig, StoredCheckpoint
from ganprint_plugins.repmix_published import PUBLISHED


class RepMixConfig(NeuralConfig):
    """RepMix's hyperparameters; with `pretrained`, which the preset repmix sets, the defaults are the paper's."""

    backbone: str = Field("timm:resnet50.tv_in1k", description="compact, alexnet, or any of timm's models")
    backbone_options: dict[str, Any] = Field({}, description="arguments of the backbone's constructor")
    pretrained: bool = Field(False, description="start from ImageNet weights, if they are installed")
    embedding: int = Field(256, ge=2, description="width of the embedding")
    mix_level: int = Field(
        5, ge=-1, description="where images mix: -1 before perturbation, 0 the input, 1 the stem, 2.. the stages"
    )
    mix_count: int = Field(2, ge=1, le=8, description="images mixed into one sample; 1: no mixing")
    mix_concentration: float = Field(0.4, gt=0, description="concentration of the symmetric Dirichlet")
    compound: bool = Field(True, description="scale attribution logits by the detection answer")

    @property
    def images_per_sample(self) -> int:
        """How many images are mixed into one."""
        return self.mix_count


ABLATION: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "parts": {
        "without compound loss": ("compound=false",),
        "without mixing": ("mix_count=1",),
        "without both": ("compound=false", "mix_count=1"),
        "without augmentation": ("policy=none",),
    },
    "levels": {
        "mixing before perturbation": ("mix_level=-1",),
        **{f"mixing at level {level}": (f"mix_level={level}",) for level in range(6)},
    },
    "counts": {f"{count} images mixed": (f"mix_count={count}",) for count in (3, 4)},
    "backbones": {
        "VGG16 backbone": ("backbone=timm:vgg16", "backbone_options={}"),
        "AlexNet backbone": ("backbone=alexnet", "backbone_options={}"),
    },
}
"""Changes of RepMix by group (Bui et al. 2022, sections 4.3 and 4.4), each as assignments to its configuration."""


def _import_official(checkpoint: StoredCheckpoint, sources: Sequence[str]) -> ImportedWeights:
    from ganprint_plugins.repmix_official import import_official

    return import_official(checkpoint, sources)


SPEC = AttributorSpec(
    name="repmix",
    title="RepMix",
    paper="Bui, Yu and Collomosse, RepMix: Representation Mixing for Robust Attribution of Synthesized "
    "Images, ECCV 2022, arXiv 2207.02063",
    year=2022,
    config=RepMixConfig,
    configs=Path(__file__).with_name("configs"),
    attributor="ganprint_plugins.repmix:RepMix",
    ablation=ABLATION,
    published=PUBLISHED,
    importer=_import_official,
)
