"""Weights to call on images: probabilities, P(synthetic) and embeddings, in this process or another."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

import numpy as np
from numpy.typing import NDArray

from ganprint.api.choices import chosen_device, chosen_weights
from ganprint.api.image_inputs import ImageInput, Inputs, Source, content_of, is_one, read_named
from ganprint.errors import ImageError, UsageError, WeightsError, check_count
from ganprint.forensics.predictors import WeightsPredictor, load_predictor
from ganprint.images import ImageFile
from ganprint.weights import Card, read_card

if TYPE_CHECKING:
    from ganprint.images.views import Crops

IMAGE_COLUMNS = ("image", "bytes", "path")
"""Columns of a batch that can hold images, the first that is there is taken."""


@dataclass(frozen=True)
class Score:
    """What weights say of one image.

    `probabilities` gives each source its calibrated probability, `synthetic_probability` is one minus that of real;
    `verdict` is as in `Verdict`, with its `reason`. `embedding` is float32 (D,): where the method places the image,
    or its logits where it has no embedding. An image that shows nothing to examine is `inconclusive` and has no
    probabilities, None and no embedding.
    """

    path: str
    verdict: str
    reason: str | None
    probabilities: dict[str, float]
    synthetic_probability: float | None
    embedding: NDArray[np.float32] | None


class Predictor:
    """Weights that are called on images; tensors are loaded at the first call, in each process.

    A pickled predictor holds the name or folder of its weights and its options, no tensors: it loads the weights
    where it is unpickled, and refuses others of that name. It can be the class of Ray Data's `map_batches`:
    `dataset.map_batches(ganprint.Predictor, fn_constructor_kwargs={"weights": "..."}, compute=...)`.
    """

    def __init__(
        self,
        weights: str | Path | None = None,
        *,
        method: str | None = None,
        device: str = "auto",
        threads: int | None = None,
        batch_size: int = 32,
        max_pixels: int | None = None,
    ) -> None:
        check_count("batch_size", batch_size, least=1)
        self._options: dict[str, Any] = {
            "weights": weights,
            "method": method,
            "device": device,
            "threads": threads,
            "batch_size": batch_size,
            "max_pixels": max_pixels,
        }
        self._sha256: str | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {"_options": self._options, "_sha256": self._sha256}

    def __repr__(self) -> str:
        given = ", ".join(f"{name}={value!r}" for name, value in self._options.items() if value is not None)
        return f"Predictor({given})"

    @cached_property
    def card(self) -> Card:
        """The card of the weights; reading it loads no tensor. Raises WeightsError where they are not those pickled."""
        card = read_card(self._chosen)
        if self._sha256 not in (None, card.sha256):
            raise WeightsError(
                f"The weights {card.name} are not here as they were where the predictor was pickled.",
                "Give both processes the same weights: name their folder, or set GANPRINT_WEIGHTS.",
            )
        self._sha256 = card.sha256
        return card

    @property
    def sources(self) -> tuple[str, ...]:
        """The sources that have a probability, `real` first."""
        return self.card.sources

    @cached_property
    def _chosen(self) -> Path:
        return chosen_weights(self._options["weights"], self._options["method"])

    @cached_property
    def _loaded(self) -> WeightsPredictor:
        card = self.card
        device = chosen_device(self._options["device"], self._options["threads"])
        predictor = load_predictor(self._chosen, device=device, enrolled=False)
        if predictor.card.sha256 != card.sha256:
            raise WeightsError(f"The weights {card.name} were replaced just now.", "Load them again.")
        return predictor

    @overload
    # Text is an iterable of text, and a mapping one of its keys.
    def __call__(self, images: ImageInput) -> Score: ...  # type: ignore[overload-overlap]
    @overload
    def __call__(self, images: Mapping[str, Any]) -> dict[str, Any]: ...  # type: ignore[overload-overlap]
    @overload
    def __call__(self, images: Iterable[ImageInput]) -> list[Score]: ...
    def __call__(self, images: Any) -> Any:
        """Return the Score of one image, a list of them for several, or the columns of `predict_batch` for a mapping.

        Images are as for `ganprint.attribute`; in a list folders and patterns are all of their images. Raises
        ImageError for one that cannot be read.
        """
        if isinstance(images, Mapping):
            return self.predict_batch(images)
        if is_one(images) and len(list(islice(Inputs(images).named(), 2))) != 1:
            raise UsageError(f"{images!s} is not one image.", "Give a list for several: [folder].")
        scores = []
        for found in self._scores(Inputs(images).named()):
            if isinstance(found, ImageError):
                raise found
            scores.append(found)
        return scores[0] if is_one(images) else scores

    def predict_batch(self, batch: Mapping[str, Any]) -> dict[str, Any]:
        """Answer for a batch of columns with B rows, as Ray Data gives one to `map_batches`.

        Images are those of the column `image` (uint8 arrays), else `bytes` (files), else `path`. Returns all columns
        but `image` and `bytes`, with `verdict` (text), `synthetic_probability` float32 (B,), `probabilities` float32
        (B, K) in the order of `sources`, `embedding` float32 (B, D), and `error`, a sentence where an image could not
        be read, else empty. Numbers of an image that was not read or shows nothing to examine are NaN. Raises
        UsageError without a column of images, and where a value of it can be no image.
        """
        column = next((name for name in IMAGE_COLUMNS if name in batch), None)
        if column is None:
            fault = f"A batch with the columns {', '.join(batch) or 'none'} has no images."
            raise UsageError(fault, f"Give one of: {', '.join(IMAGE_COLUMNS)}.")
        values: list[Source] = [str(each) if column == "path" else content_of(each) for each in batch[column]]
        named = ((str(each) if column == "path" else f"row {row}", each) for row, each in enumerate(values))
        found = list(self._scores(named))
        scores = [None if isinstance(each, ImageError) else each for each in found]
        kept = {name: column for name, column in batch.items() if name not in ("image", "bytes")}
        shares = [list(each.probabilities.values()) if each else [] for each in scores]
        places = [each.embedding if each else None for each in scores]
        return kept | {
            "verdict": np.array([each.verdict if each else "" for each in scores], np.str_),
            "synthetic_probability": np.array(
                [each.synthetic_probability if each else None for each in scores], np.float32
            ),
            "probabilities": _rows(shares, len(self.sources)),
            "embedding": _rows(places, self._embedding_size),
            "error": np.array([each.message if isinstance(each, ImageError) else "" for each in found], np.str_),
        }

    def _scores(self, named: Iterable[tuple[str, Source | ImageError]]) -> Iterator[Score | ImageError]:
        """Yield the score of each image, or why it could not be read, holding the crops of a batch at a time."""
        from ganprint.images.views import find_crops

        read = read_named(named, max_pixels=self._options["max_pixels"])
        # Not the pixels: a batch of photographs is a gigabyte.
        cropped = (
            (image, None)
            if isinstance(image, ImageError)
            else (replace(image, pixels=image.pixels[:0].copy()), find_crops(image.pixels, self._loaded.card.view))
            for _, image in read
        )
        while batch := list(islice(cropped, self._options["batch_size"])):
            yield from self._answer(batch)

    def _answer(self, batch: "Sequence[tuple[ImageFile | ImageError, Crops | None]]") -> Iterator[Score | ImageError]:
        predictor = self._loaded
        shown = [crops.pixels for _, crops in batch if crops is not None and crops.nothing is None]
        answers = iter(predictor.answer(shown))
        for image, crops in batch:
            if isinstance(image, ImageError) or crops is None:
                yield image  # type: ignore[misc]
            elif crops.nothing is not None:
                yield Score(image.name, "inconclusive", f"Nothing to examine: {crops.nothing}.", {}, None, None)
            else:
                answer = next(answers).about(crops)
                said = predictor.decide(image, answer, crops.places)
                shares, synthetic = said.probabilities, said.synthetic_probability
                yield Score(image.name, said.verdict or "", said.reason, shares, synthetic, answer.embedding)

    @cached_property
    def _embedding_size(self) -> int:
        """The length of an embedding, of a noisy crop where the weights do not tell it."""
        import torch

        if self._loaded.known is not None:
            return int(self._loaded.known.embeddings.shape[1])
        side = self._loaded.card.view.size
        noise = torch.randint(0, 256, (1, 3, side, side), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
        return len(self._loaded.answer([noise])[0].embedding)


def _rows(rows: Sequence[Any], size: int) -> NDArray[np.float32]:
    """Return rows of numbers as float32 (B, size), NaN where a row has none."""
    none = np.full(size, np.nan)
    return np.array([none if row is None or not len(row) else row for row in rows], np.float32).reshape(-1, size)


def load(
    weights: str | Path | None = None,
    *,
    method: str | None = None,
    device: str = "auto",
    threads: int | None = None,
    batch_size: int = 32,
    max_pixels: int | None = None,
) -> Predictor:
    """Return the predictor of weights by their name or folder, the method's default or the default weights if left out.

    Raises WeightsError and PluginError where there are none; tensors are loaded at the first call.
    """
    predictor = Predictor(
        weights, method=method, device=device, threads=threads, batch_size=batch_size, max_pixels=max_pixels
    )
    predictor.card  # noqa: B018 - what is wrong with the weights is said here
    return predictor
