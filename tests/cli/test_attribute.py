"""`ganprint attribute` as a user runs it: what goes to stdout, what to stderr, and the exit status."""

import csv
import hashlib
import io
import json
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from ganprint.calibration.decision import whole_percent
from ganprint.cli.verdicts import TextWriter, details, explanation, headline
from ganprint.forensics.journal import Journal
from ganprint.forensics.verdict import Evidence, Verdict, Views

from ..conftest import json_lines

EXAMPLES = Path(__file__).parents[2] / "examples"
FIELDS = [
    "schema_version", "path", "sha256", "width", "height", "format", "verdict", "source", "family",
    "synthetic_probability", "probabilities", "runner_up", "method", "weights", "weights_sha256", "warnings",
    "size_warnings", "error", "spread", "reason", "likeliest", "known_score", "likelihood_ratios", "views",
    "evidence", "crops", "enrolled", "methods", "agreement", "stability", "metadata", "stated_generator",
    "judged_by_sha256",
]  # fmt: skip


@pytest.fixture
def attribute(inside, judged_weights: Path, tmp_path: Path):
    """Return a function that runs `attribute` with the tiny weights in an empty folder, here or by another program."""

    def run(*arguments: str | Path, by: Any = inside, **options: Any):
        return by("attribute", *arguments, "--weights", judged_weights, cwd=tmp_path, **options)

    return run


@pytest.fixture
def case(tiny_manifest: Path, tmp_path: Path) -> Path:
    """Return a folder of three images, one below, one broken and a text file."""
    folder = tmp_path / "case"
    (folder / "deep").mkdir(parents=True)
    for number, source in enumerate(("real", "progan", "stylegan")):
        with Image.open(tiny_manifest.parent / source / "test_seen0.png") as image:
            image.save(folder / ("deep" if number == 2 else "") / f"{source}.png")
    (folder / "broken.png").write_bytes((folder / "real.png").read_bytes()[:100])
    (folder / "notes.txt").write_text("not an image")
    return folder


def test_json_has_the_stable_fields_and_the_right_answers(attribute, case: Path, judged_weights: Path) -> None:
    done = attribute(case, "--recursive", "--json")
    found = {Path(row["path"]).name: row for row in json_lines(done.stdout)}
    assert list(found) == ["broken.png", "stylegan.png", "progan.png", "real.png"]
    assert all(list(row) == FIELDS for row in found.values())
    for source in ("progan", "stylegan"):
        row = found[f"{source}.png"]
        assert (row["verdict"], row["source"], row["error"]) == (source, source, None)
        assert row["synthetic_probability"] > 0.5
    real = found["real.png"]
    assert (real["verdict"], real["source"]) == ("real", None)
    assert (real["width"], real["height"], real["format"]) == (40, 40, "PNG")
    assert real["sha256"] == hashlib.sha256((case / "real.png").read_bytes()).hexdigest()
    weights = (judged_weights / "model.safetensors").read_bytes()
    assert real["weights_sha256"] == hashlib.sha256(weights).hexdigest()
    assert sum(real["probabilities"].values()) == pytest.approx(1, abs=1e-5)
    assert real["runner_up"] != "real"
    broken = found["broken.png"]
    assert broken["verdict"] is None
    assert broken["error"]["code"] == "damaged_image"
    assert "broken.png" in broken["error"]["message"]


def test_a_bad_file_is_named_on_stderr_and_exits_1_with_the_rest_done(attribute, case: Path) -> None:
    done = attribute(case, status=1)
    assert "broken.png" in done.stderr
    assert "progan.png: SYNTHETIC, made by progan" in done.stdout
    assert "real.png: NO TRACE of the generators this tool knows" in done.stdout
    assert "That does not show that it is real." in done.stdout
    for said in ("which know real, progan, stylegan.", "3 images: ", "1 not examined"):
        assert said in done.stdout
    unmeasured = "The error rates of these verdicts were not measured; ganprint assess --weights "
    assert done.stdout.count(unmeasured) == 1
    told = attribute(case, "--verbose").stdout
    assert told.splitlines()[-1].endswith("not proof of where an image comes from.")


