"""`compare` keeps each result, computes none twice, and shares the work among processes."""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from ganprint.cli.compare import Watch
from ganprint.evaluation.leaderboard import read_entries
from ganprint.files import locked_folder

from ..conftest import manifest_rows, write_manifest
from .conftest import CONDITIONS


def test_what_is_in_the_folder_is_not_computed_again_unless_forced(
    compare: Any, tmp_path: Path, other_weights: Path
) -> None:
    out = tmp_path / "leaderboard"
    first = compare("--out", out, "--markdown", status=0)
    files = sorted(out.rglob("*.json"))
    assert len(files) == 4
    assert all(file.parent.name == "tiny" for file in files)
    assert [file.name for file in out.glob("*.csv")] == ["tiny.csv"]
    before = {file: file.read_bytes() for file in files}
    files[0].unlink()
    (out / "tiny.csv").unlink()
    second = compare("--out", out, "--markdown")
    assert second.stdout == first.stdout
    assert {file.read_bytes() for file in files[1:]} == {before[file] for file in files[1:]}
    assert files[0].read_bytes() != before[files[0]]
    compare("--out", out, "--force")
    assert all(file.read_bytes() != before[file] for file in files)
    for entry in read_entries(out):
        assert entry.versions["ganprint"] and entry.weights_sha256


