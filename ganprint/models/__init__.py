"""Models: the base of neural attributors, their configuration and their backbones."""

from ganprint.models.config import GridConfig, NeuralConfig, TrainingConfig, read_config
from ganprint.models.neural import Losses, NeuralAttributor
from ganprint.models.step import Step