def test_what_to_do_about_bad_files_is_said_once(attribute, case: Path) -> None:
    (case / "cut.png").write_bytes((case / "broken.png").read_bytes())
    said = attribute(case / "broken.png", case / "cut.png", case / "notes.txt").stderr
    assert said.count("Get a complete copy of the file") == 1
    assert said.count("JPEG, PNG, WebP, BMP") == 1
    (row,) = json_lines(attribute(case / "notes.txt", "--json").stdout)
    assert row["error"]["hint"].startswith("JPEG, PNG, WebP, BMP")


def test_folders_that_were_not_searched_are_named(attribute, inside, case: Path) -> None:
    said = "the folders in case were not searched; --recursive does that."
    assert said in attribute("case").stderr
    assert said in attribute("case", "--json").stderr
    assert said in inside("perturb", "case", "out", "--corruption", "fog", cwd=case.parent).stderr
    assert "were not searched" not in attribute("case", "--recursive").stderr
    assert "were not searched" not in attribute("case/deep").stderr
    assert "were not searched" not in attribute("case/real.png").stderr


def test_an_interruption_says_what_is_kept(attribute, case: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = Journal.write

    def interrupt(journal: Journal, verdict: Verdict) -> None:
        write(journal, verdict)
        raise KeyboardInterrupt

    monkeypatch.setattr(Journal, "write", interrupt)
    monkeypatch.setattr(TextWriter, "write", interrupt_at_once)
    told = attribute(case, "--out", "out.jsonl", status=130).stderr
    assert told == "ganprint: interrupted; the answers so far are kept. Rerun the command with --resume to continue.\n"
    told = attribute(case, "--no-maps", "--report", "case.html", status=130).stderr
    assert told == "ganprint: interrupted; no report was written.\n"
    assert attribute(case, status=130).stderr == "ganprint: interrupted.\n"


def interrupt_at_once(writer: TextWriter, verdict: Verdict) -> None:
    raise KeyboardInterrupt


def test_any_command_that_is_interrupted_says_so(inside, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*anything: object, **more: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("ganprint.api.installed.methods", interrupt)
    assert inside("methods", "--json", status=130).stderr == "ganprint: interrupted.\n"


@pytest.mark.parametrize(
    ("share", "said"), [(0.0, "under 1%"), (0.0049, "under 1%"), (0.006, "1%"), (0.994, "99%"), (0.9951, "over 99%")]
)
def test_no_share_is_none_or_all(share: float, said: str) -> None:
    assert whole_percent(share) == said
    verdict = Verdict(
        path="a.png", verdict="progan", source="progan", synthetic_probability=share, method="repmix", weights="w",
        weights_sha256=None,
    )  # fmt: skip
    assert headline(verdict).plain.endswith(f"P(synthetic) {said}")


def test_weights_that_are_not_calibrated_give_scores_and_no_verdict(inside, tiny_weights: Path, case: Path) -> None:
    command = ("attribute", case / "real.png", "--weights", tiny_weights)
    first, *rest = inside(*command).stdout.splitlines()
    assert re.search(r"real.png: NO VERDICT  score of synthetic \d+%, best match", first)
    assert "not calibrated" in rest[0]
    assert rest[1].strip().startswith(f"ganprint calibrate --weights {tiny_weights} ")
    batch = inside(*command, case / "progan.png").stdout
    assert batch.count("NO VERDICT") == 2 and batch.count("ganprint calibrate") == 1
    (row,) = json_lines(inside(*command, "--json", "--fail-on", "synthetic").stdout)
    assert (row["verdict"], row["likeliest"]) == ("inconclusive", "real") and row["probabilities"]


def test_without_failures_it_exits_0_and_says_nothing_on_stderr(attribute, program, case: Path) -> None:
    done = attribute(case / "real.png", case / "progan.png", by=program)
    assert (done.returncode, done.stderr) == (0, "")
    assert "\x1b" not in done.stdout


def test_the_same_input_gives_the_same_bytes_alone_and_in_a_batch(attribute, program, case: Path) -> None:
    one = attribute(case / "real.png", "--json", by=program).stdout
    assert attribute(case / "real.png", "--json", by=program).stdout == one
    batch = json_lines(attribute(case / "progan.png", case / "real.png", "--json").stdout)
    alone = json.loads(one)
    assert batch[1]["probabilities"] == pytest.approx(alone["probabilities"], abs=1e-4)


def test_standard_input_patterns_and_lists_name_images_too(attribute, program, case: Path, tmp_path: Path) -> None:
    data = (case / "progan.png").read_bytes()
    done = attribute("-", "--json", by=program, input=data, text=False)
    assert (json_lines(done.stdout.decode())[0]["path"], done.returncode) == ("-", 0)
    found = json_lines(attribute("case/**/*gan.png", "--json").stdout)
    assert [row["verdict"] for row in found] == ["stylegan", "progan"]
    (tmp_path / "list.txt").write_text("case/real.png\ncase/absent.png\n")
    done = attribute("--files-from", "list.txt", "--json")
    assert [row["error"] and row["error"]["code"] for row in json_lines(done.stdout)] == [None, "not_found"]
    assert done.returncode == 1
    listed = attribute("--files-from", "-", "--json", by=program, input="case/real.png\ncase/absent.png\n")
    assert (listed.stdout, listed.returncode) == (done.stdout, 1)
    assert "more than once" in attribute("-", "-", by=program, input="").stderr
    done = attribute("-", "--files-from", "-", by=program, input="")
    assert done.returncode == 2 and "cannot be an image and a list" in done.stderr


def test_csv_has_a_row_an_image(attribute, case: Path) -> None:
    (row,) = csv.DictReader(io.StringIO(attribute(case / "real.png", "--csv").stdout))
    assert list(row) == [
        *("path", "sha256", "verdict", "synthetic_probability", "runner_up"),
        *("p_real", "p_progan", "p_stylegan", "warnings", "error"),
        *("reason", "likeliest", "log10_lr_synthetic", "known_score", "stable", "judged_by_sha256"),
    ]
    assert row["path"].endswith("real.png")


@pytest.mark.parametrize(
    ("verdict", "status"), [("synthetic", 4), ("progan", 4), ("stylegan", 0), ("real", 0), ("nobody", 2)]
)
def test_the_verdict_is_an_exit_status_only_when_asked_for(attribute, case: Path, verdict: str, status: int) -> None:
    assert attribute(case / "progan.png", "--fail-on", verdict).returncode == status


def test_a_folder_without_images_and_a_limit_on_pixels_are_sentences(attribute, case: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    done = attribute("empty", "--json", status=1)
    assert "empty" in json_lines(done.stdout)[0]["error"]["message"]
    done = attribute(case / "real.png", "--max-pixels", "1000", status=1)
    assert "--max-pixels" in done.stderr or "1,000" in done.stderr


def test_what_to_beware_of_is_said_with_the_answer(attribute, tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (200, 300, 4)).astype(np.uint8)
    Image.fromarray(pixels).save(tmp_path / "large.png")
    (row,) = json_lines(attribute("large.png", "--json").stdout)
    said = " ".join(row["warnings"])
    for part in ("reduced from 200 to 32 px", "white"):
        assert part in said


def test_that_an_image_is_too_small_is_said_once_within_four_lines(inside, tmp_path: Path) -> None:
    stated = PngInfo()
    stated.add_text("parameters", "a cat\nSteps: 20, Sampler: Euler a, Seed: 1, Model: m")
    with Image.open(EXAMPLES / "chelsea.png") as image:
        image.resize((100, 90)).save(tmp_path / "small.png", pnginfo=stated)
    short, long = (inside("attribute", tmp_path / "small.png", *options).stdout for options in ((), ("-v",)))
    said = "The image is too small: 100 x 90 px was continued by reflection to the 128 px that these weights look at."
    assert (short.count(said), long.count(said)) == (1, 1)
    head, *below = short.splitlines()
    own = [line for line in below if line.startswith("  ")]
    assert "small.png: " in head and "The file says: made with" in own[0] and len(own) <= 3
    framed = Image.new("RGB", (200, 200), "white")
    framed.paste(Image.open(tmp_path / "small.png"), (50, 50))
    framed.save(tmp_path / "framed.png")
    told = inside("attribute", tmp_path / "framed.png").stdout
    assert told.count("What is inside the plain border is too small: it was continued by reflection to the 128 px") == 1


def test_a_warning_of_size_is_told_by_its_field_and_not_by_its_text() -> None:
    said = {"warnings": ["Tiny.", "The image is too small."], "size_warnings": ["Tiny."]}
    verdict = Verdict(path="a.png", method="m", weights="w", weights_sha256=None, verdict="real", **said)
    assert explanation(verdict) == ["That does not show that it is real. Tiny."]


def test_frames_that_were_not_read_are_told_without_verbose_and_once_with_it(inside, tmp_path: Path) -> None:
    with Image.open(EXAMPLES / "chelsea.png") as image:
        still = image.convert("RGB")
    still.save(tmp_path / "moves.webp", save_all=True, append_images=[still.rotate(90)], lossless=True)
    for options in ((), ("-v",)):
        told = " ".join(inside("attribute", tmp_path / "moves.webp", *options).stdout.split())
        assert told.count("That does not show that it is real. Only the first frame of 2 was read.") == 1
        assert told.count("Only the first frame") == 1


def test_images_are_counted_where_only_one_of_several_was_examined(inside, tmp_path: Path) -> None:
    done = inside("attribute", EXAMPLES / "chelsea.png", tmp_path / "gone.png", status=1)
    assert "2 images: 1 without a trace, 1 not examined." in done.stdout


def test_no_crop_is_said_to_point_to_real() -> None:
    views = Views(count=6, agreeing=5, least_synthetic=0.04, most_synthetic=0.6)
    verdict = Verdict(
        path="a.png", method="m", weights="w", weights_sha256=None, verdict="inconclusive", likeliest="real",
        views=views,
    )  # fmt: skip
    assert details(verdict) == ["5 of 6 crops point to no generator; P(synthetic) from 4% to 60%"]
    assert "crops point to progan;" in details(verdict.model_copy(update={"likeliest": "progan"}))[0]


def test_an_enrolled_source_is_explained_by_its_nearness_and_not_by_evidence_for_others() -> None:
    verdict = Verdict(
        path="a.png", method="m", weights="w", weights_sha256=None, verdict="mine", reason="It is near.",
        enrolled={"mine": 0.1}, evidence=[Evidence(kind="noise", log_odds=2.0)],
    )  # fmt: skip
    said = explanation(verdict)
    assert said == ["It is near.", "P(synthetic) is about the other generators and has no part in this verdict."]


def test_a_reader_that_goes_away_ends_the_program_quietly(program, judged_weights: Path, case: Path) -> None:
    command = [sys.executable, "-m", "ganprint", "attribute", str(case / "real.png"), "--json"]
    with subprocess.Popen(
        [*command, "--weights", str(judged_weights)], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        process.stdout.close()
        assert b"Traceback" not in process.stderr.read()


@pytest.mark.parametrize(("stream", "image", "status"), [("0<&-", "-", 1), (">&-", "a.png", 1), ("2>&-", "a.png", 1)])
def test_a_stream_that_is_closed_is_no_traceback(stream: str, image: str, status: int, tmp_path: Path) -> None:
    command = f"{shlex.quote(sys.executable)} -m ganprint attribute {image} {stream}"
    done = subprocess.run(["sh", "-c", command], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (status, "")
    assert "Traceback" not in done.stderr and ("ganprint: " in done.stderr) == (stream != "2>&-")


def test_a_terminal_wraps_lines_between_words_and_a_pipe_gets_them_whole(attribute, case: Path) -> None:
    piped = attribute(case).stdout
    shown = attribute(case, env={"FORCE_COLOR": "1", "COLUMNS": "60"}).stdout
    shown = re.sub(r"\x1b\[[0-9;]*m", "", shown)
    assert max(map(len, piped.splitlines())) > 60 >= max(map(len, shown.splitlines()))
    assert "".join(piped.split()) == "".join(shown.split())
    broken = set(piped.split()) - set(shown.split())
    assert all(len(word) > 60 for word in broken), "only a path that is longer than a line may be broken"
