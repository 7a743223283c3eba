"""What a source may be called: a name that no verdict has, and that looks like what it is."""

import re
import unicodedata
from typing import Annotated

from pydantic import AfterValidator

from ganprint.attributor import REAL

LONGEST = 64
RESERVED = (*(REAL, "synthetic", "synthetic-unknown", "inconclusive"), *("gan", "diffusion"))
"""Verdicts that are no source, families of generators among them."""

# Unicode's Default_Ignorable_Code_Point as far as str.isprintable lets it pass, and the blank braille pattern.
_INVISIBLE = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
# Letters and digits that look like those of RESERVED (Unicode's confusables.txt), after case is folded.
_LOOKALIKES = str.maketrans(
    "аеорсіӏѕухԁԛԝɡոνοιαρτκηεɩгıᴀᴄᴅᴇꜰɢɪʟɴᴏʀꜱᴛᴜʏ01|", "aeopcilsyxdqwgnvoiaptkneiri" + "acdefgilnorstuyoll"
)


def source_name_fault(name: str) -> str | None:
    """Return why a source cannot be called so, as a sentence without its end, None where it can; `real` can.

    One function for cards, manifests and `enroll`: a name is 1 to 64 printable characters without a space at its ends,
    none invisible, and no verdict of another meaning in whatever spelling.
    """
    if not 1 <= len(name) <= LONGEST:
        return f"The name of a source has 1 to {LONGEST} characters"
    if not name.isprintable() or _INVISIBLE.search(name):
        return f"The name {name!a} has invisible characters"
    if name != name.strip():
        return f"The name {name!r} has a space at its ends"
    if name != REAL and _skeleton(name) in _RESERVED_SKELETONS:
        return f"The name {name!a} is or looks like that of a verdict"
    return None


def _skeleton(name: str) -> str:
    folded = unicodedata.normalize("NFKD", name).casefold().translate(_LOOKALIKES)
    # Capital I, which case folding makes i, looks like l.
    return "".join(character for character in folded if character.isalnum()).replace("i", "l")


_RESERVED_SKELETONS = frozenset(map(_skeleton, RESERVED))


def _checked(name: str) -> str:
    fault = source_name_fault(name)
    if fault is not None:
        raise ValueError(fault)
    return name


SourceName = Annotated[str, AfterValidator(_checked)]
"""The name of a source in a model that is read from a file."""
