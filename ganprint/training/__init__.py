"""Training: the one loop for neural attributors, the one pass for the others, configuration, checkpoints."""

from ganprint.attributor import Progress, Run
from ganprint.training.config import GridConfig, NeuralConfig, TrainingConfig, read_config
from ganprint.training.neural import Losses, NeuralAttributor
from ganprint.training.step import Step
from ganprint.training.streaming import Accumulator, accumulate, stream

__all__ = [
    "Accumulator",
    "GridConfig",
    "Losses",
    "NeuralAttributor",
    "NeuralConfig",
    "Progress",
    "Run",
    "Step",
    "TrainingConfig",
    "accumulate",
    "read_config",
    "stream",
]
