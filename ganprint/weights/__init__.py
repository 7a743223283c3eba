"""Artifacts on disk: safetensors with a card, the store they are found in, and their checks."""

from ganprint.weights.artifact import (
    Artifact,
    add_result,
    load_artifact,
    load_attributor,
    save_artifact,
    set_calibration,
)
from ganprint.weights.card import (
    CalibrationRecord,
    Card,
    DataRecord,
    Interval,
    PluginRecord,
    Result,
    TrainingRecord,
    read_card,
    utc_now,
)
from ganprint.weights.store import Entry, default_for, find, list_weights, search_path, user_folder

__all__ = [
    "Artifact",
    "CalibrationRecord",
    "Card",
    "DataRecord",
    "Entry",
    "Interval",
    "PluginRecord",
    "Result",
    "TrainingRecord",
    "add_result",
    "default_for",
    "find",
    "list_weights",
    "load_artifact",
    "load_attributor",
    "read_card",
    "save_artifact",
    "search_path",
    "set_calibration",
    "user_folder",
    "utc_now",
]
