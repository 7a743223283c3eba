"""The plug-in contract: what a method gives, and what it is given."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

if TYPE_CHECKING:
    from torch import Tensor

REAL = "real"
"""The name of label 0 in every method, table and file."""


class View(BaseModel):
    """How an image of any size becomes the tensor a method sees.

    `resize` takes the largest centred square and resizes it to `size`: the published protocol.
    `native` takes `crops` squares of `size` at the image's own pixels, because resampling destroys
    generator traces; smaller images are reflect-padded.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["resize", "native"] = Field("resize", description="resize, or native crops")
    size: int = Field(224, ge=32, le=2048, description="side of the input, pixels")
    training_scale: float = Field(
        256 / 224,
        ge=1,
        le=2,
        description="resize view in training: side of the square that is cropped, over size",
    )
    crops: int = Field(5, ge=1, le=64, description="native crops per image when answering")


class AttributorConfig(BaseModel):
    """Hyperparameters of a method; field descriptions are the help of `--set key=value`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    view: View = Field(View(), description="how an image becomes the input")


@dataclass(frozen=True)
class AttributorSpec:
    """What a method is, without loading it: names, paper, configuration and presets.

    `configs` is the folder of YAML presets that come with the plug-in: `<name>.yaml` holds the
    paper's values, `<name>-<variant>.yaml` others.
    """

    name: str
    title: str
    paper: str
    year: int
    config: type[AttributorConfig]
    configs: Path | None = None
    licence: str | None = None


@dataclass(frozen=True)
class Prediction:
    """A method's answer for a batch of B images and K sources.

    `attribution` (B, K) and `detection` (B, 2) are float logits, index 0 being real;
    `embedding` is (B, D). Detection and embedding are None where a method has none.
    """

    attribution: "Tensor"
    detection: "Tensor | None" = None
    embedding: "Tensor | None" = None


class LabelledImages(Protocol):
    """Rows of a manifest: where images lie and what made them; no pixels are held.

    `labels` is int64 (N,), indices into `sources`.
    """

    sources: tuple[str, ...]
    labels: np.ndarray

    @property
    def sha256(self) -> str:
        """Identify the rows."""
        ...

    def path(self, row: int) -> Path:
        """Return where the image of a row lies."""
        ...

    def __len__(self) -> int: ...


class Attributor(ABC):
    """A method that attributes images to sources; an entry point names a subclass of this.

    An instance is built from a configuration and the names of the sources it tells apart,
    `sources[0]` being real, then either fitted or loaded from named tensors.
    """

    spec: ClassVar[AttributorSpec]

    def __init__(self, config: AttributorConfig, sources: Sequence[str]) -> None:
        self.config = config
        self.sources = tuple(sources)

    @abstractmethod
    def fit(self, train: LabelledImages, val: LabelledImages, run: "Any") -> Mapping[str, Any]:
        """Learn from `train`, choose on `val`; return what the card should record of the training."""

    @abstractmethod
    def predict(self, images: "Tensor") -> Prediction:
        """Answer for uint8 RGB images (B, 3, S, S), S being the view's size, on the method's device."""

    @abstractmethod
    def state(self) -> dict[str, "Tensor"]:
        """Return everything `load_state` needs as named tensors."""

    @abstractmethod
    def load_state(self, tensors: Mapping[str, "Tensor"]) -> None:
        """Take the tensors that `state` gave; raise WeightsError where names or shapes do not fit."""

    def to(self, device: str) -> "Attributor":
        """Move to a torch device and return self; methods without tensors there need not override."""
        return self
