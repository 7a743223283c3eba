"""Matplotlib set up so that figures show text literally and nothing is written to stderr."""

import logging
from collections.abc import Sequence
from functools import cache

from ganprint.errors import needs

logging.getLogger("matplotlib").addHandler(logging.NullHandler())

with needs("report"):
    from matplotlib import rc_context, rcParams
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.font_manager import FontProperties, findfont, fontManager, get_font
    from matplotlib.text import Text

__all__ = ["Axes", "Figure", "Text", "colour", "drawable", "fonts_for", "marker", "rc_context"]

# A name with dollars would else be set as a formula, and end the drawing where it is none.
rcParams["text.parse_math"] = False

_BOXES = "Last Resort"
"""How the name of a font begins that has a box for every character."""


def fonts_for(text: str) -> list[str]:
    """Return the fonts to draw a text with: Matplotlib's own, then installed ones that have what that lacks."""
    fonts = [*rcParams["font.family"]]
    missing = {*text} - {" ", "\n"} - _characters(*fonts)
    for name in sorted({font.name for font in fontManager.ttflist if not font.name.startswith(_BOXES)}):
        if not missing:
            break
        if found := missing & _characters(name):
            fonts.append(name)
            missing -= found
    return fonts


def drawable(text: str, fonts: Sequence[str]) -> str:
    """Return a text with escapes in the place of characters that none of the fonts has, which would all be boxes."""
    there = _characters(*fonts) | {" ", "\n"}
    return "".join(c if c in there else c.encode("unicode_escape").decode() for c in text)


@cache
def _characters(*fonts: str) -> set[str]:
    files = [findfont(FontProperties(family=[name])) for name in fonts]
    return {chr(code) for file in files for code in get_font(file).get_charmap()}


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
