"""The settings that a method trains with unless others are named are its public code's (METHODS.md, facts.json)."""

from typing import Any

import pytest

from ganprint import plugins
from ganprint.models import read_config

ADAM = {"optimizer": "adam", "betas": (0.9, 0.999), "warmup_steps": 0, "ema": 0.0, "balanced": False}
CONSTANT = {"learning_rate_decay": 1.0, "weight_decay": 0.0, "validation": "fixed", "policy": "none"}
IN_128_PX = {"kind": "resize", "size": 128, "training_scale": 1.0}
REPMIX = {
    **ADAM, "learning_rate": 1e-4, "weight_decay": 5e-4, "schedule": "exponential", "learning_rate_decay": 0.85,
    "epochs": 30, "batch_size": 32, "validation": "as-training", "validate_every": 2, "patience": 3, "keep": "last",
    "monitor": "loss", "policy": "train", "perturb_at": None, "augment": True, "pretrained": True,
    "backbone": "timm:resnet50.tv_in1k", "view": {"kind": "resize", "size": 224, "training_scale": 256 / 224},
}  # fmt: skip
PUBLISHED: dict[tuple[str, str | None], dict[str, Any]] = {
    ("repmix", None): {
        **REPMIX, "embedding": 256, "mix_level": 5, "mix_count": 2, "mix_concentration": 0.4, "compound": True,
    },
    ("yu", "yu-reimp"): {**REPMIX, "variant": "post-pooling"},
    ("yu", None): {
        **ADAM, **CONSTANT, "view": IN_128_PX, "learning_rate": 1e-3, "betas": (0.0, 0.99), "epsilon": 1e-8,
        "batch_size": 32, "augment": True, "keep": "last", "variant": "post-pooling", "backbone": "progan",
        "feature_base": 1024, "feature_max": 512, "pool_from": 4,
    },
    ("dct-cnn", None): {
        **ADAM, **CONSTANT, "view": IN_128_PX, "learning_rate": 1e-3, "epsilon": 1e-7, "batch_size": 32, "epochs": 50,
        "patience": 5, "monitor": "loss", "keep": "best", "augment": False, "dropout": 0.0,
    },
    ("reverse-engineering", None): {
        **ADAM, **CONSTANT, "view": IN_128_PX, "learning_rate": 1e-4, "batch_size": 16, "epochs": 2, "keep": "last",
        "augment": False, "depth": 17, "width": 64, "head_widths": (32, 64), "hidden": 512, "low_frequencies": 51,
        "attribution_weight": 10.0, "sigmoid": True, "normalise_spectrum": False,
    },
    ("eigenface", None): {
        "view": IN_128_PX, "policy": "none", "monitor": "accuracy", "pca_images": 10_000, "components": None,
        "variances": (0.25, 0.5, 0.75, 0.95), "penalties": (1e-4, 1e-3, 1e-2, 1e-1),
    },
    ("prnu", None): {
        "view": IN_128_PX, "policy": "none", "monitor": "accuracy", "levels": (1, 2, 3, 4),
        "sigmas": tuple(round(0.05 * step, 2) for step in range(1, 20)), "real_by": ("fingerprint",),
    },
}  # fmt: skip


@pytest.mark.parametrize(("method", "preset"), PUBLISHED)
def test_the_default_settings_are_the_published_ones(method: str, preset: str | None) -> None:
    config, published = read_config(plugins.load(method).spec, preset=preset), PUBLISHED[method, preset]
    view = config.view.model_dump(include=set(published["view"]))
    assert {key: getattr(config, key) for key in published} | {"view": view} == published
