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
from ganprint.weights.held_out import load_held_out, save_held_out
from ganprint.weights.records import (
    NO_REFERENCE,
    CalibrationRecord,
    DataRecord,
    Interval,
    IsotonicCurve,
    JudgementRecord,
    KindRates,
    LikelihoodRecord,
    PluginRecord,
    Rate,
    Result,
    TrainingRecord,
    VerdictRates,
)
from ganprint.weights.store import (
    Entry,
    default_for,
    find,
    first_choice,
    knowing,
    list_weights,
    search_path,
    user_folder,
)
