"""Build an attributor from a configuration, and an artifact with its card from a trained one."""

from collections.abc import Mapping
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import torch
import yaml
from pydantic import ValidationError

from ganprint.attributor import Attributor, AttributorConfig, Run
from ganprint.data.family_names import family_of
from ganprint.errors import ConfigError, GanprintError, TrainingError, WeightsError
from ganprint.files import atomic_write, locked_folder, os_errors_as
from ganprint.models.config import paper_note
from ganprint.models.neural import NeuralAttributor
from ganprint.models.pretrained import with_weights_at_hand
from ganprint.processes import is_main_process
from ganprint.remote import last_part
from ganprint.training.batches import check_images
from ganprint.training.loop import fit_attributor
from ganprint.training.trials import ONLY
from ganprint.weights import (
    Artifact,
    Card,
    DataRecord,
    TrainingRecord,
    find,
    load_artifact,
    read_card,
    save_artifact,
    save_held_out,
    utc_now,
)
from ganprint.weights.artifact import check_run_folder
from ganprint.weights.card import CARD_FILE, MODEL_FILE, first_fault
from ganprint.weights.environment import hardware, plugin_record, versions
from ganprint.weights.seen import seen_record, with_seen

if TYPE_CHECKING:
    from ganprint.data import Manifest

LICENCE = "Weights: MIT, as ganprint. The training images belong to their makers and are not contained."


def train_weights(
    method: type[Attributor],
    config: AttributorConfig,
    manifest: "Manifest",
    run: Run,
    *,
    name: str,
    command: str,
    start: str | None = None,
    force: bool = False,
) -> None:
    """Train a method on a manifest's splits train and val, and write weights and card into the run's folder.

    The run is told where ImageNet weights cannot be had, and where the weights give one answer for everything.
    Raises what `prepare`, `describe` and `open_folder` do, UsageError where another process trains into the folder,
    and KeyboardInterrupt, with a checkpoint to resume from, where it was interrupted.
    """
    if start is None:
        config = with_weights_at_hand(config, run.say)
    elif getattr(config, "pretrained", False):
        config = config.model_copy(update={"pretrained": False})
    attributor = prepare(method, config, manifest, run.seed, start=start)
    train, val = manifest.select("train"), manifest.select("val")
    card = describe(attributor, run, train, val, name=name, command=command)
    if start is not None:
        card = with_seen(card, read_card(find(start)))
    # Of several processes of this training the first keeps the folder.
    with locked_folder(run.folder) if is_main_process() else nullcontext():
        open_folder(run, config, force=force)
        save_trained(attributor, run, card, fit_attributor(attributor, train, val, run))


def open_folder(run: Run, config: AttributorConfig, *, force: bool) -> None:
    """Make the run's folder and write config.yaml there; of several processes only the first does.

    Raises OutputExistsError where the folder holds a training or weights and is neither resumed nor to be
    overwritten, TrainingError where it cannot be written.
    """
    if not is_main_process() or run.resume:
        return
    text = yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False).encode()
    file = run.folder / "config.yaml"
    with os_errors_as(TrainingError, f"{run.folder} cannot be written to", "Name another folder with --out."):
        run.folder.mkdir(parents=True, exist_ok=True)
        check_run_folder(run.folder, resume=False, force=force)
        # Weights and checkpoints of before must not be taken for this training's, should it fail.
        of_before = [run.folder / MODEL_FILE, run.folder / CARD_FILE, *run.folder.glob("checkpoints/*.safetensors")]
        for old in of_before:
            old.unlink(missing_ok=True)
        atomic_write(file, text)


def prepare(
    method: type[Attributor], config: AttributorConfig, manifest: "Manifest", seed: int, *, start: str | None = None
) -> Attributor:
    """Build an attributor for the manifest's sources, with weights drawn under the seed or those of `start`.

    Raises TrainingError where the manifest cannot teach, ConfigError where the network cannot be built or run,
    WeightsError where there is no `start` or it does not fit method and configuration.
    """
    if len(manifest.sources) < 2:
        raise TrainingError(
            f"{manifest.name} has one source only, {manifest.sources[0]}.",
            "Attribution needs real images and those of at least one generator.",
        )
    for split in ("train", "val"):
        if split not in manifest.split_names:
            raise TrainingError(
                f"{manifest.name} has no split {split}; it has {', '.join(manifest.split_names) or 'no splits'}.",
                "Divide it: ganprint data split MANIFEST --out SPLIT.csv",
            )
    check_images(manifest.sources, manifest.select("train"), manifest.select("val"))
    torch.manual_seed(seed)
    try:
        attributor = method(config, manifest.sources)
        if isinstance(attributor, NeuralAttributor):
            # One trial answer, before anything is written or waited for.
            shown = torch.zeros(2, 3, config.view.size, config.view.size, dtype=torch.uint8)
            attributor.check_answer(attributor.predict(shown), len(shown))
        if start is not None:
            _start_from(attributor, start)
    except GanprintError:
        raise
    except Exception as cause:
        # A configuration reaches constructors and kernels of other packages, which raise what they like.
        raise ConfigError(
            f"{method.spec.title} cannot be built so: {type(cause).__name__}: {' '.join(str(cause).split())}.",
            f"The keys and their meaning: ganprint methods {method.spec.name}.",
        ) from cause
    return attributor


