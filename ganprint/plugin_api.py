"""All that a plug-in imports from ganprint; what is not here may change without notice.

`API_VERSION` is the version of this contract. A plug-in's spec says which version it is written for (`api_version`, 1
unless it says otherwise), and a plug-in of another version is refused with a sentence. What only training needs, or
imports SciPy or builds backbones, is imported when its name is first used: that keeps the start of `attribute` short.
"""

from typing import TYPE_CHECKING

from ganprint.attributor import (
    API_VERSION,
    REAL,
    Attributor,
    AttributorConfig,
    AttributorSpec,
    HeldOut,
    ImportedWeights,
    LabelledImages,
    Panel,
    Prediction,
    Progress,
    PublishedTable,
    Reasons,
    Run,
    StoredCheckpoint,
    View,
)
from ganprint.data.family_names import family_of
from ganprint.errors import ConfigError, GanprintError, ImageError, TrainingError, UsageError, WeightsError
from ganprint.lazy import lazy_names

if TYPE_CHECKING:
    from ganprint.data import Draw, SourceImages, loader
    from ganprint.images.residual import clean_residuals, flatten_spectrum, noise_residuals, remove_means
    from ganprint.images.spectrum import log_dct, luma
    from ganprint.images.views import find_crops
    from ganprint.models import GridConfig, Losses, NeuralAttributor, NeuralConfig, Step, TrainingConfig
    from ganprint.models.backbones import build_backbone, replace_output
    from ganprint.perturbation import AnyPolicy, Attack, Chain, DrawnChain, Policy, parse_any_policy, perturb
    from ganprint.training import Accumulator, accumulate, stream
    from ganprint.training.checkpoint import Place, read_place, read_tensors, write_tensors
    from ganprint.training.interruption import Interruption
    from ganprint.training.moments import Moments
    from ganprint.training.streaming import answer_validation
    from ganprint.training.trials import best_trial, fit_inverse_temperature, grid_details, judge, report_trial
    from ganprint.weights.pickled import Attributes, StoredTensor, printable
else:
    __getattr__ = lazy_names(__name__)

__all__ = [
    "API_VERSION", "REAL", "Accumulator", "AnyPolicy", "Attack", "Attributes", "Attributor", "AttributorConfig",
    "AttributorSpec", "Chain", "ConfigError", "Draw", "DrawnChain", "GanprintError", "GridConfig", "HeldOut",
    "ImageError", "ImportedWeights", "Interruption", "LabelledImages", "Losses", "Moments", "NeuralAttributor",
    "NeuralConfig", "Panel", "Place", "Policy", "Prediction", "Progress", "PublishedTable", "Reasons", "Run",
    "SourceImages", "Step", "StoredCheckpoint", "StoredTensor", "TrainingConfig", "TrainingError", "UsageError",
    "View", "WeightsError", "accumulate", "answer_validation", "best_trial", "build_backbone", "clean_residuals",
    "family_of", "find_crops", "fit_inverse_temperature", "flatten_spectrum", "grid_details", "judge", "loader",
    "log_dct", "luma", "noise_residuals", "parse_any_policy", "perturb", "printable", "read_place", "read_tensors",
    "remove_means", "replace_output", "report_trial", "stream", "write_tensors",
]  # fmt: skip
