"""Artifacts on disk: a folder with model.safetensors and card.yaml, written whole and checked when read."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
from pydantic import ValidationError

from ganprint import plugins
from ganprint.errors import GanprintError, TrainingError, WeightsError
from ganprint.files import lock, open_file, os_errors_as, read_file, refuse_existing
from ganprint.plain_yaml import load_plain
from ganprint.weights.card import CARD_FILE, MODEL_FILE, REFERENCE_FILE, Card, first_fault, read_card
from ganprint.weights.outline import check_outline
from ganprint.weights.records import CalibrationRecord, JudgementRecord, Result, VerdictRates
from ganprint.weights.store import find
from ganprint.weights.tensor_files import (
    CHECK_ROOM,
    MAX_MODEL_BYTES,
    count_parameters,
    packed,
    read_model,
    stored_tensors,
    write_folder,
)

if TYPE_CHECKING:
    from torch import Tensor

    from ganprint.attributor import Attributor


@dataclass(frozen=True)
class Artifact:
    """Weights read from disk and found whole; floating tensors are float32, others as stored."""

    card: Card
    tensors: dict[str, "Tensor"]
    path: Path


def save_artifact(
    folder: Path, tensors: Mapping[str, "Tensor"], card: Card, *, half: bool = True, force: bool = False
) -> Path:
    """Write FOLDER/model.safetensors and FOLDER/card.yaml and return the folder.

    With `half`, floating tensors of two and more dimensions become float16, unless that would change them by more than
    2**-10 of their largest value (overflow, or all values tiny). Vectors and scalars (biases, normalisation statistics)
    stay float32, float64 becomes float32, and integers and booleans stay as they are. A new folder appears at once or
    not at all; in an existing one the two files are replaced one after the other, other files left alone, and an
    interruption between them is caught by the hash on reading. The card's sha256, parameters and precision are filled
    in.

    Raises OutputExistsError where either file is there and `force` is not given, and WeightsError where
    a tensor holds NaN or there are no tensors.
    """
    refuse_existing(folder / MODEL_FILE, folder / CARD_FILE, force=force, hint="Add --force to replace it.")
    stored = stored_tensors(tensors, half=half)
    content, facts = packed(stored)
    halved = any(str(tensor.dtype) == "torch.float16" for tensor in stored.values())
    card = card.model_copy(update={**facts, "precision": "float16" if halved else "float32"})
    with os_errors_as(WeightsError, f"The weights cannot be written to {folder}", CHECK_ROOM):
        write_folder(folder, {MODEL_FILE: content, CARD_FILE: card.to_yaml().encode()})
    return folder


def check_run_folder(folder: Path, *, resume: bool, force: bool) -> None:
    """Raise OutputExistsError for a folder with a training or weights, TrainingError where none is there to resume."""
    if not resume:
        held = (folder / name for name in ("checkpoints", MODEL_FILE, CARD_FILE))
        refuse_existing(*held, force=force, hint="Continue with --resume, or start again with --force.")
    elif not folder.exists():
        raise TrainingError(f"There is no checkpoint in {folder}.", "Leave out --resume to start again.")


def load_artifact(name_or_path: str | Path) -> Artifact:
    """Read an artifact by name or path, its bytes checked against the SHA-256 in its card.

    Raises WeightsError where there is none of that name, or its card, hash or tensors are damaged.
    """
    folder = find(name_or_path)
    card = read_card(folder)
    hint = f"Restore {folder} from its origin, or train it again with ganprint train."
    if card.sha256 is None:
        raise WeightsError(f"The card of {folder} does not give the SHA-256 of its weights.", hint)
    tensors = read_model(folder / MODEL_FILE, card.sha256, hint)
    if card.parameters is not None and count_parameters(tensors) != card.parameters:
        raise WeightsError(f"{folder / MODEL_FILE} does not hold the {card.parameters} parameters its card says.", hint)
    return Artifact(card, tensors, folder)


def load_attributor(name_or_path: str | Path, *, device: str = "cpu") -> tuple["Attributor", Card]:
    """Build the method that an artifact is of, with its weights, on a torch device.

    Raises WeightsError where the artifact is damaged or does not fit its method, and PluginError where
    the method is not installed or fails to import.
    """
    import torch

    # Tensors of a caller's inference mode would have no gradients, not even after it.
    with torch.inference_mode(False):
        artifact = load_artifact(name_or_path)
        return _built(artifact).to(device), artifact.card


def _built(artifact: Artifact) -> "Attributor":
    card = artifact.card
    method = plugins.load(card.method)
    hint = f"They were made by {card.plugin.distribution} {card.plugin.version}: install that, or train again."
    try:
        config = method.spec.config.model_validate(card.config)
    except ValidationError as cause:
        raise WeightsError(
            f"The configuration of {card.name} is not one that {card.method} knows: {first_fault(cause)}.", hint
        ) from cause
    if config.view != card.view:
        raise WeightsError(f"The card of {card.name} names two different preprocessings.", hint)
    if getattr(config, "pretrained", False):
        # What training started from is replaced at once, and getting it may need the network.
        config = config.model_copy(update={"pretrained": False})
    try:
        check_outline(method, config, card.sources, artifact.tensors)
        attributor = method(config, card.sources)
        attributor.load_state(artifact.tensors)
    except GanprintError:
        raise
    except Exception as cause:
        # A configuration reaches constructors of other packages, which raise what they like.
        reason = " ".join(str(cause).split())[:300]
        raise WeightsError(f"The weights {card.name} do not fit {card.method}: {reason}", hint) from cause
    return attributor


def add_result(name_or_path: str | Path, result: Result) -> Path:
    """Write an evaluation into an artifact's card, in place of one of the same data and condition.

    Returns the artifact's folder. Raises WeightsError where there is none, its card is damaged, or it
    cannot be written to.
    """
    with _alone(name_or_path) as folder:
        card = read_card(folder)
        others = [other for other in card.metrics if _condition(other) != _condition(result)]
        metrics = sorted([*others, result], key=lambda each: (each.split, each.policy, each.seed or 0))
        return _rewrite(folder, card.model_copy(update={"metrics": metrics}))


def set_calibration(
    name_or_path: str | Path,
    calibration: CalibrationRecord,
    judgement: JudgementRecord,
    reference: Mapping[str, np.ndarray],
) -> Path:
    """Write a calibration and thresholds into an artifact, replacing any before; raises as add_result.

    `reference` are the tensors of where known images lie, whose hash the judgement gets.
    """
    from safetensors.numpy import save

    content = save(dict(reference))
    judgement = judgement.model_copy(update={"reference_sha256": hashlib.sha256(content).hexdigest()})
    update = {"calibration": calibration, "judgement": judgement}
    with _alone(name_or_path) as folder:
        return _rewrite(folder, read_card(folder).model_copy(update=update), {REFERENCE_FILE: content})


def set_rates(name_or_path: str | Path, rates: Sequence[VerdictRates]) -> Path:
    """Write what verdicts were worth into an artifact's card, in place of those of the same condition.

    Raises WeightsError as add_result does, and where the card has no thresholds.
    """
    measured = {(each.data_sha256, each.split, each.policy, each.seed) for each in rates}
    with _alone(name_or_path) as folder:
        card = read_card(folder)
        if card.judgement is None:
            raise WeightsError(f"{folder} has no verdicts to rate.", "ganprint calibrate --record gives it some.")
        before = card.judgement.rates
        kept = [each for each in before if (each.data_sha256, each.split, each.policy, each.seed) not in measured]
        judgement = card.judgement.model_copy(update={"rates": [*kept, *rates]})
        return _rewrite(folder, card.model_copy(update={"judgement": judgement}))


def load_reference(name_or_path: str | Path, card: Card) -> dict[str, np.ndarray]:
    """Read where the method of an artifact with this card places known images: what set_calibration was given.

    Raises WeightsError where there are none, or they are not those that the card names.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    judgement, path = card.judgement, find(name_or_path) / REFERENCE_FILE
    with os_errors_as(WeightsError, f"{path} cannot be read", "ganprint calibrate --record makes it again."):
        content = read_file(path, limit=MAX_MODEL_BYTES)
    if judgement is None or hashlib.sha256(content).hexdigest() != judgement.reference_sha256:
        raise WeightsError(
            f"{path} is not the file that its card names.", "ganprint calibrate --record makes both again."
        )
    try:
        arrays: dict[str, np.ndarray] = load(content)
    except (SafetensorError, KeyError, ValueError) as cause:
        raise WeightsError(f"{path} is not a safetensors file: {cause}.") from cause
    if not all(np.isfinite(array).all() for array in arrays.values()):
        raise WeightsError(f"{path} has numbers that are not finite.", "ganprint calibrate --record makes it again.")
    return arrays


