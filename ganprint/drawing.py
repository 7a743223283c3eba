"""Matplotlib set up so that figures show text literally and nothing is written to stderr."""

import logging

from ganprint.extras import needs

logging.getLogger("matplotlib").addHandler(logging.NullHandler())

with needs("report"):
    from matplotlib import rc_context, rcParams
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.text import Text

__all__ = ["Axes", "Figure", "Text", "colour", "marker", "rc_context"]

# A name with dollars would else be set as a formula, and end the drawing where it is none.
rcParams["text.parse_math"] = False

_COLOURS = (
    *("#3f90da", "#ffa90e", "#bd1f01", "#94a4a2", "#832db6"),
    *("#a96b59", "#e76300", "#b9ac70", "#717581", "#92dadb"),
)
"""Distinct to people with any kind of colour vision (Petroff 2021, arXiv:2107.02270)."""
_MARKERS = "os^DvP*"


def colour(number: int) -> str:
    """Return the colour of the series of a number."""
    return _COLOURS[number % len(_COLOURS)]


def marker(number: int) -> str:
    """Return the marker of the series of a number, which with its colour is no other's among 70."""
    return _MARKERS[number % len(_MARKERS)]
