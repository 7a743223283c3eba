"""Training: the one loop for neural attributors, the one pass for the others, checkpoints."""

from ganprint.attributor import Progress as Progress
from ganprint.attributor import Run as Run
from ganprint.training.streaming import Accumulator as Accumulator
from ganprint.training.streaming import accumulate as accumulate
from ganprint.training.streaming import stream as stream
