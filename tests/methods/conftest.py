"""Small configurations under which every method learns the tiny manifest in seconds."""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from ganprint import plugins
from ganprint.attributor import Attributor, Run
from ganprint.data import Manifest
from ganprint.models import read_config
from ganprint.training.loop import fit_attributor
from ganprint.training.session import describe, prepare, save_trained
from ganprint.weights import Card

COMMON = ("view.size=32", "policy=none")
NEURAL = (*COMMON, "epochs=2", "batch_size=6", "warmup_steps=0")
SMALL: dict[str, tuple[str, tuple[str, ...]]] = {
    "yu": ("yu", (*NEURAL, "feature_base=128")),
    "yu pre-downsampling": ("yu", (*NEURAL, "feature_base=128", "variant=pre-downsampling")),
    "yu residual": ("yu", (*NEURAL, "feature_base=128", "variant=pre-downsampling-residual")),
    "yu visual": ("yu", (*NEURAL, "feature_base=128", "variant=visual")),
    "yu reimplementation": ("yu", (*NEURAL, "backbone=compact", "backbone_options={widths: [8, 8, 8, 8]}")),
    "dct-cnn": ("dct-cnn", NEURAL),
    "eigenface": ("eigenface", (*COMMON, "components=8")),
    "prnu": ("prnu", (*COMMON, "levels=[1, 2]", "sigmas=[1.0, 20.0]")),
    "reverse-engineering": (
        "reverse-engineering",
        (*NEURAL, "depth=3", "width=4", "head_widths=[4, 4]", "hidden=8", "low_frequencies=13"),
    ),
}
"""By test id: the method, and its settings beyond its own defaults."""

NETWORKS = [name for name in SMALL if name not in ("eigenface", "prnu")]

Fit = Callable[..., Attributor]


def configured(name: str, *settings: str) -> tuple[type[Attributor], Any]:
    """Return the class of a method and a small configuration."""
    method, small = SMALL[name]
    attributor_class = plugins.load(method)
    return attributor_class, read_config(attributor_class.spec, assignments=[*small, *settings])


def save(attributor: Attributor, data: Manifest, folder: Path, facts: Any = None, **run: Any) -> Card:
    """Keep weights as after a training on `data` that returned `facts`; return the card as it was before it."""
    told = Run(folder, **run)
    card = describe(attributor, told, data.select("train"), data.select("val"), name="small", command="")
    save_trained(attributor, told, card, facts)
    return card


@pytest.fixture(scope="session")
def fit(tiny_manifest: Path) -> Fit:
    """Return a function that trains a small configuration on the tiny manifest, or another, in this process."""

    def train(name: str, out: Path, *settings: str, data: Path | None = None, **run: Any) -> Attributor:
        attributor_class, config = configured(name, *settings)
        manifest = Manifest.open(data or tiny_manifest)
        attributor = prepare(attributor_class, config, manifest, 0)
        fit_attributor(attributor, manifest.select("train"), manifest.select("val"), Run(out, **run))
        return attributor

    return train


@pytest.fixture(scope="session")
def trained(fit: Fit, tmp_path_factory: pytest.TempPathFactory) -> Fit:
    """Return a function that trains a small configuration once; tests leave what it returns as it is."""
    return cache(lambda name: fit(name, tmp_path_factory.mktemp("trained")))
