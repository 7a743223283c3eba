"""Matplotlib set up so that figures show text literally and nothing is written to stderr."""

import logging

logging.getLogger("matplotlib").addHandler(logging.NullHandler())

from matplotlib import rcParams  # noqa: E402
from matplotlib.figure import Figure  # noqa: E402

__all__ = ["Figure"]

# A name with dollars would else be set as a formula, and end the drawing where it is none.
rcParams["text.parse_math"] = False
