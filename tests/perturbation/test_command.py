"""`ganprint perturb` writes what it says, overwrites nothing and carries on after a bad file."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
import typer
from PIL import Image
from typer.testing import CliRunner, Result

from ganprint.cli.perturb import perturb as command
from ganprint.errors import GanprintError, OutputExistsError, PerturbationError, UsageError
from ganprint.perturbation import Perturbation, parse_policy, perturb


def run(*arguments: object) -> Result:
    app = typer.Typer()
    app.command()(command)
    result = CliRunner().invoke(app, [str(each) for each in arguments])
    if isinstance(result.exception, GanprintError):
        raise result.exception
    return result


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


def test_a_folder_becomes_png_under_the_same_names(folder, tmp_path):
    out = tmp_path / "out"
    result = run(folder, out, "--corruption", "pixelate", "--severity", 3, "--recursive")
    assert result.exit_code == 0, result.output
    written = sorted(path.relative_to(out).as_posix() for path in out.rglob("*.*"))
    assert written == ["a.png", "b.png", "deep/c.png"]
    assert f"{folder / 'b.png'} -> {out / 'b.png'}: pixelate 3" in result.stdout.splitlines()
    expected = perturb(pixels(folder / "b.png")[None], [Perturbation("pixelate", 3, 0)])[0]
    assert torch.equal(pixels(out / "b.png"), expected)


def test_json_lines_say_what_was_drawn_from_seed_and_place(folder, tmp_path):
    out = tmp_path / "out"
    result = run(folder, out, "--policy", "train:1", "--seed", 5, "--recursive", "--json")
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert [list(line) for line in lines] == [["path", "output", "kind", "severity", "seed"]] * 3
    for index, line in enumerate(lines):
        drawn = parse_policy("train:1").draw(5, index)
        assert (line["kind"], line["severity"], line["seed"]) == (drawn.kind, drawn.severity, drawn.seed)
        expected = perturb(pixels(Path(line["path"]))[None], [drawn])[0]
        assert torch.equal(pixels(Path(line["output"])), expected)
    assert lines[0]["output"] == str(out / "a.png")


@pytest.mark.parametrize("engine", ["torch", "imagecorruptions"])
def test_one_file_goes_to_one_png_at_the_protocols_size(folder, tmp_path, engine, request):
    if engine != "torch":
        request.getfixturevalue("reference_engine")
    out = tmp_path / "new" / "one.png"
    result = run(folder / "b.png", out, "--corruption", "contrast", "--at", 224, "--engine", engine)
    assert result.exit_code == 0, result.output
    assert pixels(out).shape == pixels(folder / "b.png").shape


def test_a_bad_file_is_named_on_stderr_and_the_rest_is_done(folder, tmp_path):
    (folder / "aa.png").write_bytes(b"no image")
    result = run(folder, tmp_path / "out", "--policy", "test-seen")
    assert result.exit_code == 1
    assert "aa.png" in result.stderr
    assert "Traceback" not in result.stderr
    assert len(result.stdout.splitlines()) == 2
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a.png", "b.png"]


def test_two_files_that_would_share_an_output_are_named(folder, tmp_path):
    Image.new("RGB", (40, 40)).save(folder / "a.png")
    result = run(folder, tmp_path / "out", "--corruption", "snow")
    assert result.exit_code == 1
    assert "a.bmp" in result.stderr
    assert "a.png" in result.stderr


def test_nothing_is_overwritten_without_force(folder, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "b.png").write_bytes(b"precious")
    with pytest.raises(OutputExistsError) as caught:
        run(folder, out, "--corruption", "fog")
    assert "b.png" in caught.value.message
    assert [path.name for path in out.iterdir()] == ["b.png"]
    assert (out / "b.png").read_bytes() == b"precious"
    assert run(folder, out, "--corruption", "fog", "--force").exit_code == 0
    assert pixels(out / "b.png").shape == (3, 60, 50)


def test_another_engine_is_refused():
    images = torch.zeros(1, 3, 8, 8, dtype=torch.uint8)
    with pytest.raises(PerturbationError, match="no perturbation engine 'numpy'"):
        perturb(images, [Perturbation("fog", 1, 0)], engine="numpy")


def test_an_input_is_never_overwritten(folder):
    before = (folder / "b.png").read_bytes()
    with pytest.raises(OutputExistsError):
        run(folder, folder, "--corruption", "fog", "--force")
    assert (folder / "b.png").read_bytes() == before


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ([], UsageError, "--corruption or --policy"),
        (["--corruption", "fog", "--policy", "train"], UsageError, "--corruption or --policy"),
        (["--policy", "train", "--severity", "3"], UsageError, "--severity needs --corruption"),
        (["--corruption", "train"], PerturbationError, "gaussian_noise, shot_noise"),
        (["--corruption", "fog", "--severity", "6"], PerturbationError, "1, 2, 3, 4, 5"),
        (["--policy", "training"], PerturbationError, "train, test-seen, test-unseen, immunise, none"),
        (["--corruption", "fog", "--at", "0"], PerturbationError, "0 x 0"),
        (["--policy", "share:jpeg=80", "--at", "224"], UsageError, "--at"),
    ],
)
def test_wrong_options_are_usage_errors_that_name_the_right_ones(folder, tmp_path, options, error, said):
    with pytest.raises(error) as caught:
        run(folder, tmp_path / "out", *options)
    assert caught.value.exit_status == 2
    assert said in f"{caught.value.message} {caught.value.hint}"
    assert not (tmp_path / "out").exists()
