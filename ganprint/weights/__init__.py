"""Artifacts on disk: safetensors with a card, the store they are found in, and their checks."""

from ganprint.weights.artifact import (
    Artifact,
    add_result,
    load_artifact,
    load_attributor,
    load_reference,
    save_artifact,
    set_calibration,
    set_rates,
)
from ganprint.weights.card import Card, read_card, utc_now
from ganprint.weights.records import (
    CalibrationRecord,
    DataRecord,
    Interval,
    JudgementRecord,
    Knots,
    LikelihoodRecord,
    PluginRecord,
    Rate,
    Result,
    TrainingRecord,
    VerdictRates,
)
from ganprint.weights.store import Entry, default_for, find, list_weights, search_path, user_folder

__all__ = [
    "Artifact",
    "CalibrationRecord",
    "Card",
    "DataRecord",
    "Entry",
    "Interval",
    "JudgementRecord",
    "Knots",
    "LikelihoodRecord",
    "PluginRecord",
    "Rate",
    "Result",
    "TrainingRecord",
    "VerdictRates",
    "add_result",
    "default_for",
    "find",
    "list_weights",
    "load_artifact",
    "load_attributor",
    "load_reference",
    "read_card",
    "save_artifact",
    "search_path",
    "set_calibration",
    "set_rates",
    "user_folder",
    "utc_now",
]
