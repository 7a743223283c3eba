"""From a configuration to an attributor to train, and from a trained one to an artifact with its card."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
import yaml

from ganprint.attributor import Attributor, AttributorConfig
from ganprint.errors import OutputExistsError, TrainingError
from ganprint.training.run import Run
from ganprint.weights import Card, DataRecord, TrainingRecord, save_artifact, utc_now
from ganprint.weights.provenance import hardware, plugin_record, versions

if TYPE_CHECKING:
    from ganprint.data import Manifest

LICENCE = "Weights: MIT, as ganprint. The training images belong to their makers and are not contained."


def check_folder(folder: Path, *, resume: bool, force: bool) -> None:
    """Refuse a folder that holds a training already, unless it is resumed or to be overwritten."""
    if not resume and not force and (folder / "checkpoints").exists():
        raise OutputExistsError(
            f"{folder} holds a training already.", "Go on with --resume, or start again with --force."
        )
    folder.mkdir(parents=True, exist_ok=True)


def prepare(
    method: type[Attributor], config: AttributorConfig, manifest: "Manifest", seed: int
) -> Attributor:
    """Build an attributor with fresh weights drawn under the seed, for the manifest's sources."""
    if len(manifest.sources) < 2:
        raise TrainingError(
            f"{manifest.name} has one source only, {manifest.sources[0]}.",
            "Attribution needs real images and those of at least one generator.",
        )
    for split in ("train", "val"):
        if split not in manifest.split_names:
            raise TrainingError(
                f"{manifest.name} has no split {split}; it has {', '.join(manifest.split_names) or 'none'}.",
                "Divide it: ganprint data split MANIFEST --by image --out SPLIT.csv",
            )
    torch.manual_seed(seed)
    return method(config, manifest.sources)


def save_trained(
    attributor: Attributor,
    run: Run,
    train: "Manifest",
    val: "Manifest",
    facts: Mapping[str, Any],
    *,
    name: str,
    command: str,
) -> None:
    """Write weights, card and config.yaml into the run's folder; of several processes only the first does."""
    if int(os.environ.get("RANK", "0")):
        return
    config = attributor.config.model_dump(mode="json")
    (run.folder / "config.yaml").write_text(yaml.safe_dump(config, sort_keys=False), encoding="utf-8")
    card = Card(
        name=name,
        method=attributor.spec.name,
        plugin=plugin_record(attributor.spec.name),
        sources=attributor.sources,
        semantics=train.semantics,
        view=attributor.config.view,
        config=config,
        data=DataRecord(name=Path(train.name).name, sha256=train.sha256, train=len(train), val=len(val)),
        seed=run.seed,
        command=command,
        date=utc_now(),
        hardware=hardware(run.device),
        versions=versions(),
        training=TrainingRecord.model_validate(facts),
        licence=LICENCE,
    )
    save_artifact(run.folder, attributor.state(), card, force=True)
