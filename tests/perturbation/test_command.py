"""`ganprint perturb` writes what it says, overwrites nothing and carries on after a bad file."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from ganprint.perturbation import Perturbation, parse_policy, perturb

from ..conftest import json_lines


@pytest.fixture
def run(inside: Any) -> Callable[..., Any]:
    """Return a function that runs `ganprint perturb`."""
    return lambda *arguments, **options: inside("perturb", *arguments, **options)


def pixels(path: Path) -> torch.Tensor:
    with Image.open(path) as image:
        assert image.mode == "RGB"
        return torch.from_numpy(np.array(image)).permute(2, 0, 1)


@pytest.fixture
def folder(tmp_path, photograph) -> Path:
    folder = tmp_path / "in"
    (folder / "deep").mkdir(parents=True)
    picture = Image.fromarray(photograph[:, :60, :50].permute(1, 2, 0).numpy())
    picture.save(folder / "b.png")
    picture.rotate(90, expand=True).save(folder / "a.bmp")
    picture.save(folder / "deep" / "c.png")
    return folder


def test_a_folder_becomes_png_under_the_same_names(run, folder, tmp_path):
    out = tmp_path / "out"
    result = run(folder, out, "--corruption", "pixelate", "--severity", 3, "--recursive", status=0)
    written = sorted(path.relative_to(out).as_posix() for path in out.rglob("*.*"))
    assert written == ["a.png", "b.png", "deep/c.png"]
    assert f"{folder / 'b.png'} -> {out / 'b.png'}: pixelate 3" in result.stdout.splitlines()
    expected = perturb(pixels(folder / "b.png")[None], [Perturbation("pixelate", 3, 0)])[0]
    assert torch.equal(pixels(out / "b.png"), expected)


def test_json_lines_say_what_was_drawn_from_seed_and_place(run, folder, tmp_path):
    out = tmp_path / "out"
    result = run(folder, out, "--policy", "train:1", "--seed", 5, "--recursive", "--json")
    lines = json_lines(result.stdout)
    assert [list(line) for line in lines] == [["path", "output", "kind", "severity", "seed"]] * 3
    for index, line in enumerate(lines):
        drawn = parse_policy("train:1").draw(5, index)
        assert (line["kind"], line["severity"], line["seed"]) == (drawn.kind, drawn.severity, drawn.seed)
        expected = perturb(pixels(Path(line["path"]))[None], [drawn])[0]
        assert torch.equal(pixels(Path(line["output"])), expected)
    assert lines[0]["output"] == str(out / "a.png")


@pytest.mark.parametrize("engine", ["torch", "imagecorruptions"])
def test_one_file_goes_to_one_png_at_the_protocols_size(run, folder, tmp_path, engine, request):
    if engine != "torch":
        request.getfixturevalue("reference_engine")
    out = tmp_path / "new" / "one.png"
    run(folder / "b.png", out, "--corruption", "contrast", "--at", 224, "--engine", engine, status=0)
    assert pixels(out).shape == pixels(folder / "b.png").shape


def test_a_bad_file_is_named_on_stderr_and_the_rest_is_done(run, folder, tmp_path):
    (folder / "aa.png").write_bytes(b"no image")
    result = run(folder, tmp_path / "out", "--policy", "test-seen", status=1)
    assert "aa.png" in result.stderr
    assert len(result.stdout.splitlines()) == 2
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a.png", "b.png"]


def test_two_files_that_would_share_an_output_are_named(run, folder, tmp_path):
    Image.new("RGB", (40, 40)).save(folder / "a.png")
    result = run(folder, tmp_path / "out", "--corruption", "snow", status=1)
    assert "a.bmp" in result.stderr
    assert "a.png" in result.stderr


def test_nothing_is_overwritten_without_force(run, folder, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "b.png").write_bytes(b"precious")
    assert "b.png already exists" in run(folder, out, "--corruption", "fog", status=2).stderr
    assert [path.name for path in out.iterdir()] == ["b.png"]
    assert (out / "b.png").read_bytes() == b"precious"
    run(folder, out, "--corruption", "fog", "--force", status=0)
    assert pixels(out / "b.png").shape == (3, 60, 50)


def test_an_input_is_never_overwritten(run, folder):
    before = (folder / "b.png").read_bytes()
    assert "itself an input" in run(folder, folder, "--corruption", "fog", "--force", status=2).stderr
    assert (folder / "b.png").read_bytes() == before


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "--corruption or --policy"),
        (["--corruption", "fog", "--policy", "train"], "--corruption or --policy"),
        (["--policy", "train", "--severity", "3"], "--severity needs --corruption"),
        (["--corruption", "train"], "gaussian_noise, shot_noise"),
        (["--corruption", "fog", "--severity", "6"], "1, 2, 3, 4, 5"),
        (["--policy", "training"], "train, test-seen, test-unseen, immunise, none"),
        (["--corruption", "fog", "--at", "0"], "0 x 0"),
        (["--policy", "share:jpeg=80", "--at", "224"], "--at"),
    ],
)
def test_wrong_options_are_usage_errors_that_name_the_right_ones(run, folder, tmp_path, options, said):
    assert said in run(folder, tmp_path / "out", *options, status=2).stderr
    assert not (tmp_path / "out").exists()
