"""Weights made of a checkpoint that a method's authors published."""

from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from ganprint import plugins
from ganprint.attributor import ImportedWeights, View
from ganprint.errors import ConfigError, UsageError
from ganprint.weights.artifact import Artifact, load_artifact, save_artifact
from ganprint.weights.card import Card, first_fault, utc_now
from ganprint.weights.environment import plugin_record, versions
from ganprint.weights.records import TrainingRecord
from ganprint.weights.store import user_folder
from ganprint.weights.torch_checkpoint import open_checkpoint


def import_checkpoint(
    path: Path,
    *,
    name: str,
    sources: Sequence[str],
    method: str | None = None,
    out: Path | None = None,
    semantics: Sequence[str] = (),
    command: str = "",
    force: bool = False,
) -> Artifact:
    """Turn an official checkpoint of a method into an artifact, running nothing that is in it.

    Tensors are kept as they are, in float32. `sources` names the classes in the checkpoint's order, real first.
    `method` may be left out where one method alone has an importer; `out` is the artifact's folder, by default NAME in
    the user's weights.

    Raises UsageError where no method is meant, WeightsError where the file is hostile, damaged, not of the method's
    layout, or does not have as many sources, ConfigError where a name cannot be used, OutputExistsError where the
    artifact is there.
    """
    known = [spec.name for spec in plugins.specs() if spec.importer]
    chosen = method or (known[0] if len(known) == 1 else None)
    importer = plugins.read_spec(chosen).importer if chosen else None
    if chosen is None or importer is None:
        fault = f"{chosen} has no importer." if chosen else "It is not clear of which method the checkpoint is."
        raise UsageError(fault, f"Name one with --method: {', '.join(known) or 'no method has an importer'}.")
    with open_checkpoint(path) as checkpoint:
        found = importer(checkpoint, sources)
    card = _card(name, chosen, sources, semantics, found, path, command)
    folder = user_folder() / name if out is None else out
    return load_artifact(save_artifact(folder, dict(found.tensors), card, half=False, force=force))


def _card(
    name: str,
    method: str,
    sources: Sequence[str],
    semantics: Sequence[str],
    found: ImportedWeights,
    path: Path,
    command: str,
) -> Card:
    try:
        return Card(
            name=name,
            method=method,
            plugin=plugin_record(method),
            sources=tuple(sources),
            semantics=tuple(semantics),
            view=View.model_validate(found.config["view"]),
            config=dict(found.config),
            command=command,
            date=utc_now(),
            versions=versions(),
            training=TrainingRecord(details=dict(found.details)),
            licence="as the checkpoint's authors state; the file does not say",
            notes=f"Imported from the official checkpoint {path.name}. {found.notes}",
        )
    except ValidationError as cause:
        raise ConfigError(
            f"The artifact cannot be called or described so: {first_fault(cause)}.",
            "A name is letters, digits, dots and dashes; sources are real,a,b,... each once.",
        ) from cause
