"""`forge train` and `forge sample` as a user runs them."""

from pathlib import Path
from typing import Any

import pytest

from .conftest import write_photos


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_photos(tmp_path_factory.mktemp("photos"), face=17)


def test_a_grid_is_trained_and_sampled(inside: Any, photos: Path, tmp_path: Path) -> None:
    options = ("--photos", photos, "--out", tmp_path / "out", "--sources", "dcgan,progan", "--steps", "1")
    none = inside("forge", "train", *options, "--budget", "0")
    assert none.returncode == 0 and "the time budget is used up; rerun the command to continue" in none.stderr
    done = inside("forge", "train", *options, status=0)
    assert "dcgan-face-64-seed0: 1 steps" in done.stderr and "0.png" in done.stderr
    assert "face, seed 0" in done.stdout and "progan" in done.stdout
    options = ("--generators", tmp_path / "out", "--semantic", "face", "--seed", "5")
    for name in ("one", "two"):
        inside("forge", "sample", "--source", "dcgan", *options, "-n", "3", tmp_path / name, status=0)
    files = sorted((tmp_path / "one").iterdir())
    assert [file.name for file in files] == [f"dcgan-face-64-seed0-5-0000{n}.png" for n in range(3)]
    assert [file.read_bytes() for file in files] == [(tmp_path / "two" / file.name).read_bytes() for file in files]
    again = inside("forge", "sample", "--source", "dcgan", *options, tmp_path / "one")
    assert again.returncode == 2 and "already exists" in again.stderr
    small = inside("forge", "sample", "--source", "progan", *options, tmp_path / "three")
    assert small.returncode == 2 and "has only reached 8 px after 1 steps" in small.stderr
    other = inside("forge", "sample", "--source", "sngan", *options, tmp_path / "three")
    assert other.returncode == 2 and "has no generator of sngan" in other.stderr
