"""A training of a small RepMix in this process, as the tests of it begin and resume it."""

from pathlib import Path
from typing import Any

from ganprint_plugins.repmix import RepMix

from ganprint.data import Manifest
from ganprint.models import read_config
from ganprint.training import Run
from ganprint.training.loop import fit_attributor
from ganprint.training.session import prepare

SMALL = ("backbone_options.widths=[8,8,8,8]", "view.size=32", "perturb_at=null")
"""Settings of repmix-mini under which an epoch takes a second."""


def fit_repmix(manifest: Path, out: Path, *settings: str, **run: Any) -> tuple[RepMix, dict[str, Any]]:
    """Return the fitted method, and the facts of its training that a card keeps."""
    data = Manifest.open(manifest)
    config = read_config(RepMix.spec, preset="repmix-mini", assignments=settings)
    attributor = prepare(RepMix, config, data, 0)
    return attributor, dict(fit_attributor(attributor, data.select("train"), data.select("val"), Run(out, **run)))
