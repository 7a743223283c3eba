"""Weights of two methods, compared on the tiny manifest."""

from pathlib import Path
from typing import Any

import pytest

CONDITIONS = ("--condition", "test_seen:none", "--condition", "test_seen:gaussian_noise:5")


@pytest.fixture(scope="session")
def other_weights(inside: Any, tiny_manifest: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("others") / "tiny-prnu"
    settings = ("view.size=32", "policy=none", "levels=[1]", "sigmas=[20.0]")
    options = ("--method", "prnu", "--data", tiny_manifest, "--out", out, "--workers", "0")
    inside("train", *options, *(word for each in settings for word in ("--set", each)), status=0)
    return out


@pytest.fixture
def compare(inside: Any, tiny_manifest: Path, tiny_weights: Path, other_weights: Path) -> Any:
    def run(*options: str | Path, by: Any = inside, **given: Any) -> Any:
        both = ("--weights", tiny_weights, "--weights", other_weights)
        return by("compare", "--data", tiny_manifest, *both, *CONDITIONS, "--workers", "0", *options, **given)

    return run
