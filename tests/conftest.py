"""Fixtures that every test may use."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def shared() -> Path:
    """Return the folder of reference outputs and real images, or skip: it exists on our machines only."""
    beside = Path(__file__).resolve().parents[1].parent / "shared"
    folder = Path(os.environ.get("GANPRINT_SHARED", beside))
    if not folder.is_dir():
        pytest.skip(f"needs the shared folder of references and images, absent at {folder}")
    return folder
