"""Training: the one loop for neural attributors, the one pass for the others, checkpoints."""

from ganprint.attributor import Progress, Run
from ganprint.training.streaming import Accumulator, accumulate, stream
