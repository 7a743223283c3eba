"""`forge train` and `forge sample` as a user runs them."""

from pathlib import Path
from typing import Any

from .conftest import write_photos


def test_a_grid_is_trained_and_sampled(inside: Any, tmp_path: Path) -> None:
    photos = write_photos(tmp_path / "photos", face=17)
    options = ("--photos", photos, "--out", tmp_path / "out", "--sources", "dcgan,progan", "--steps", "1")
    none = inside("forge", "train", *options, "--budget", "0", status=0)
    assert "the time budget is used up; rerun the command to continue" in none.stderr
    done = inside("forge", "train", *options, status=0)
    assert "dcgan-face-64-seed0: 1 steps" in done.stderr and "0.png" in done.stderr
    assert "face, seed 0" in done.stdout and "progan" in done.stdout
    options = ("--generators", tmp_path / "out", "--semantic", "face", "--seed", "5")
    for name in ("one", "two"):
        inside("forge", "sample", "--source", "dcgan", *options, "-n", "3", tmp_path / name, status=0)
    files = sorted((tmp_path / "one").iterdir())
    assert [file.name for file in files] == [f"dcgan-face-64-seed0-5-0000{n}.png" for n in range(3)]
    assert [file.read_bytes() for file in files] == [(tmp_path / "two" / file.name).read_bytes() for file in files]
    for source, out, said in (
        ("dcgan", "one", "already exists"),
        ("progan", "three", "has only reached 8 px after 1 steps"),
        ("sngan", "three", "has no generator of sngan"),
    ):
        assert said in inside("forge", "sample", "--source", source, *options, tmp_path / out, status=2).stderr