def _start_from(attributor: Attributor, start: str) -> None:
    """Load weights to finetune into an attributor of the same method, whose training begins with them.

    Of other sources, what answers for a source is taken over by its name, and stays fresh for a new one.
    """
    if not isinstance(attributor, NeuralAttributor):
        raise ConfigError(
            f"{attributor.spec.title} is not trained step by step, so there is nothing to start from.",
            "Leave --start out.",
        )
    artifact = load_artifact(start)
    if artifact.card.method != attributor.spec.name:
        raise WeightsError(
            f"The weights {artifact.card.name} are of {artifact.card.method}, not of {attributor.spec.name}.",
            "Finetuning needs weights of the same method.",
        )
    tensors = dict(artifact.tensors)
    if artifact.card.sources != attributor.sources:
        tensors |= _by_source(attributor, artifact)
    attributor.load_state(tensors)


def _by_source(attributor: NeuralAttributor, artifact: Artifact) -> dict[str, torch.Tensor]:
    """Return the tensors that have a row for each source, in their first dimension: known ones the artifact's."""
    fresh = attributor.state()
    with torch.random.fork_rng(devices=[]):
        wider = type(attributor)(attributor.config, (*attributor.sources, "+".join(attributor.sources))).state()
    given, wanted = artifact.card.sources, attributor.sources
    shared = [source for source in wanted if source in given]
    found: dict[str, torch.Tensor] = {}
    for name, tensor in fresh.items():
        old = artifact.tensors.get(name)
        if wider[name].shape == tensor.shape or old is None:
            continue
        if len(old) != len(given) or old.shape[1:] != tensor.shape[1:]:
            continue  # Of another configuration, which load_state says.
        rows = tensor.clone()
        rows[[wanted.index(each) for each in shared]] = old[[given.index(each) for each in shared]].to(rows)
        found[name] = rows
    return found


def describe(attributor: Attributor, run: Run, train: "Manifest", val: "Manifest", *, name: str, command: str) -> Card:
    """Return the card of a training to come, so that what cannot be written on one fails before it.

    Raises ConfigError where the name, or a source's or a semantic class's, cannot stand on a card.
    """
    try:
        return Card(
            name=name,
            method=attributor.spec.name,
            plugin=plugin_record(attributor.spec.name),
            sources=attributor.sources,
            families={name: family for name in attributor.sources if (family := family_of(name))},
            semantics=tuple(name for name in train.semantics if name),
            view=attributor.config.view,
            config=attributor.config.model_dump(mode="json"),
            data=DataRecord(name=last_part(train.name), sha256=train.sha256, train=len(train), val=len(val)),
            seen={"train": seen_record(train), "val": seen_record(val)},
            seed=run.seed,
            command=command,
            date=utc_now(),
            hardware=hardware(run.device),
            versions=versions(),
            licence=LICENCE,
            notes=paper_note(attributor.spec, attributor.config),
        )
    except ValidationError as cause:
        raise ConfigError(
            f"The weights cannot be called or described so: {first_fault(cause)}.",
            "Give --name letters, digits, dots and dashes; sources start with real.",
        ) from cause


def save_trained(attributor: Attributor, run: Run, card: Card, facts: Mapping[str, Any] | None) -> None:
    """Write weights and card into the run's folder; of several processes only the first does."""
    if not is_main_process():
        return
    training = _training_record(attributor, run, facts)
    if (only := training.details.get(ONLY)) is not None:
        doubt = f"These weights call every validation image {only}: they distinguish nothing."
        run.say(f"{doubt} Train for longer, at another learning_rate, or on more images.")
        card = card.model_copy(update={"notes": f"{doubt} {card.notes}".strip()})
    save_held_out(run.folder, attributor.held_out)
    save_artifact(
        run.folder, attributor.state(), card.model_copy(update={"training": training, "date": utc_now()}), force=True
    )


def _training_record(attributor: Attributor, run: Run, facts: Mapping[str, Any] | None) -> TrainingRecord:
    """Return what `fit` told of the training; where no card can hold that, its weights are not to be lost for it."""
    # A run of several methods has the precision of its networks.
    precision = run.precision if attributor.differentiable else "fp32"
    try:
        return TrainingRecord.model_validate({"precision": precision, **(facts or {})})
    except ValidationError as cause:
        title = attributor.spec.title
        run.say(f"The card leaves out what the fit of {title} returned, which it cannot hold: {first_fault(cause)}.")
        return TrainingRecord(precision=precision)
