"""The folder of a training: what is there already, which another training must not overwrite unasked."""

from pathlib import Path

from ganprint.errors import TrainingError
from ganprint.files import refuse_existing
from ganprint.weights.card import CARD_FILE, MODEL_FILE

HELD = ("checkpoints", MODEL_FILE, CARD_FILE)
"""What a training writes into its folder and would overwrite there, beside its configuration."""


def check_run_folder(folder: Path, *, resume: bool, force: bool) -> None:
    """Raise OutputExistsError for a folder with a training or weights, TrainingError where none is there to resume."""
    if resume:
        if not folder.exists():
            raise TrainingError(f"There is no checkpoint in {folder}.", "Leave out --resume to start again.")
        return
    hint = "Continue with --resume, or start again with --force."
    refuse_existing(*(folder / name for name in HELD), force=force, hint=hint)
