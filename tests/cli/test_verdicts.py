"""Verdicts as a user gets them from weights that say how to judge, and all that goes with them."""

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from ganprint.files import locked_folder
from ganprint.forensics.journal import Answered
from ganprint.weights import read_card

from ..conftest import json_lines, manifest_rows, write_manifest


@pytest.fixture(scope="module")
def case(inside, judged_weights, tiny_manifest, grown_manifest, tmp_path_factory) -> Path:
    """Return a folder of the surest image of each source, one of another source, and one of flat grey."""
    folder = tmp_path_factory.mktemp("case")
    answers = json_lines(inside("attribute", grown_manifest.parent, "--weights", judged_weights, "--json").stdout)
    for source in ("real", "progan", "stylegan"):
        surest = max(answers, key=lambda row, source=source: row["probabilities"][source])
        shutil.copy(surest["path"], folder / f"{source}.png")
    shutil.copy(tiny_manifest.parent / "pix2pix" / "open0.png", folder / "other.png")
    Image.fromarray(np.full((40, 40, 3), 128, np.uint8)).save(folder / "flat.png")
    return folder


@pytest.fixture(scope="module")
def judge(inside: Any, judged_weights: Path) -> Any:
    """Return a function that runs `attribute` with weights that say how to judge."""

    def run(*arguments: str | Path, **options: Any) -> subprocess.CompletedProcess[str]:
        return inside("attribute", *arguments, "--weights", judged_weights, **options)

    return run


def test_a_verdict_has_its_reason_ratios_squares_and_stability(judge: Any, case: Path) -> None:
    done = judge(case, "--stability", "--metadata", "--json", status=0)
    found = {Path(row["path"]).stem: row for row in json_lines(done.stdout)}
    for source in ("progan", "stylegan"):
        row = found[source]
        assert row["verdict"] == row["source"] == row["likeliest"] == source
        assert "named from" in row["reason"] and row["known_score"] is not None and row["family"] == "gan"
        assert all(each["log10"] > 0 for each in row["likelihood_ratios"])
    assert found["real"]["verdict"] == "real" and found["real"]["source"] is None
    assert found["flat"]["verdict"] == "inconclusive" and found["flat"]["probabilities"] == {}
    assert found["flat"]["reason"] == "Nothing to examine: it has no texture."
    for row in found.values():
        if not row["probabilities"]:
            continue
        assert {each["change"] for each in row["stability"]} >= {"jpeg=90", "resize=0.75", "crop=0.9"}
        assert all(each["holds"] == (each["verdict"] == row["verdict"]) for each in row["stability"])
        assert row["views"]["count"] >= 1 and row["metadata"]["c2pa"]["state"] == "absent"
    told = judge(case / "progan.png", "--stability", "--metadata").stdout
    for part in ("stability: holds under", "metadata: ", "proves"):
        assert part in told


def test_fail_on_knows_the_new_verdicts(judge: Any, case: Path) -> None:
    assert judge(case / "flat.png", "--fail-on", "real").returncode == 0
    verdict = json_lines(judge(case / "flat.png", "--json").stdout)[0]["verdict"]
    assert judge(case / "flat.png", "--fail-on", verdict).returncode == 4