@contextmanager
def _alone(name_or_path: str | Path) -> Iterator[Path]:
    """Give the folder of an artifact whose card no other process changes meanwhile: what that wrote would be lost."""
    folder = find(name_or_path)
    with ExitStack() as stack:
        with suppress(OSError):
            # Not of the card, in whose place another file is put.
            lock(stack.enter_context(open_file(folder / MODEL_FILE)), wait=True)
        yield folder


def _rewrite(folder: Path, card: Card, others: Mapping[str, bytes] = MappingProxyType({})) -> Path:
    text = card.to_yaml()
    try:
        # A copy with changed fields was not checked, and a card that cannot be read again makes weights useless.
        Card.model_validate(load_plain(text))
    except ValidationError as cause:
        raise WeightsError(
            f"The card of {folder} would not be valid: {first_fault(cause)}.",
            "It was left as it is. Please report this.",
        ) from cause
    hint = "Copy the weights to a folder of your own and name that one with --weights."
    with os_errors_as(WeightsError, f"The card in {folder} cannot be written", hint):
        write_folder(folder, {**others, CARD_FILE: text.encode()})
    return folder


def _condition(result: Result) -> tuple[object, ...]:
    drawn = (result.split, result.policy, result.seed, result.data_sha256, result.at, result.engine)
    return (*drawn, result.precision or "fp32")
