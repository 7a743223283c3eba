"""`compare` prints one table of several weights under the conditions and experiments asked for."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ganprint.api.comparisons import prepare_comparison
from ganprint.evaluation.leaderboard import read_entries
from ganprint.evaluation.results import METRICS
from ganprint.perturbation import RESHARING

from ..conftest import manifest_rows, write_manifest


def test_the_results_are_those_of_evaluate(compare, inside, tiny_manifest, other_weights) -> None:
    done = compare("--json", status=0)
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


@pytest.mark.parametrize(("full", "conditions", "limit"), [(False, 1 + 19 * 3, 120), (True, 1 + 19 * 5, None)])
def test_robustness_on_the_embedded_benchmark_is_quick_unless_asked_for_in_full(
    full: bool, conditions: int, limit: int | None, tiny_manifest: Path, tiny_weights: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr("ganprint.forge.mini.mini", lambda *part, **told: tiny_manifest)
    said: list[str] = []
    found = prepare_comparison(weights=[str(tiny_weights)], robustness=True, full=full, say=said.append)
    assert (len(found.conditions), found.settings.limit) == (conditions, limit)
    assert bool(said) != full and all("--full takes all" in sentence for sentence in said)


def test_the_benchmark_is_announced_once_while_it_is_made(inside, tiny_manifest: Path, monkeypatch) -> None:
    def made(part: str, *, progress: Callable[[str], None]) -> Path:
        for what in ("photographs", "images"):
            progress(what)
        return tiny_manifest

    monkeypatch.setattr("ganprint.forge.mini.mini", made)
    done = inside("compare", "--weights", "prnu.wild128", "--dry-run", status=0)
    assert done.stderr.count("making the embedded benchmark, once") == 1


def test_quiet_leaves_out_the_plan_and_progress_but_not_what_must_be_known(compare, tmp_path) -> None:
    loud = compare("--markdown", "--out", tmp_path / "loud")
    quiet = compare("--markdown", "--out", tmp_path / "quiet", "-q")
    assert "4 results of 2 weights" in loud.stderr and "2 of 2" in loud.stderr
    assert quiet.stdout == loud.stdout
    assert quiet.stderr and all("numbers say how well" in line for line in quiet.stderr.splitlines())


def test_conditions_of_other_numbers_of_images_each_say_theirs(compare: Any) -> None:
    done = compare("--condition", "test_seen:none,val:none", "--markdown")
    assert "test_seen, none (15 images, 3 groups)" in done.stdout and "val, none (" in done.stdout


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
        "--corruption", "glass_blur", "--corruption", "jpeg_compression", "--severity", "1", "--severity",
        "5",
    )  # fmt: skip
    out = tmp_path / "results"
    done = compare("--robustness", *chosen, "--out", out, "--markdown", "--figures", tmp_path / "figures", status=0)
    found = {(entry.weights, entry.policy): entry for entry in read_entries(out)}
    # Those of --condition, and clean once.
    assert {policy for _, policy in found} == {
        *(
            "none", "gaussian_noise:5", "glass_blur:1", "glass_blur:5", "jpeg_compression:1",
            "jpeg_compression:5",
        )
    }  # fmt: skip

    def attribution(policy: str) -> float:
        return found["tiny", policy].attribution_accuracy.value

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
    done = compare("--open-set", "--json", status=0)
    assert "does not know pix2pix in test_seen+open" in done.stderr
    both = [each for each in json.loads(done.stdout) if each["split"] == "test_seen+open"]
    assert [each["n"] for each in both] == [18, 18]
    for each in both:
        assert 0 <= each["oscr"]["value"] <= each["auroc"]["value"] <= 1
    assert all(each["auroc"] is None for each in json.loads(done.stdout) if each["split"] == "test_seen")


def test_the_datas_names_can_be_mapped_to_the_weights(compare, tiny_manifest, tmp_path) -> None:
    names = {"progan": "pg", "stylegan": "sg"}
    rows = [row | {"source": names.get(row["source"], row["source"])} for row in manifest_rows(tiny_manifest)]
    renamed = write_manifest(tmp_path / "renamed.csv", rows)
    alone = json.loads(compare("--json").stdout)
    refused = compare("--data", renamed, "--json", status=2).stderr
    assert "knows no generator of" in refused and "--rename" in refused
    mapped = compare("--data", renamed, "--rename", "pg=progan", "--rename", "sg=stylegan", "--json", status=0)
    assert [each["confusion"] for each in json.loads(mapped.stdout)] == [each["confusion"] for each in alone]


def test_attacks_have_errors_and_methods_without_gradients_a_surrogate(compare, inside, tmp_path) -> None:
    options = ("--adversarial", "--attack", "pgd", "--epsilon", "4", "--epsilon", "32", "--markdown")
    done = compare(*options, "--out", tmp_path / "out", "--figures", tmp_path / "figures", status=0)
    table = done.stdout[done.stdout.index("under attack") :]
    head, _, *rows = [line for line in table.splitlines() if line.startswith("|")]
    assert head == "| weights | clean attribution | PGD on attribution, 10 steps: 4/255 / 32/255 |"
    assert [row.split(" | ")[0] for row in rows] == ["| tiny", "| tiny-prnu (through tiny)"]
    found = {(entry.weights, entry.policy): entry for entry in read_entries(tmp_path / "out")}
    for name, through in (("tiny", None), ("tiny-prnu", "tiny")):
        entry = found[name, "attack:pgd=32"]
        assert entry.surrogate == through and (entry.surrogate_sha256 is None) == (through is None)
        error = f"{1 - entry.attribution_accuracy.value:.3f}"
        assert error in next(row for row in rows if row.startswith(f"| {name}"))
    assert (tmp_path / "figures" / "adversarial-pgd-attribution-test_seen.png").is_file()
    before = {file: file.read_bytes() for file in (tmp_path / "out").rglob("*.json")}
    assert compare(*options, "--out", tmp_path / "out").stdout == done.stdout
    assert {file: file.read_bytes() for file in (tmp_path / "out").rglob("*.json")} == before
    assert "4/255 / 32/255 |" in inside("leaderboard", "--results", tmp_path / "out", "--markdown").stdout
    compare("--adversarial", "--attack", "pgd", "--epsilon", "4", "--steps", "2", "--out", tmp_path / "out", status=0)
    inside("plot", tmp_path / "drawn", "--results", tmp_path / "out", status=0)
    curves = {file.name for file in (tmp_path / "drawn").glob("adversarial-*")}
    assert curves == {f"adversarial-pgd-attribution{steps}-test_seen.png" for steps in ("", "-steps2")}


@pytest.mark.parametrize(("unit", "metrics"), [("group", 3), ("image", 4)])
def test_other_forms_are_printed(unit: str, metrics: int, compare: Any) -> None:
    done = compare("--csv", "--unit", unit, status=0)
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
        (("--corruption", "fog"), 2, "need --robustness"),
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
def test_what_cannot_be_compared_is_a_sentence_and_a_hint(options, status, said, inside, tiny_manifest):
    named = () if "--weights" in options else ("--weights", "prnu.wild128")
    done = inside("compare", "--data", tiny_manifest, *named, *options)
    assert done.returncode == status
    assert said in done.stderr


@pytest.mark.parametrize(
    ("options", "policies"),
    [((), "none test-seen"), (("--robustness", "--corruption", "fog", "--severity", "1"), "none fog:1")],
)
def test_without_a_named_split_the_one_that_data_split_writes_is_taken(
    options: tuple[str, ...], policies: str, inside: Any, tiny_manifest: Path, tmp_path: Path
) -> None:
    (tmp_path / "split.csv").write_text(tiny_manifest.read_text().replace("test_seen", "test"))
    data = ("--data", tmp_path / "split.csv", "--images", tiny_manifest.parent)
    done = inside("compare", "--weights", "prnu.wild128", *data, *options, "--dry-run", status=0)
    assert done.stdout.splitlines()[1:] == [f"test under {policy}: prnu.wild128" for policy in policies.split()]


def test_data_of_sources_that_no_weights_know_is_a_sentence(inside, tiny_manifest, tmp_path) -> None:
    text = tiny_manifest.read_text().replace("progan,", "madegan,").replace(",madegan-1", ",progan-1")
    (tmp_path / "other.csv").write_text(text)
    done = inside("compare", "--data", tmp_path / "other.csv", status=3)
    assert "No installed weights were trained on other.csv or know its sources" in done.stderr


def test_resharing_has_a_row_for_each_chain(compare: Any) -> None:
    done = compare("--resharing", "--markdown", status=0)
    table = done.stdout[done.stdout.index("after post-processing") :]
    rows = [line for line in table.splitlines() if line.startswith("| ")]
    assert rows[0] == "| chain | tiny | tiny-prnu |" and rows[1].startswith("| clean |")
    assert [row.split(" | ")[0] for row in rows[2:]] == [f"| {chain}" for chain in RESHARING]
    assert all(row.count("%") == 2 for row in rows[2:])


def test_a_table_of_chains_has_no_clean_row_where_nothing_was_measured_clean(
    inside: Any, tiny_manifest: Path, tiny_weights: Path
) -> None:
    options = ("--weights", tiny_weights, "--data", tiny_manifest, "--condition", "test_seen:share:jpeg=80")
    done = inside("compare", *options, "--workers", "0", "--markdown", status=0)
    assert "| jpeg=80 |" in done.stdout and "| clean |" not in done.stdout