def test_ctrl_c_prints_what_is_finished_and_the_rest_is_computed_by_the_same_command(
    compare: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    finished = Watch.finished

    def interrupt(watch: Watch, batch: Any) -> None:
        finished(watch, batch)
        raise KeyboardInterrupt

    with monkeypatch.context() as pressed:
        pressed.setattr(Watch, "finished", interrupt)
        done = compare("--markdown", "--out", tmp_path)
    assert done.returncode == 130
    assert "1 of 2: test_seen under none; about" in done.stderr
    assert "interrupted: 2 of 4 results. Rerun the command to continue." in done.stderr
    assert "| tiny-prnu |" in done.stdout and "gaussian_noise" not in done.stdout
    again = compare("--json", "--out", tmp_path)
    assert again.returncode == 0 and len(json.loads(again.stdout)) == 4
    assert "2 are there, 2 missing" in again.stderr


def test_a_dry_run_says_what_is_missing_and_computes_nothing(compare: Any, tmp_path: Path) -> None:
    done = compare("--dry-run", "--out", tmp_path / "results", status=0).stdout
    assert "4 results of 2 weights in 2 conditions; 0 are there, 4 missing: 60 answers in 2 passes" in done
    assert not (tmp_path / "results").exists()


def test_a_killed_comparison_ends_in_the_tables_of_an_uninterrupted_one(
    compare: Any, program: Any, tiny_manifest: Path, tiny_weights: Path, other_weights: Path, tmp_path: Path
) -> None:
    kinds = [part for kind in ("fog", "contrast", "pixelate", "snow") for part in ("--corruption", kind)]
    options = ("--robustness", *kinds, "--markdown", "--predictions", "--out")
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    expected = compare(*options, whole, status=0)
    weights = ("--weights", tiny_weights, "--weights", other_weights)
    command = ["compare", "--data", tiny_manifest, *weights, *CONDITIONS, "--workers", "0", *options, killed]
    started = subprocess.Popen(
        [sys.executable, "-m", "ganprint", *map(str, command)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    until = time.monotonic() + 60
    while len(list(killed.rglob("*.json"))) < 5 and time.monotonic() < until:
        time.sleep(0.01)
    started.kill()
    started.wait()
    done = len(list(killed.rglob("*.json")))
    assert 5 <= done < len(list(whole.rglob("*.json")))
    resumed = compare(*options, killed, by=program)
    assert resumed.stdout == expected.stdout
    rows = {file.relative_to(whole): file.read_bytes() for file in whole.glob("*/*.csv")}
    assert rows and {file.relative_to(killed): file.read_bytes() for file in killed.glob("*/*.csv")} == rows
    assert not list(killed.rglob("*.partial"))


def two_processes(*arguments: str | Path, status: int = 0) -> subprocess.CompletedProcess[str]:
    """Run a program as torchrun does, twice at once, and return what both printed."""
    launch = (sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2")
    done = subprocess.run(
        [*launch, *map(str, arguments)], check=False, capture_output=True, text=True, timeout=240,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == status, done.stderr
    return done


def test_two_processes_give_what_one_gives(
    compare: Any, program: Any, tiny_manifest: Path, tiny_weights: Path, other_weights: Path, tmp_path: Path
) -> None:
    alone = json.loads(compare("--json").stdout)
    weights = ("--weights", tiny_weights, "--weights", other_weights)
    options = ("--data", tiny_manifest, *weights, *CONDITIONS, "--workers", "0", "--json")
    done = two_processes("-m", "ganprint", "compare", *options, "--out", tmp_path / "out")
    together = json.loads(done.stdout)
    varying = ("images_per_second", "command", "date")
    for each in (*alone, *together):
        for name in varying:
            del each[name]
    assert together == alone
    assert len(read_entries(tmp_path / "out")) == 4


def test_two_processes_evaluate_as_one_does(inside, tiny_manifest: Path, tiny_weights: Path, tmp_path: Path) -> None:
    # Three batches, one of them with an image that is not there.
    some = [row for row in manifest_rows(tiny_manifest) if row["split"] == "test_seen"]
    absent = some[0] | {"path": str(tmp_path / "absent.png")}
    data = write_manifest(tmp_path / "some.csv", [*some, absent])
    options = ("evaluate", "--data", data, "--weights", tiny_weights, "--policy", "test-seen")
    options += ("--workers", "0", "--batch-size", str(len(some) // 2), "--json", "--predictions")
    alone = inside(*options, tmp_path / "alone.csv")
    together = two_processes("-m", "ganprint", *options, tmp_path / "together.csv", status=1)
    assert (tmp_path / "alone.csv").read_bytes() == (tmp_path / "together.csv").read_bytes()
    one, two = (json.loads(done.stdout) for done in (alone, together))
    assert one["failed"] == 1
    assert {**two, "images_per_second": 0} == {**one, "images_per_second": 0}


def test_a_process_that_resumes_gives_what_it_had_and_what_it_computes(
    compare: Any, tiny_manifest: Path, tiny_weights: Path, other_weights: Path, tmp_path: Path
) -> None:
    """Two machines, each with its own folder: the second has some of its share already."""
    weights = ("--weights", tiny_weights, "--weights", other_weights)
    data = ("--data", tiny_manifest, *weights, "--workers", "0")
    compare("--out", tmp_path / "rank1", status=0)
    script = tmp_path / "one.py"
    script.write_text(
        "import os, sys\n"
        "folder = sys.argv.pop()\n"
        "sys.argv += ['--out', f\"{folder}/rank{os.environ['RANK']}\"]\n"
        "from ganprint.cli import main\n"
        "main()\n"
    )
    done = two_processes(script, "compare", *data, *CONDITIONS, "--json", tmp_path)
    assert len(json.loads(done.stdout)) == 4
    assert len(read_entries(tmp_path / "rank0")) == 4


def test_a_folder_of_results_has_one_writer(compare: Any, tmp_path: Path) -> None:
    with locked_folder(tmp_path / "results"):
        assert "Another process" in compare("--out", tmp_path / "results", status=2).stderr
    assert not list(tmp_path.iterdir())


def test_results_of_other_images_or_another_view_are_not_taken_for_these(
    compare: Any, inside: Any, tiny_manifest: Path, tiny_weights: Path, tmp_path: Path
) -> None:
    out = tmp_path / "results"
    assert compare("--out", out).returncode == 0
    (tmp_path / "other").mkdir()
    fewer = [row for row in manifest_rows(tiny_manifest) if "test_seen4" not in row["path"]]
    other = write_manifest(tmp_path / "other" / "tiny.csv", fewer)
    assert "results of other images under the name tiny" in compare("--data", other, "--out", out, status=2).stderr
    assert compare("--data", other, "--out", out, "--force").returncode == 0

    changed = tmp_path / "tiny"
    shutil.copytree(tiny_weights, changed)
    card = changed / "card.yaml"
    card.write_text(card.read_text().replace("training_scale: 1.0", "training_scale: 1.5"))
    assert compare("--out", tmp_path / "two").returncode == 0
    options = ("--data", tiny_manifest, *CONDITIONS, "--dry-run", "--out", tmp_path / "two")
    assert "2 are there, 0 missing" in inside("compare", "--weights", tiny_weights, *options).stdout
    assert "0 are there, 2 missing" in inside("compare", "--weights", changed, *options).stdout


def test_predictions_of_an_earlier_result_do_not_stay_beside_a_later_one(compare: Any, tmp_path: Path) -> None:
    out = tmp_path / "results"
    assert compare("--out", out, "--predictions").returncode == 0
    assert len(list(out.glob("*/*.csv"))) == 4
    assert compare("--out", out, "--force").returncode == 0
    assert not list(out.glob("*/*.csv"))


def test_the_csv_alone_is_enough_and_the_version_of_ganprint_changes_nothing(
    compare: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "results"
    first = compare("--out", out, "--markdown")
    shutil.rmtree(out / "tiny")
    before = (out / "tiny.csv").read_bytes()
    monkeypatch.setattr("ganprint.evaluation.runner.versions", lambda: {"ganprint": "9.9", "torch": "9.9"})
    assert "4 are there, 0 missing" in compare("--out", out, "--dry-run").stdout
    again = compare("--out", out, "--markdown")
    table = first.stdout[: first.stdout.index("attribution less")]
    assert again.stdout.startswith(table.rstrip())
    assert (out / "tiny.csv").read_bytes() == before and not (out / "tiny").exists()
    monkeypatch.setattr("ganprint.evaluation.runner.NUMERICS", 99)
    assert "0 are there, 4 missing" in compare("--out", out, "--dry-run").stdout


def test_a_manifest_in_the_folder_of_results_is_not_overwritten(compare, tiny_manifest: Path, tmp_path: Path) -> None:
    shutil.copy(tiny_manifest, tmp_path)
    assert "tiny.csv is there and has no results" in compare("--out", tmp_path, status=2).stderr
    assert (tmp_path / "tiny.csv").read_bytes() == tiny_manifest.read_bytes()


def test_a_folder_with_figures_is_refused_before_anything_is_computed(compare: Any, tmp_path: Path) -> None:
    (tmp_path / "figures").mkdir()
    (tmp_path / "figures" / "mine.png").touch()
    done = compare("--figures", tmp_path / "figures", "--out", tmp_path / "results")
    assert done.returncode == 2 and "has files in it" in done.stderr
    assert not (tmp_path / "results").exists()
    (tmp_path / "file").touch()
    assert "is a file, no folder" in compare("--out", tmp_path / "file", status=2).stderr


def test_a_file_that_is_no_result_is_named(compare: Any, tmp_path: Path) -> None:
    (tmp_path / "mine.json").write_text("{}")
    assert "mine.json is not a result" in compare("--out", tmp_path, status=2).stderr
