"""A source cannot be called what a verdict is, or look like it."""

import pytest

from ganprint.names import source_name_fault

REFUSED = ["", "x" * 65, "inconclusive", "Inconclusive", "synthetic-unknown", "synthetic unknown", "synthetic"]
REFUSED += ["gan", "GAN", "diffusion", "real ", " real", "Real", "REAL", "real.", "ｒｅａｌ", "rеal", "reaI", "ʀᴇᴀʟ"]
REFUSED += ["d1ffusıon", "re\u200bal", "real\u3164", "stylegan\u202e", "style\u2060gan", "progan\u00a0", "a\ufe0fb"]
REFUSED += ["a\tb", "a\nb", "a\x1b[2J", "\ud800", "\x85"]
ALLOWED = ["real", "stylegan2", "stylegan-mini", "Stable Diffusion 3", "GPT image", "gaugan", "biggan", "ProGAN"]
ALLOWED += ["真实", "générateur", "latent diffusion", "unknown", "fake", "realesrgan", "pix2pix", "x" * 64]


@pytest.mark.parametrize("name", REFUSED, ids=ascii)
def test_names_of_verdicts_and_names_that_hide_something_are_refused(name: str) -> None:
    fault = source_name_fault(name)
    assert fault
    assert fault.isprintable()


@pytest.mark.parametrize("name", ALLOWED)
def test_names_of_generators_are_allowed(name: str) -> None:
    assert source_name_fault(name) is None


def test_every_family_is_reserved() -> None:
    from ganprint.data.family_names import FAMILIES
    from ganprint.names import RESERVED

    assert set(FAMILIES) <= set(RESERVED)
