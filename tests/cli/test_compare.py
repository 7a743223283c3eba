"""`compare` prints one table of several weights, keeps each result, and computes none twice."""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from ganprint.api.comparisons import prepare_comparison
from ganprint.cli.compare import Watch
from ganprint.evaluation.leaderboard import read_entries
from ganprint.evaluation.results import METRICS
from ganprint.files import locked_folder
from ganprint.perturbation import RESHARING

CONDITIONS = ("--condition", "test_seen:none", "--condition", "test_seen:gaussian_noise:5")


@pytest.fixture(scope="module")
def other_weights(inside: Any, tiny_manifest: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
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
    done = inside("train", *options, *settings)
    assert done.returncode == 0, done.stderr
    return out


@pytest.fixture
def compare(inside: Any, tiny_manifest: Path, tiny_weights: Path, other_weights: Path) -> Any:
    def run(*options: str | Path, by: Any = inside) -> Any:
        both = ("--weights", tiny_weights, "--weights", other_weights)
        return by("compare", "--data", tiny_manifest, *both, *CONDITIONS, "--workers", "0", *options)

    return run


def test_the_results_are_those_of_evaluate(
    compare: Any, inside: Any, tiny_manifest: Path, other_weights: Path
) -> None:
    done = compare("--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert [(each["weights"], each["policy"]) for each in found] == [
        ("tiny", "none"), ("tiny", "gaussian_noise:5"), ("tiny-prnu", "none"), ("tiny-prnu", "gaussian_noise:5"),
    ]  # fmt: skip
    data = ("--data", tiny_manifest, "--split", "test_seen", "--policy", "gaussian_noise:5", "--workers", "0")
    alone = json.loads(inside("evaluate", "--weights", other_weights, *data, "--json").stdout)
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


@pytest.mark.parametrize(
    ("full", "conditions", "limit"), [(False, 1 + 19 * 3, 120), (True, 1 + 19 * 5, None)]
)
def test_robustness_on_the_embedded_benchmark_is_quick_unless_asked_for_in_full(
    full: bool, conditions: int, limit: int | None, tiny_manifest: Path, tiny_weights: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr("ganprint.forge.mini.mini", lambda: tiny_manifest)
    said: list[str] = []
    found = prepare_comparison(weights=[str(tiny_weights)], robustness=True, full=full, say=said.append)
    assert (len(found.conditions), found.settings.limit) == (conditions, limit)
    assert bool(said) != full and all("--full takes all" in sentence for sentence in said)


def test_tables_are_printed_as_markdown_and_latex(compare: Any) -> None:
    done = compare("--markdown")
    marked, _, title, blank, head, line, *rest = done.stdout.splitlines()
    metrics = "detection / attribution / NMI"
    assert "one vote in its source" in marked
    assert title == "15 images, 3 groups; means over groups" and not blank
    rows = rest[: rest.index("")]
    assert head == f"| weights | test_seen, none: {metrics} | test_seen, gaussian_noise:5: {metrics} |"
    assert line == "|---|---|---|"
    assert [row.split(" | ")[0] for row in rows if row] == ["| tiny", "| tiny-prnu"]
    assert "**" not in done.stdout, "three groups tell nothing apart"
    assert "attribution less that of" in done.stdout
    images = compare("--markdown", "--unit", "image").stdout
    assert images.startswith("Fractions of images") and "15 images; fractions of images" in images
    assert "detection / attribution / balanced / NMI" in images
    latex = compare("--latex").stdout
    assert r"\multicolumn{3}{c}{test\_seen, gaussian\_noise:5}" in latex and r"\bottomrule" in latex


def test_robustness_has_every_corruption_with_the_unseen_marked(compare: Any, tmp_path: Path) -> None:
    chosen = (
        "--corruption",
        "glass_blur",
        "--corruption",
        "jpeg_compression",
        "--severity",
        "1",
        "--severity",
        "5",
    )
    out = tmp_path / "results"
    done = compare("--robustness", *chosen, "--out", out, "--markdown", "--figures", tmp_path / "figures")
    assert done.returncode == 0, done.stderr
    found = {(entry.weights, entry.policy): entry for entry in read_entries(out)}
    # Those of --condition, and clean once.
    assert {policy for _, policy in found} == {
        *(
            "none",
            "gaussian_noise:5",
            "glass_blur:1",
            "glass_blur:5",
            "jpeg_compression:1",
            "jpeg_compression:5",
        ),
    }

    def attribution(policy: str) -> float:
        interval = found["tiny", policy].attribution_accuracy
        assert interval is not None
        return interval.value

    mean = (attribution("glass_blur:1") + attribution("glass_blur:5")) / 2
    change = (mean - attribution("none")) / attribution("none")
    line = next(line for line in done.stdout.splitlines() if line.startswith("| glass_blur †"))
    assert f"{mean:.3f} ({change:+.0%})" in line
    assert "| mean of the unseen †" in done.stdout and "tiny-prnu: attribution on test_seen" in done.stdout
    names = {file.name for file in (tmp_path / "figures").iterdir()}
    assert names == {
        *("robustness-test_seen.png", "severity-test_seen.png"),
        *("confusion-tiny-test_seen.png", "confusion-tiny-prnu-test_seen.png", "spectra-test_seen.png"),
        *("embedding-tiny-test_seen.png", "embedding-tiny-prnu-test_seen.png"),
    }
    again = compare("--robustness", *chosen, "--out", out, "--figures", tmp_path / "figures")
    assert again.returncode == 2 and "already exists" in again.stderr


def test_open_set_measures_confidence_against_sources_outside(compare: Any) -> None:
    done = compare("--open-set", "--json")
    assert done.returncode == 0, done.stderr
    assert "does not know pix2pix in test_seen+open" in done.stderr
    both = [each for each in json.loads(done.stdout) if each["split"] == "test_seen+open"]
    assert [each["n"] for each in both] == [18, 18]
    for each in both:
        assert 0 <= each["oscr"]["value"] <= each["auroc"]["value"] <= 1
    assert all(each["auroc"] is None for each in json.loads(done.stdout) if each["split"] == "test_seen")


def test_a_dry_run_says_what_is_missing_and_computes_nothing(compare: Any, tmp_path: Path) -> None:
    done = compare("--dry-run", "--out", tmp_path / "results")
    assert done.returncode == 0
    assert (
        "4 results of 2 weights in 2 conditions; 0 are there, 4 missing: 60 answers in 2 passes"
        in done.stdout
    )
    assert not (tmp_path / "results").exists()


def test_a_killed_comparison_ends_in_the_tables_of_an_uninterrupted_one(
    compare: Any,
    program: Any,
    tiny_manifest: Path,
    tiny_weights: Path,
    other_weights: Path,
    tmp_path: Path,
) -> None:
    kinds = [part for kind in ("fog", "contrast", "pixelate", "snow") for part in ("--corruption", kind)]
    options = ("--robustness", *kinds, "--markdown", "--predictions", "--out")
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    expected = compare(*options, whole)
    assert expected.returncode == 0, expected.stderr
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
        [*launch, *map(str, arguments)],
        check=False,
        capture_output=True,
        text=True,
        timeout=240,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == status, done.stderr
    return done


def test_two_processes_give_what_one_gives(
    compare: Any,
    program: Any,
    tiny_manifest: Path,
    tiny_weights: Path,
    other_weights: Path,
    tmp_path: Path,
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


def test_two_processes_evaluate_as_one_does(
    inside: Any, tiny_manifest: Path, tiny_weights: Path, tmp_path: Path
) -> None:
    # Three batches, one of them with an image that is not there.
    lines = tiny_manifest.read_text().splitlines()
    data = tmp_path / "some.csv"
    some = [f"{tiny_manifest.parent}/{line}" for line in lines[1:] if "test_seen" in line]
    data.write_text("\n".join([lines[0], *some, some[0].replace("test_seen0", "absent")]) + "\n")
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
    first = compare("--out", tmp_path / "rank1")
    assert first.returncode == 0, first.stderr
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
        done = compare("--out", tmp_path / "results")
    assert done.returncode == 2 and "Another process" in done.stderr
    assert not list(tmp_path.iterdir())


def test_results_of_other_images_or_another_view_are_not_taken_for_these(
    compare: Any, inside: Any, tiny_manifest: Path, tiny_weights: Path, tmp_path: Path
) -> None:
    out = tmp_path / "results"
    assert compare("--out", out).returncode == 0
    other = tmp_path / "other" / "tiny.csv"
    other.parent.mkdir()
    lines = tiny_manifest.read_text().splitlines()
    kept = [lines[0], *(f"{tiny_manifest.parent}/{line}" for line in lines[1:] if "test_seen4" not in line)]
    other.write_text("\n".join(kept) + "\n")
    refused = compare("--data", other, "--out", out)
    assert refused.returncode == 2 and "results of other images under the name tiny" in refused.stderr
    assert compare("--data", other, "--out", out, "--force").returncode == 0

    changed = tmp_path / "tiny"
    shutil.copytree(tiny_weights, changed)
    card = changed / "card.yaml"
    card.write_text(card.read_text().replace("training_scale: 1.0", "training_scale: 1.5"))
    assert compare("--out", tmp_path / "two").returncode == 0
    options = ("--data", tiny_manifest, *CONDITIONS, "--dry-run", "--out", tmp_path / "two")
    assert "2 are there, 0 missing" in inside("compare", "--weights", tiny_weights, *options).stdout
    assert "0 are there, 2 missing" in inside("compare", "--weights", changed, *options).stdout


def test_predictions_of_an_earlier_result_do_not_stay_beside_a_later_one(
    compare: Any, tmp_path: Path
) -> None:
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
    monkeypatch.setattr("ganprint.evaluation.entry.result_key.__defaults__", ((None, None), 99))
    assert "0 are there, 4 missing" in compare("--out", out, "--dry-run").stdout


def test_a_manifest_in_the_folder_of_results_is_not_overwritten(
    compare: Any, tiny_manifest: Path, tmp_path: Path
) -> None:
    shutil.copy(tiny_manifest, tmp_path)
    done = compare("--out", tmp_path)
    assert done.returncode == 2 and "tiny.csv is there and has no results" in done.stderr
    assert (tmp_path / "tiny.csv").read_bytes() == tiny_manifest.read_bytes()


def test_a_folder_with_figures_is_refused_before_anything_is_computed(compare: Any, tmp_path: Path) -> None:
    (tmp_path / "figures").mkdir()
    (tmp_path / "figures" / "mine.png").touch()
    done = compare("--figures", tmp_path / "figures", "--out", tmp_path / "results")
    assert done.returncode == 2 and "has files in it" in done.stderr
    assert not (tmp_path / "results").exists()
    (tmp_path / "file").touch()
    done = compare("--out", tmp_path / "file")
    assert done.returncode == 2 and "not a folder to write to" in done.stderr


def test_the_datas_names_can_be_mapped_to_the_weights(
    compare: Any, tiny_manifest: Path, tmp_path: Path
) -> None:
    renamed = tmp_path / "renamed.csv"
    text = tiny_manifest.read_text().replace(",progan,", ",pg,").replace(",stylegan,", ",sg,")
    renamed.write_text(
        text.replace("\n", f"\n{tiny_manifest.parent}/").removesuffix(f"{tiny_manifest.parent}/")
    )
    alone = json.loads(compare("--json").stdout)
    refused = compare("--data", renamed, "--json")
    assert (
        refused.returncode == 2 and "knows no generator of" in refused.stderr and "--rename" in refused.stderr
    )
    mapped = compare("--data", renamed, "--rename", "pg=progan", "--rename", "sg=stylegan", "--json")
    assert mapped.returncode == 0, mapped.stderr
    assert [each["confusion"] for each in json.loads(mapped.stdout)] == [each["confusion"] for each in alone]


def test_attacks_have_errors_and_methods_without_gradients_a_surrogate(
    compare: Any, inside: Any, tmp_path: Path
) -> None:
    options = ("--adversarial", "--attack", "pgd", "--epsilon", "4", "--epsilon", "32", "--markdown")
    done = compare(*options, "--out", tmp_path / "out", "--figures", tmp_path / "figures")
    assert done.returncode == 0, done.stderr
    table = done.stdout[done.stdout.index("under attack") :]
    head, _, *rows = [line for line in table.splitlines() if line.startswith("|")]
    assert head == "| weights | clean attribution | PGD on attribution, 10 steps: 4/255 / 32/255 |"
    assert [row.split(" | ")[0] for row in rows] == ["| tiny", "| tiny-prnu (through tiny)"]
    found = {(entry.weights, entry.policy): entry for entry in read_entries(tmp_path / "out")}
    for name, through in (("tiny", None), ("tiny-prnu", "tiny")):
        entry = found[name, "attack:pgd=32"]
        assert entry.surrogate == through and (entry.surrogate_sha256 is None) == (through is None)
        error = f"{1 - entry.attribution_accuracy.value:.3f}"  # type: ignore[union-attr]
        assert error in next(row for row in rows if row.startswith(f"| {name}"))
    assert (tmp_path / "figures" / "adversarial-pgd-attribution-test_seen.png").is_file()
    before = {file: file.read_bytes() for file in (tmp_path / "out").rglob("*.json")}
    assert compare(*options, "--out", tmp_path / "out").stdout == done.stdout
    assert {file: file.read_bytes() for file in (tmp_path / "out").rglob("*.json")} == before
    assert "4/255 / 32/255 |" in inside("leaderboard", tmp_path / "out", "--markdown").stdout


@pytest.mark.parametrize(("unit", "metrics"), [("group", 3), ("image", 4)])
def test_other_forms_are_printed(unit: str, metrics: int, compare: Any) -> None:
    done = compare("--csv", "--unit", unit)
    assert done.returncode == 0, done.stderr
    head = "method,weights,split,policy,seed,n,metric,value,low,high,data,at,engine,precision,unit,groups"
    assert done.stdout.splitlines()[0] == head
    assert len(done.stdout.splitlines()) == 1 + 4 * metrics
    done = compare("--intervals", "--unit", unit)
    assert "tiny-prnu" in done.stdout and (" - " in done.stdout) == (unit == "image")


@pytest.mark.parametrize(
    ("options", "status", "said"),
    [
        (("--condition", "test_seen"), 2, "is not a condition"),
        (("--condition", "nowhere:none"), 2, "no split 'nowhere'"),
        (("--condition", "test_seen:rain"), 2, "There is no policy 'rain'"),
        (("--weights", "nothing"), 3, "no weights called nothing"),
        (("--corruption", "fog"), 2, "need --robustness"),
        (("--robustness", "--corruption", "rain"), 2, "There is no policy 'rain:1'"),
        (("--predictions",), 2, "needs a folder of results"),
        (("--rename", "pg"), 2, "'pg' is not NAME=SOURCE"),
        (("--rename", "pg=progan"), 2, "has no source 'pg'"),
        (("--condition", "open:none"), 2, "has images of pix2pix only in open"),
        (("--json", "--latex"), 2, "cannot be combined"),
        (("--method", "prnu,nothing"), 2, "no method called nothing"),
        (("--limit", "3", "--record"), 2, "needs whole splits"),
        (("--metric", "balanced_accuracy"), 2, "over groups is balanced"),
        (("--against", "nothing", "--condition", "test_seen:none"), 2, "no result of nothing"),
    ],
)
def test_what_cannot_be_compared_is_a_sentence_and_a_hint(
    options: tuple[str, ...], status: int, said: str, inside: Any, tiny_manifest: Path
) -> None:
    named = () if "--weights" in options else ("--weights", "prnu.wild128")
    done = inside("compare", "--data", tiny_manifest, *named, *options)
    assert done.returncode == status
    assert said in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("options", "policies"),
    [((), "none test-seen"), (("--robustness", "--corruption", "fog", "--severity", "1"), "none fog:1")],
)
def test_without_a_named_split_the_one_that_data_split_writes_is_taken(
    options: tuple[str, ...], policies: str, inside: Any, tiny_manifest: Path, tmp_path: Path
) -> None:
    (tmp_path / "split.csv").write_text(tiny_manifest.read_text().replace("test_seen", "test"))
    data = ("--data", tmp_path / "split.csv", "--images", tiny_manifest.parent)
    done = inside("compare", "--weights", "prnu.wild128", *data, *options, "--dry-run")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[1:] == [
        f"test under {policy}: prnu.wild128" for policy in policies.split()
    ]


def test_data_of_sources_that_no_weights_know_is_a_sentence(
    inside: Any, tiny_manifest: Path, tmp_path: Path
) -> None:
    text = tiny_manifest.read_text().replace("progan,", "madegan,").replace(",madegan-1", ",progan-1")
    (tmp_path / "other.csv").write_text(text)
    done = inside("compare", "--data", tmp_path / "other.csv")
    assert done.returncode == 3
    assert "No installed weights were trained on other.csv or know its sources" in done.stderr


def test_a_file_that_is_no_result_is_named(compare: Any, tmp_path: Path) -> None:
    (tmp_path / "mine.json").write_text("{}")
    done = compare("--out", tmp_path)
    assert done.returncode == 2 and "mine.json is not a result" in done.stderr


def test_resharing_has_a_row_for_each_chain(compare: Any) -> None:
    done = compare("--resharing", "--markdown")
    assert done.returncode == 0, done.stderr
    table = done.stdout[done.stdout.index("after post-processing") :]
    rows = [line for line in table.splitlines() if line.startswith("| ")]
    assert rows[0] == "| shared | tiny | tiny-prnu |" and rows[1].startswith("| clean |")
    assert [row.split(" | ")[0] for row in rows[2:]] == [f"| {chain}" for chain in RESHARING]
    assert all(row.count("%") == 2 for row in rows[2:])
