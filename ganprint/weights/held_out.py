"""Folds that a method learned without some groups, stored beside the weights until calibration."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ganprint import plugins
from ganprint.errors import WeightsError
from ganprint.files import open_file
from ganprint.weights.card import Card
from ganprint.weights.store import find

if TYPE_CHECKING:
    from ganprint.attributor import Attributor, HeldOut

FOLDER = "held-out"
"""In the folder of a training; shipped weights go without."""


def save_held_out(folder: Path, held_out: Sequence["HeldOut"]) -> None:
    """Write one safetensors file for each part of the groups, in place of any before."""
    from safetensors.torch import save_file

    target = folder / FOLDER
    for old in target.glob("*.safetensors"):
        old.unlink()
    if not held_out:
        return
    target.mkdir(parents=True, exist_ok=True)
    for number, each in enumerate(held_out):
        tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in each.tensors.items()}
        stated = {"groups": json.dumps(sorted(each.groups)), "folds": str(len(held_out))}
        save_file(tensors, target / f"{number}.safetensors", stated)


def load_held_out(
    name_or_path: str | Path, card: Card, *, device: str = "cpu"
) -> list[tuple[frozenset[str], "Attributor"]]:
    """Return the methods that were fitted without some groups, each with those groups; none where none were kept.

    Raises WeightsError where a file is damaged, missing, or does not fit the card.
    """
    from safetensors import SafetensorError, safe_open

    found, folder, counts = [], find(name_or_path) / FOLDER, set()
    for path in sorted(folder.glob("*.safetensors")):
        method = plugins.load(card.method)
        attributor = method(method.spec.config.model_validate(card.config), card.sources)
        try:
            open_file(path).close()  # a pipe would be waited for
            with safe_open(path, framework="pt") as file:
                stated = file.metadata()
                groups = frozenset(json.loads(stated["groups"]))
                counts.add(int(stated.get("folds", "0")))
                attributor.load_state({key: file.get_tensor(key) for key in file.keys()})  # noqa: SIM118
        except (SafetensorError, OSError, KeyError, TypeError, ValueError) as cause:
            raise WeightsError(f"{path} is damaged.", "Train again, or remove its folder.") from cause
        found.append((groups, attributor.to(device)))
    if counts - {0, len(found)}:
        raise WeightsError(
            f"{folder} has {len(found)} of {max(counts)} folds.", "Copy all of its files, or train again."
        )
    return found
