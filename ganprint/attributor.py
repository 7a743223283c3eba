"""The plug-in contract: what a method provides, and what it gets."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from ganprint.errors import PluginError, UsageError

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

API_VERSION = 1
"""The version of the plug-in contract; it rises when a plug-in that was written for it would no longer work."""
REAL = "real"
"""The name of label 0 in every method, table and file."""


class View(BaseModel, frozen=True, extra="forbid"):
    """How an image of any size becomes the tensor a method sees.

    `resize` takes the largest centred square and resizes it to `size`: the published protocol. With
    `answering_scale` above 1 it is resized to more, and `crops` crops are taken from it.
    `native` takes `crops` crops of `size` from the image's own pixels, because resampling destroys
    generator traces; smaller images are reflect-padded.
    """

    kind: Literal["resize", "native"] = Field("resize", description="resize, or native crops")
    size: int = Field(224, ge=32, le=2048, description="side of the input, pixels")
    training_scale: float = Field(
        256 / 224,
        ge=1,
        le=2,
        description="with resize, in training: an image is resized to this times size before it is cropped",
    )
    answering_scale: float = Field(
        1.0,
        ge=1,
        le=2,
        description="with resize, when answering: an image is resized to this times size before it is cropped",
    )
    crops: int = Field(5, ge=1, le=64, description="crops per image when answering, if there is room")

    @property
    def square(self) -> int:
        """Side in pixels that `resize` brings an image to, for crops of it when answering."""
        return round(self.size * self.answering_scale)


class AttributorConfig(BaseModel):
    """Hyperparameters of a method; field descriptions are the help of `--set key=value`."""

    # Not as keywords of the class: type checkers would ask them of every subclass.
    model_config = ConfigDict(frozen=True, extra="forbid")

    view: View = Field(View(), description="how an image becomes the input")


@dataclass(frozen=True)
class PublishedTable:
    """A table that a paper reports: under each column (heading, name) a value for each named row.

    With `of_errors` smaller values are better.
    """

    title: str
    corner: str
    columns: tuple[tuple[str, str], ...]
    rows: Mapping[str, tuple[float, ...]]
    of_errors: bool = False


class StoredCheckpoint(Protocol):
    """A file that torch.save wrote, read as data: nothing in it was run."""

    path: Path
    content: Any

    def tensor(self, stored: Any) -> "Tensor":
        """Return one of the tensors that `content` refers to."""
        ...


@dataclass(frozen=True)
class ImportedWeights:
    """What an importer finds in a checkpoint: configuration, tensors by the method's names, details and notes for the
    card.
    """

    config: Mapping[str, Any]
    tensors: Mapping[str, "Tensor"]
    details: Mapping[str, Any]
    notes: str


@dataclass(frozen=True)
class AttributorSpec:
    """What a method is, without loading it: names, paper, configuration and presets.

    `configs` is the folder of YAML presets that come with the plug-in: `<name>.yaml` holds the
    paper's values, `<name>-<variant>.yaml` others. `ablation` are the changes that the paper measures, by group and
    name, each as assignments `key=value` to the configuration; `published` are tables that it reports. `importer`
    turns a checkpoint of the authors' code into weights for the given sources, and raises WeightsError. No paper has a
    method that is `ours`. `api_version` is the version of the contract that the plug-in is written for; `API_VERSION`
    is that of the ganprint that loads it. Where an entry point names the spec, `attributor` says where the class is, as
    `module:class`: then the spec can be read without importing torch.
    """

    name: str
    title: str
    paper: str
    year: int
    config: type[AttributorConfig]
    configs: Path | None = None
    licence: str | None = None
    ablation: Mapping[str, Mapping[str, tuple[str, ...]]] = field(default_factory=dict)
    published: tuple[PublishedTable, ...] = ()
    importer: "Callable[[StoredCheckpoint, Sequence[str]], ImportedWeights] | None" = None
    ours: bool = False
    api_version: int = 1
    attributor: str | None = None


@dataclass(frozen=True)
class Reasons:
    """What an answer is made of: for each of R named kinds of evidence how much it adds to the log-odds of synthetic.

    `names` are phrases that a sentence can hold, `values` float (B, R) for B images. They sum, with a constant, to the
    log-odds of synthetic against real before calibration.
    """

    names: tuple[str, ...]
    values: "Tensor"


@dataclass(frozen=True)
class Prediction:
    """A method's answer for a batch of B images and K sources.

    `attribution` (B, K) are float logits, index 0 being real; `embedding` is (B, D), `reasons` say what speaks for and
    against synthetic. Both are None where a method has none.
    """

    attribution: "Tensor"
    embedding: "Tensor | None" = None
    reasons: Reasons | None = None


@dataclass(frozen=True)
class Panel:
    """One picture of an explanation: values (H, W), shown in colours with their scale beside them, (H, W, 3) in 0..1,
    shown as they are, or (R,) shown as bars with R `labels`. `diverging` centres the colours on zero. Values (H, W) are
    drawn on `picture`, RGB (h, w, 3) in 0..1, where there is one; those that are zero show it.
    """

    title: str
    values: np.ndarray
    diverging: bool = False
    labels: tuple[str, ...] = ()
    picture: np.ndarray | None = None


@dataclass(frozen=True)
class Progress:
    """Where a training stands, told after every step and, with `validation`, after every round.

    A round is an epoch, or one pass over the images of a method that needs few. `loss` and `accuracy` are
    running means over the round, None where there is none yet; `seconds_left` counts to the last round.
    """

    epoch: int
    epochs: int
    step: int
    steps: int
    images_per_second: float
    seconds_left: float
    loss: float | None = None
    accuracy: float | None = None
    validation: Mapping[str, float] | None = None
    stage: str = "epoch"


def _say_nothing(said: object) -> None:
    return None


def _never() -> bool:
    return False


@dataclass(frozen=True)
class Run:
    """One training: where its files go and how it is carried out.

    `precision` is fp32 or bf16; `workers` loader processes; `resume` continues from the folder's last
    checkpoint; `checkpoint_seconds` is the longest stretch of work that an interruption can lose; `say` gets sentences
    for the person who started it. A training that
    is told to `stop` leaves a checkpoint and raises KeyboardInterrupt, as on Ctrl-C.
    """

    folder: Path
    seed: int = 0
    device: str = "cpu"
    precision: str = "fp32"
    workers: int = 0
    resume: bool = False
    checkpoint_seconds: float = 120.0
    report: Callable[[Progress], None] = field(default=_say_nothing, compare=False)
    say: Callable[[str], None] = field(default=_say_nothing, compare=False)
    stop: Callable[[], bool] = field(default=_never, compare=False)


class LabelledImages(Protocol):
    """Rows of a manifest: where images lie and what made them; no pixels are held.

    `labels` is int64 (N,), indices into `sources`; `groups` (N,) names the trained model or photo source of each, empty
    where it is not known.
    """

    sources: tuple[str, ...]
    labels: np.ndarray

    @property
    def groups(self) -> np.ndarray:
        """Return the groups."""
        ...

    @property
    def sha256(self) -> str:
        """Identify the rows."""
        ...

    def path(self, row: int) -> Path | str:
        """Return where the image of a row lies, a URL as text."""
        ...

    def select(self, *, limit: int | None = None, seed: int = 0) -> "LabelledImages":
        """Return at most `limit` rows, drawn under the seed, spread over the sources."""
        ...

    def take(self, rows: np.ndarray) -> "LabelledImages":
        """Return the given rows, int (M,), in the given order."""
        ...

    def __len__(self) -> int: ...


@dataclass(frozen=True)
class HeldOut:
    """What a method learned without some groups, as `Attributor.state` gives it: it answers for those groups when
    probabilities are calibrated and thresholds are fitted, so that all others can be trained on.
    """

    groups: frozenset[str]
    tensors: Mapping[str, "Tensor"]


class Attributor(ABC):
    """A method that attributes images to sources; an entry point names a subclass of this.

    An instance is built from a configuration and the names of the sources it distinguishes,
    `sources[0]` being real, then either fitted or loaded from named tensors. `held_out` is what `fit` learned in a
    cross-validation that leaves groups out, none where a method has none.

    A method that is `differentiable` has gradients to its images (`differentiate`), a `network` and its `device`;
    `feature_places` says what the places of the network's last feature maps are.
    """

    spec: ClassVar[AttributorSpec]
    differentiable: ClassVar[bool] = False
    feature_places: ClassVar[Literal["pixels", "frequencies"]] = "pixels"
    held_out: Sequence[HeldOut] = ()
    device: "torch.device"
    network: "nn.Module"

    def __init__(self, config: AttributorConfig, sources: Sequence[str]) -> None:
        self.config = config
        self.sources = tuple(sources)

    def fit(self, train: LabelledImages, val: LabelledImages, run: Run) -> Mapping[str, Any]:
        """Learn from `train`, choose on `val`; return what the card's record of the training should hold.

        Its keys: `epochs`, `best_epoch`, `seconds`, `losses` (name to one value an epoch), `details`. Neural
        attributors leave it out: `ganprint.training.loop` trains them.
        """
        raise PluginError(f"{self.spec.title} has no fit.", "It cannot be trained; report it to its author.")

    @classmethod
    def called(cls, config: AttributorConfig) -> str:
        """Return what tables call the method with a configuration: its name, with what is not the paper's added."""
        return cls.spec.name

    @abstractmethod
    def predict(self, images: "Tensor") -> Prediction:
        """Answer for uint8 RGB images (B, 3, S, S), S being the side of the input, on the method's device.

        Several threads may call it at once.
        """

    def differentiate(self, images: "Tensor") -> Prediction:
        """Answer as `predict` does for float images (B, 3, S, S) in 0..255, with gradients to the images."""
        raise UsageError(f"{self.spec.title} has no gradients.", "Name weights of a method that has a network.")

    @abstractmethod
    def state(self) -> dict[str, "Tensor"]:
        """Return everything `load_state` needs as named tensors."""

    @abstractmethod
    def load_state(self, tensors: Mapping[str, "Tensor"]) -> None:
        """Take the tensors that `state` gave; raise WeightsError where names or shapes do not fit."""

    def explain(self, image: "Tensor") -> list[Panel]:
        """Return pictures that explain the answer for one uint8 image (3, S, S); none by default."""
        return []

    def check_images(self, images: "Tensor") -> None:
        """Raise UsageError unless images are uint8 (B, 3, S, S), S being the side of the input."""
        size = self.config.view.size
        if str(images.dtype) != "torch.uint8" or images.ndim != 4 or tuple(images.shape[1:]) != (3, size, size):
            raise UsageError(
                f"{self.spec.title} cannot answer for {images.dtype} images of shape {tuple(images.shape)}.",
                f"With this configuration it takes uint8 (B, 3, {size}, {size}); see ganprint.images.crop_views.",
            )

    def check_answer(self, answer: Prediction, images: int) -> None:
        """Raise PluginError unless an answer has a row of logits for each image and a column for each source."""
        told, wanted = "Its predict has a mistake; report it to its author.", (images, len(self.sources))
        if not isinstance(answer, Prediction):
            raise PluginError(f"{self.spec.title} answers with {type(answer).__name__}, not Prediction.", told)
        if (found := tuple(answer.attribution.shape)) != wanted:
            raise PluginError(
                f"{self.spec.title} answers with logits of shape {found}, not {wanted}: images, sources.", told
            )

    def to(self, device: str) -> "Attributor":
        """Move to a torch device and return self; methods without tensors there need not override."""
        return self
