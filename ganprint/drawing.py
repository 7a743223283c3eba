"""Matplotlib set up so that figures show text literally and nothing is written to stderr."""

import logging

from ganprint.extras import needs

logging.getLogger("matplotlib").addHandler(logging.NullHandler())

with needs("report"):
    from matplotlib import rc_context, rcParams
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["Axes", "Figure", "rc_context"]

# A name with dollars would else be set as a formula, and end the drawing where it is none.
rcParams["text.parse_math"] = False
