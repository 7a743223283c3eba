"""Models: the base of neural attributors, their configuration and their backbones.

The base is imported when it is first asked for, as torch takes long; configurations are read without it.
"""

from typing import TYPE_CHECKING

from ganprint.lazy import lazy_names
from ganprint.models.config import GridConfig as GridConfig
from ganprint.models.config import NeuralConfig as NeuralConfig
from ganprint.models.config import TrainingConfig as TrainingConfig
from ganprint.models.config import read_config as read_config

if TYPE_CHECKING:
    from ganprint.models.neural import Losses as Losses
    from ganprint.models.neural import NeuralAttributor as NeuralAttributor
    from ganprint.models.neural import Step as Step
else:
    __getattr__ = lazy_names(__name__)
