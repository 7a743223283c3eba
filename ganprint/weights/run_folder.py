"""The folder of a training: what is there already, which another training must not overwrite unasked."""

from pathlib import Path

from ganprint.errors import OutputExistsError, TrainingError
from ganprint.weights.card import CARD_FILE, MODEL_FILE

HELD = ("checkpoints", MODEL_FILE, CARD_FILE)
"""What a training writes into its folder and would overwrite there, beside its configuration."""


def check_run_folder(folder: Path, *, resume: bool, force: bool) -> None:
    """Raise OutputExistsError for a folder with a training or weights, TrainingError where none is there to resume."""
    if resume:
        if not folder.exists():
            raise TrainingError(f"There is no checkpoint in {folder}.", "Leave out --resume to start again.")
        return
    present = [folder / name for name in HELD if (folder / name).exists()]
    if present and not force:
        raise OutputExistsError(f"{present[0]} already exists.", "Continue with --resume, or start again with --force.")