@pytest.mark.parametrize("form", ["--json", "--csv"])
def test_a_batch_that_was_killed_goes_on_without_a_line_twice_or_lost(
    judge: Any, judged_weights: Path, case: Path, tmp_path: Path, form: str
) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(200):
        shutil.copy(case / ("progan.png", "real.png")[number % 2], folder / f"{number:03}\n=1\udce9.png")
    (folder / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    out = tmp_path / "out.verdicts"
    command = [
        sys.executable, "-m", "ganprint", "attribute", folder, "--weights", judged_weights, "--out", out,
    ]  # fmt: skip
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    with subprocess.Popen([*map(str, command), form], env=environment, stderr=subprocess.DEVNULL) as process:
        while process.poll() is None and (not out.exists() or out.stat().st_size < 3000):
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
    before = out.read_bytes()
    with out.open("ab") as file:
        file.write(before.splitlines(keepends=True)[-1][:-9])
    assert "--resume" in judge(folder, "--out", out, form, status=2).stderr
    assert "broken.png" in judge(folder, "--out", out, "--resume", form, status=1).stderr
    text = out.read_text(encoding="utf-8")
    assert text.startswith(before.decode()[: before.rfind(b"\n")])
    rows = json_lines(text) if form == "--json" else list(csv.DictReader(text.splitlines()))
    assert len(rows) == 201 and len({row["path"] for row in rows}) == 201
    if form == "--csv":
        assert all("\n" not in row["path"] for row in rows)
    size = out.stat().st_size
    again = judge(folder, "--out", out, "--resume", form)
    assert again.returncode == 1 and "201 images were answered before, 1 of them without" in again.stderr
    assert "another --out" in again.stderr
    assert out.stat().st_size == size
    assert judge(folder, "--out", out, "--resume", form, "--fail-on", "synthetic").returncode == 4


def test_a_file_of_verdicts_is_what_its_name_says(judge: Any, case: Path, tmp_path: Path) -> None:
    for name, options, opening in (("a.csv", (), "path,"), ("b.csv", ("--json",), "{"), ("c.doc", ("--json",), "{")):
        judge(case / "real.png", "--out", tmp_path / name, *options, status=0)
        assert (tmp_path / name).read_text().startswith(opening)


def test_a_file_of_other_weights_or_another_kind_is_not_gone_on_with(judge: Any, case: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    (row,) = json_lines(judge(case / "real.png", "--json").stdout)
    out.write_text(json.dumps(row | {"judged_by_sha256": "0" * 64}) + "\n")
    assert "begun with other weights" in judge(case, "--out", out, "--resume", status=2).stderr
    for text in ("a shopping list\n", "without an end", '{"my": "only copy"}'):
        out.write_text(text)
        for form in ("--json", "--csv"):
            done = judge(case, "--out", out, "--resume", form)
            assert done.returncode == 2 and out.read_text() == text, (text, form, done.stderr)
    out.write_text('{"schema_ver')
    assert judge(case, "--out", out, "--resume").returncode == 0 and len(json_lines(out.read_text())) == 5


def test_verdicts_as_parquet_are_the_lines_and_lose_none_to_a_kill(
    judge: Any, judged_weights: Path, case: Path, tmp_path: Path
) -> None:
    out, unfinished = tmp_path / "out.parquet", tmp_path / ".out.parquet.unfinished"
    assert judge(case, "--out", tmp_path / "out.jsonl").returncode == 0
    expected = (tmp_path / "out.jsonl").read_text().splitlines()
    # As a kill leaves it: some whole lines, and one cut off.
    unfinished.write_text("\n".join(expected[:2]) + "\n" + expected[2][:50])
    assert "--resume" in judge(case, "--out", out, status=2).stderr
    assert judge(case, "--out", out, "--csv").returncode == 2
    assert "2 images were answered before" in judge(case, "--out", out, "--resume", status=0).stderr
    table = pq.read_table(out)
    assert table["json"].to_pylist() == expected and not unfinished.exists()
    rows = [json.loads(line) for line in expected]
    for name in ("path", "verdict", "synthetic_probability", "warnings"):
        assert table[name].to_pylist() == [row[name] for row in rows]
    assert table["p_real"].to_pylist() == [row["probabilities"].get("real") for row in rows]
    shutil.copy(case / "real.png", tmp_path / "one.png")
    assert judge(case, tmp_path / "one.png", "--out", out, "--resume").returncode == 0
    assert pq.read_table(out)["json"].to_pylist()[:-1] == expected
    out.write_bytes(b"my only copy")
    assert judge(case, "--out", out, "--resume").returncode == 2 and out.read_bytes() == b"my only copy"


def test_lines_answer_for_images_in_any_order_and_each_once() -> None:
    names = [f"{number}.png" for number in range(50)] + ["7.png"]
    asked = ["0.png", "1.png", "new.png", *reversed(names), "7.png"]
    answered = Answered(iter(names))
    assert [name for name in asked if not answered.take(name)] == ["new.png", "1.png", "0.png", "7.png"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full, a disk that is always full")
def test_a_full_disk_is_a_sentence(judge: Any, program: Any, judged_weights: Path, case: Path, tmp_path: Path) -> None:
    (tmp_path / "full.jsonl").symlink_to("/dev/full")
    assert "not a regular file" in judge(case, "--out", tmp_path / "full.jsonl", "--force", status=1).stderr
    with Path("/dev/full").open("w") as full:
        streams = {"capture_output": False, "stdout": full, "stderr": subprocess.PIPE}
        done = program("attribute", case, "--json", "--weights", judged_weights, **streams)
    assert done.returncode == 1 and "No space left" in done.stderr


def test_a_source_is_enrolled_answered_listed_and_forgotten(
    inside: Any, judge: Any, judged_weights: Path, case: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "stripes"
    folder.mkdir()
    random = np.random.default_rng(5)
    for number in range(14):
        pixels = random.integers(0, 256, (40, 40, 3)).astype(np.uint8)
        pixels[:, :, 0] = pixels[:, :, 1] = pixels[:, :, 2] // 4
        Image.fromarray(pixels).save(folder / f"{number}.png")
    (folder / "13.png").rename(tmp_path / "asked.png")
    few = inside("enroll", "stripes", folder / "0.png", "--weights", judged_weights)
    assert few.returncode == 2 and "different images at least" in few.stderr
    digest = read_card(judged_weights).sha256
    with locked_folder(tmp_path / "home" / "ganprint" / "galleries" / (digest or "")[:16]):
        home = {"XDG_DATA_HOME": str(tmp_path / "home")}
        second = inside("enroll", "stripes", folder, "--weights", judged_weights, env=home)
    assert second.returncode == 2 and "Another process" in second.stderr
    done = inside("enroll", "<b>stripes", folder, "--weights", judged_weights, "--json", status=0)
    record = json.loads(done.stdout)
    assert len(record["images"]) == record["found"]["n"] == 13
    assert "--force" in inside("enroll", "<b>stripes", folder, "--weights", judged_weights, status=2).stderr
    (row,) = json_lines(judge(tmp_path / "asked.png", "--json").stdout)
    assert row["verdict"] == row["source"] == "<b>stripes" and "enrolled images" in row["reason"]
    assert not row["likelihood_ratios"]  # they are about the other generators
    (row,) = json_lines(judge(case / "progan.png", "--json").stdout)
    assert row["verdict"] == "progan" and set(row["enrolled"]) == {"<b>stripes"}
    (row,) = json_lines(judge(tmp_path / "asked.png", "--json", "--no-enrolled").stdout)
    assert row["verdict"] != "<b>stripes" and not row["enrolled"]
    assert "<b>stripes" in inside("enroll", "--list", "--weights", judged_weights).stdout
    assert inside("enroll", "<b>stripes", "--remove", "--weights", judged_weights).returncode == 0
    assert "enrolled" in inside("enroll", "<b>stripes", "--remove", "--weights", judged_weights, status=2).stderr


def test_a_case_is_verified_and_what_changed_is_said(
    inside: Any, judge: Any, judged_weights: Path, case: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "evidence"
    shutil.copytree(case, folder)
    report = tmp_path / "case.html"
    done = judge("evidence", "--report", report, "--stability", "--no-maps", cwd=tmp_path, status=0)
    assert "evidence/real.png: NO TRACE" in done.stdout and f"report: {report}" in done.stderr
    record = json.loads((tmp_path / "case.json").read_text())
    assert record["images"][0]["sha256_after"] == record["images"][0]["verdict"]["sha256"]
    environment = {"GANPRINT_WEIGHTS": str(judged_weights.parent)}
    assert "5 same" in inside("verify", tmp_path / "case.json", env=environment, status=0).stdout
    shutil.copy(folder / "real.png", folder / "progan.png")
    (folder / "flat.png").unlink()
    record["images"][3]["verdict"]["reason"] = "extremely strong support"
    (tmp_path / "case.json").write_text(json.dumps(record))
    changed = inside("verify", tmp_path / "case.json", "--json", env=environment, status=1)
    outcomes = {Path(row["path"]).stem: row["outcome"] for row in json_lines(changed.stdout)}
    assert outcomes["progan"] == "file changed" and outcomes["flat"] == "file missing"
    assert outcomes["real"] == "differs" and outcomes["stylegan"] == outcomes["other"] == "same"
    assert "case.html was not written with this case.json" in changed.stderr
    assert "not installed" in inside("verify", tmp_path / "case.json", status=3).stderr
    (tmp_path / "other.json").write_text("{}")
    assert inside("verify", tmp_path / "other.json").returncode == 2


def test_several_methods_answer_each_agree_and_are_fused(
    inside: Any, judged_weights: Path, grown_manifest: Path, case: Path, tmp_path: Path
) -> None:
    second = tmp_path / "store" / "second"
    options = ("--set", "view.size=32", "--set", "levels=[2]", "--set", "sigmas=[5.0]")
    data = grown_manifest.read_text().replace(",val,", ",train,", 40)
    (grown_manifest.parent / "halves.csv").write_text(data)
    inside(
        *("train", "--method", "prnu", "--data", grown_manifest.parent / "halves.csv", "--out", second),
        *("--workers", "0", *options),
        status=0,
    )
    both = f"{judged_weights},{second}"
    (row,) = json_lines(inside("attribute", case / "progan.png", "--weights", both, "--json").stdout)
    assert [each["method"] for each in row["methods"]] == ["repmix", "prnu"]
    told = inside("attribute", case / "progan.png", "--weights", both).stdout
    assert "none: not calibrated" in told
    assert "no fusion was learned" in row["reason"]
    out = tmp_path / "store" / "fusion.json"
    learned = inside(
        *("fuse", "--data", grown_manifest, "--weights", both, "--policy", "none", "--test", "test_seen"),
        *("--out", out),
    )
    assert learned.returncode == 2 and "test_seen" in learned.stderr  # 15 images are too few to test on.
    learned = inside("fuse", "--data", grown_manifest, "--weights", both, "--policy", "none", "--out", out, status=0)
    assert "all, fused" in learned.stdout
    environment = {"GANPRINT_WEIGHTS": str(out.parent)}
    asked = ("attribute", case, "--weights", both, "--json")
    found = {Path(row["path"]).stem: row for row in json_lines(inside(*asked, env=environment).stdout)}
    row = found["progan"]
    assert row["method"] == "repmix+prnu" and row["likeliest"] == "progan"
    assert sum(row["probabilities"].values()) == pytest.approx(1, abs=1e-4)
    assert row["agreement"]["real"] + row["agreement"]["synthetic"] + row["agreement"]["inconclusive"] == 2
    told = inside("attribute", case / "real.png", "--weights", both, "-v", env=environment).stdout
    assert "of 2 methods: " in told
    rows = [line for line in told.splitlines() if line.startswith((" repmix ", " prnu "))]
    assert [line.split()[0] for line in rows] == ["repmix", "prnu"]
    assert "no trace" in rows[0] and "no generator" in rows[0] and "real" not in rows[0].split()


def test_what_verdicts_are_worth_is_counted_and_kept(
    inside: Any, judged_weights: Path, grown_manifest: Path, tmp_path: Path
) -> None:
    weights = tmp_path / "weights"
    shutil.copytree(judged_weights, weights)
    done = inside(
        *("assess", "--data", grown_manifest, "--weights", weights, "--split", "test_seen+open"),
        *("--policy", "none", "--figure", tmp_path / "curve.png", "--record"),
        status=0,
    )
    for part in ("photographs called synthetic", "Cllr", "real-1", "knn", "vim"):
        assert part in done.stdout
    (rates,) = read_card(weights).judgement.rates
    assert rates.n == 18 and sum(rates.verdicts.values()) == pytest.approx(1, abs=1e-3)
    assert rates.false_alarms.n == 5 and rates.unknown.n == 3 and rates.missed.n == 10
    assert set(rates.auroc) == {"max-probability", "energy", "mahalanobis", "knn", "vim"}
    assert Image.open(tmp_path / "curve.png").size[0] > 300
    inside("assess", "--data", grown_manifest, "--weights", weights.parent / "none", status=3)


def test_rates_are_counted_where_the_weights_know_no_generator_of_the_data(
    inside: Any, judged_weights: Path, tiny_manifest: Path, tmp_path: Path
) -> None:
    rows = [
        {"path": row["path"], "source": row["source"].replace("gan", "-gan"), "group": row["group"]}
        for row in manifest_rows(tiny_manifest, absolute=False)
        if row["split"] == "test_seen"
    ]
    data = write_manifest(tmp_path / "other.csv", rows)
    options = ("--images", tiny_manifest.parent, "--weights", judged_weights, "--policy", "none")
    done = inside("assess", "--data", data, *options, "--json", status=0)
    (rates,) = json_lines(done.stdout)
    assert (rates["unknown"]["n"], rates["missed"]) == (10, None)
    assert 0 <= rates["cllr_min"] <= rates["cllr"]


HOSTILE = (
    "<script>alert(1)<\u2044script>.png", "\x1b]0;owned\x07\x1b[31mred.png", "=cmd|' -C calc'!A0.png",
    "two\nlines\r.png", "\u202egnp.exe.png", "caf\udce9.png", "[bold]markup.png", ":smile:.png",
)  # fmt: skip


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such names")
def test_hostile_names_and_metadata_stay_text_wherever_they_are_written(
    inside: Any, judge: Any, judged_weights: Path, case: Path, tmp_path: Path
) -> None:
    exif = Image.Exif()
    exif[0x010E] = "<img src=x onerror=alert(1)>\x1b[31m\n=1+1\x00end"
    exif[0x0131] = "{{7*7}} & \u202eevil"
    folder = tmp_path / "hostile"
    folder.mkdir()
    for name in HOSTILE:
        with Image.open(case / "progan.png") as image:
            image.save(folder / name, "PNG", exif=exif)
    (folder / "loop").symlink_to(folder)
    rows = json_lines(judge(folder, "--recursive", "--metadata", "--json").stdout)
    assert len(rows) == len(HOSTILE) and {row["verdict"] for row in rows} == {"progan"}
    told = judge(folder, "--recursive", "--metadata").stdout
    assert told.count(": SYNTHETIC") == len(HOSTILE) and "[bold]markup.png" in told and ":smile:.png" in told
    table = judge(folder, "--recursive", "--csv").stdout
    report = tmp_path / "case.html"
    assert judge(folder, "--recursive", "--no-maps", "--report", report).returncode == 0
    page = report.read_text(encoding="utf-8")
    for text in (told, table, page):
        assert "\x1b" not in text and "\u202e" not in text and "\x07" not in text
    assert all(row["path"][0] not in "=+-@" for row in csv.DictReader(table.splitlines()))
    assert len(list(csv.DictReader(table.splitlines()))) == len(HOSTILE)
    assert "<script" not in page and "<img src=x" not in page and "49 &" not in page
    environment = {"GANPRINT_WEIGHTS": str(judged_weights.parent)}
    checked = inside("verify", report.with_suffix(".json"), env=environment, status=0)
    assert f"{len(HOSTILE)} same" in checked.stdout and "\x1b" not in checked.stdout


@pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_may_not_be_written_to_is_a_sentence(judge: Any, case: Path, tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    assert "Permission denied" in judge(case, "--out", tmp_path / "out.jsonl", status=1).stderr
    assert "Permission denied" in judge(case, "--no-maps", "--report", tmp_path / "case.html", status=1).stderr
