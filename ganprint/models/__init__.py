"""Models: the base of neural attributors, their configuration and their backbones."""

from ganprint.models.config import GridConfig as GridConfig
from ganprint.models.config import NeuralConfig as NeuralConfig
from ganprint.models.config import TrainingConfig as TrainingConfig
from ganprint.models.config import read_config as read_config
from ganprint.models.neural import Losses as Losses
from ganprint.models.neural import NeuralAttributor as NeuralAttributor
from ganprint.models.step import Step as Step
