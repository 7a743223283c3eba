"""No output overwrites an input, whatever links and lists lead to it, and two processes do not write one file."""

import os
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from PIL import Image
from typer.testing import CliRunner

from ganprint.api.attribution import attribute
from ganprint.api.comparisons import compare
from ganprint.api.manifests import join_data, split_data
from ganprint.api.outputs import check_output, refuse_own_inputs
from ganprint.api.perturbed_copies import perturb_files
from ganprint.cli import app
from ganprint.errors import OutputError, OutputExistsError, UsageError
from ganprint.files import locked_folder
from ganprint.forensics.journal import Journal, json_format, json_line
from ganprint.forensics.verdict import Verdict

from ..conftest import as_nobody

VERDICT = Verdict(path="a.png", method="m", weights="w", weights_sha256=None, judged_by_sha256="1")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("a.png", "b.png"):
        Image.new("RGB", (40, 40), (name[0] == "a" and "red") or "blue").save(tmp_path / name)
    (tmp_path / "list.txt").write_text(f"{tmp_path / 'b.png'}\n")
    (tmp_path / "list.csv").write_text("path,source\nb.png,real\n")
    (tmp_path / "soft.png").symlink_to(tmp_path / "a.png")
    os.link(tmp_path / "b.png", tmp_path / "hard.html")
    return tmp_path


@pytest.mark.parametrize("output", ["a.png", "soft.png"])
@pytest.mark.parametrize("given", ["a.png", "", "*.png", "soft.png"])
def test_an_output_that_is_an_input_is_refused(output: str, given: str, folder: Path) -> None:
    with pytest.raises(UsageError, match="itself an input"):
        refuse_own_inputs([None, folder / output], [folder / given])


@pytest.mark.parametrize("listing", ["list.txt", "list.csv"])
def test_a_list_or_manifest_and_what_it_names_are_inputs(listing: str, folder: Path) -> None:
    for output in (listing, "hard.html"):
        with pytest.raises(UsageError, match="itself an input"):
            refuse_own_inputs([folder / output], [], files_from=folder / listing)
    refuse_own_inputs([folder / "a.png", folder / "new.png"], ["-"], files_from=folder / listing)


def test_attribute_refuses_before_it_loads_anything(folder: Path) -> None:
    before = (folder / "a.png").read_bytes()
    options = ["attribute", str(folder), "--out", str(folder / "a.png"), "--force"]
    result = CliRunner().invoke(app, options)
    assert isinstance(result.exception, UsageError)
    assert (folder / "a.png").read_bytes() == before


def journal(path: Path, **options: bool) -> Journal:
    return Journal(path, json_format(path, ("real",)), by="1", **options)


def test_a_file_of_verdicts_has_one_writer(tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    with journal(out):
        for options in ({"resume": True}, {"force": True}):
            with pytest.raises(UsageError, match="Another process"):
                journal(out, **options)
    with journal(out, force=True) as first:
        with pytest.raises(UsageError, match="Another process"):
            journal(out, force=True)
        first.write(VERDICT)
    assert sorted(tmp_path.iterdir()) == [out]


def test_a_training_has_its_folder_to_itself(inside: Any, tiny_manifest: Path, tmp_path: Path) -> None:
    with locked_folder(tmp_path / "out"):
        done = inside("train", "--method", "prnu", "--data", tiny_manifest, "--out", tmp_path / "out")
        assert done.returncode == 2 and "Another process" in done.stderr
        assert not list((tmp_path / "out").iterdir())


def test_a_file_that_is_forced_stays_until_the_new_one_is_whole(tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    out.write_text("precious")
    with pytest.raises(KeyboardInterrupt), journal(out, force=True) as half:
        half.write(VERDICT)
        raise KeyboardInterrupt
    assert out.read_text() == "precious"
    with journal(out, resume=True) as rest:
        assert rest.is_done("a.png")
    assert out.read_text() == json_line(VERDICT) + "\n"
    assert sorted(tmp_path.iterdir()) == [out]


def test_a_planted_link_or_pipe_is_not_written_through(tmp_path: Path) -> None:
    out, precious = tmp_path / "out.jsonl", tmp_path / "precious"
    out.write_text("")
    precious.write_text("precious")
    unfinished = tmp_path / ".out.jsonl.unfinished"
    unfinished.symlink_to(precious)
    with pytest.raises(OutputError):
        journal(out, force=True)
    unfinished.unlink()
    os.mkfifo(unfinished)
    with pytest.raises(OutputError, match="cannot be written"):
        journal(out, force=True)
    assert precious.read_text() == "precious"


def test_a_folder_that_cannot_be_written_to_is_refused_before_any_work(tmp_path: Path) -> None:
    with TemporaryDirectory() as closed:  # pytest's own folders are not even entered by others.
        Path(closed).chmod(0o755)
        for option, name in {"report": "case.html", "out": "out.jsonl"}.items():
            with as_nobody(), pytest.raises(UsageError, match="cannot be written to"):
                attribute(["absent.png"], **{option: Path(closed, name)})
        with as_nobody(), pytest.raises(OutputError) as refused:
            journal(Path(closed, "out.jsonl"), resume=True)
        assert "--resume" not in refused.value.hint
        Path(closed).chmod(0o700)
        with as_nobody(), pytest.raises(UsageError, match="cannot be written to"):
            attribute(["absent.png"], out=Path(closed, "out.jsonl"))


def test_what_is_written_to_a_url_is_refused_and_no_folder_is_made_of_it(
    tiny_manifest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    writes: list[Callable[[], object]] = [
        lambda: split_data(tiny_manifest, "s3://bucket/split.csv"),
        lambda: join_data("s3://bucket", [tiny_manifest]),
        lambda: perturb_files([tiny_manifest.parent], "s3://bucket", corruption="fog"),
        lambda: compare(tiny_manifest, out="s3://bucket/results"),
    ]
    for write in writes:
        with pytest.raises(UsageError, match="only files of this machine are written"):
            write()
    assert not list(tmp_path.iterdir())


def test_a_folder_is_no_file_to_write_and_force_is_no_way_out(tmp_path: Path) -> None:
    for force in (False, True):
        with pytest.raises(UsageError, match="is a folder"):
            check_output(tmp_path, force=force)
    there = tmp_path / "a.csv"
    there.touch()
    with pytest.raises(OutputExistsError):
        check_output(there, force=False)
    check_output(there, force=True)
