"""The one training loop for neural attributors, with what it needs: configuration, backbones, checkpoints."""

from ganprint.training.config import NeuralConfig, read_config
from ganprint.training.neural import Losses, NeuralAttributor
from ganprint.training.run import Progress, Run, Step

__all__ = ["Losses", "NeuralAttributor", "NeuralConfig", "Progress", "Run", "Step", "read_config"]
