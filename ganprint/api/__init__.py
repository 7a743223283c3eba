"""The workflows: everything that a command does, callable."""

from ganprint.api.trainings import run_folder, train

__all__ = ["run_folder", "train"]
