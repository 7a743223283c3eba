"""`compare` prints one table of several weights, keeps each result, and computes none twice."""

import json
from pathlib import Path
from typing import Any

import pytest

from ganprint.evaluation.leaderboard import best_values, read_entries
from ganprint.evaluation.runner import METRICS

CONDITIONS = ("--condition", "test_seen:none", "--condition", "test_seen:gaussian_noise:5")


@pytest.fixture(scope="module")
def other_weights(program: Any, tiny_manifest: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("others") / "tiny-prnu"
    settings = (
        "--set",
        "view.size=32",
        "--set",
        "policy=none",
        "--set",
        "levels=[1]",
        "--set",
        "sigmas=[20.0]",
    )
    options = ("--method", "prnu", "--data", tiny_manifest, "--out", out, "--workers", "0")
    done = program("train", *options, *settings)
    assert done.returncode == 0, done.stderr
    return out


@pytest.fixture
def compare(program: Any, tiny_manifest: Path, tiny_weights: Path, other_weights: Path) -> Any:
    def run(*options: str | Path, **settings: Any) -> Any:
        both = ("--weights", tiny_weights, "--weights", other_weights)
        return program(
            "compare", "--data", tiny_manifest, *both, *CONDITIONS, "--workers", "0", *options, **settings
        )

    return run


def test_the_results_are_those_of_evaluate(
    compare: Any, program: Any, tiny_manifest: Path, other_weights: Path
) -> None:
    done = compare("--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert [(each["weights"], each["policy"]) for each in found] == [
        ("tiny", "none"), ("tiny", "gaussian_noise:5"), ("tiny-prnu", "none"), ("tiny-prnu", "gaussian_noise:5"),
    ]  # fmt: skip
    data = ("--data", tiny_manifest, "--split", "test_seen", "--policy", "gaussian_noise:5", "--workers", "0")
    alone = json.loads(program("evaluate", "--weights", other_weights, *data, "--json").stdout)
    for metric in METRICS:
        assert found[3][metric] == alone[metric]
    assert found[3]["confusion"] == alone["confusion"]
    assert found[0]["command"].startswith("ganprint compare") and found[0]["date"] and found[0]["hardware"]


def test_what_is_in_the_folder_is_not_computed_again_unless_forced(
    compare: Any, tmp_path: Path, other_weights: Path
) -> None:
    out = tmp_path / "leaderboard"
    first = compare("--out", out, "--markdown")
    assert first.returncode == 0, first.stderr
    files = sorted(out.rglob("*.json"))
    assert len(files) == 4
    assert all(file.parent.name == "tiny" for file in files)
    before = {file: file.read_bytes() for file in files}
    files[0].unlink()
    second = compare("--out", out, "--markdown")
    assert second.stdout == first.stdout
    assert {file.read_bytes() for file in files[1:]} == {before[file] for file in files[1:]}
    assert files[0].read_bytes() != before[files[0]]
    compare("--out", out, "--force")
    assert all(file.read_bytes() != before[file] for file in files)
    for entry in read_entries(out):
        assert entry.versions["ganprint"] and entry.weights_sha256


def test_the_best_of_each_column_is_marked(compare: Any, tmp_path: Path) -> None:
    done = compare("--out", tmp_path / "results", "--markdown")
    best = best_values(read_entries(tmp_path / "results"))
    lines = done.stdout.splitlines()
    assert lines[0] == "| weights | test_seen, none | test_seen, gaussian_noise:5 |"
    marked = sum(line.count("**") // 2 for line in lines[2:])
    assert marked >= len(best)
    for value in best.values():
        assert f"**{value:.3f}**" in done.stdout


@pytest.mark.parametrize("form", ["--csv", "--intervals"])
def test_other_forms_are_printed(form: str, compare: Any) -> None:
    done = compare(form)
    assert done.returncode == 0, done.stderr
    if form == "--csv":
        assert done.stdout.splitlines()[0] == "method,weights,split,policy,seed,n,metric,value,low,high"
        assert len(done.stdout.splitlines()) == 1 + 4 * 4
    else:
        assert "tiny-prnu" in done.stdout and " - " in done.stdout


@pytest.mark.parametrize(
    ("options", "status", "said"),
    [
        (("--condition", "test_seen"), 2, "is no condition"),
        (("--condition", "nowhere:none"), 2, "no split 'nowhere'"),
        (("--condition", "test_seen:rain"), 2, "There is no policy 'rain'"),
        (("--weights", "nothing"), 3, "no weights called nothing"),
        (("--limit", "3", "--record"), 2, "whole splits"),
        ((), 3, "No installed weights were trained on tiny.csv"),
    ],
)
def test_what_cannot_be_compared_is_a_sentence_and_a_hint(
    options: tuple[str, ...], status: int, said: str, program: Any, tiny_manifest: Path
) -> None:
    named = ("--weights", "prnu-wild128") if options and "--weights" not in options else ()
    done = program("compare", "--data", tiny_manifest, *named, *options)
    assert done.returncode == status
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_file_that_is_no_result_is_named(compare: Any, tmp_path: Path) -> None:
    (tmp_path / "mine.json").write_text("{}")
    done = compare("--out", tmp_path)
    assert done.returncode == 2 and "mine.json is not a result" in done.stderr
