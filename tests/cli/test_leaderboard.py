"""`leaderboard` shows what `compare --out` kept, with the published numbers apart, and as one page."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from ganprint_plugins.repmix_published import ABLATION, ADVERSARIAL, COMPARISON

from ganprint.drawing import colour, marker
from ganprint.evaluation.leaderboard import read_entries, read_table, save_entry
from ganprint.reporting.charts import comparison_figures
from ganprint.reporting.overview import result_tables

from ..conftest import Page

KEPT = Path(__file__).resolve().parents[2] / "leaderboard"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of the shipped results of two weights on one data set."""
    out = tmp_path_factory.mktemp("kept")
    head, *lines = (KEPT / "wild128.csv").read_text().splitlines()
    chosen = [
        line
        for line in lines
        for _, weights, _, policy, *_ in [line.split(",")]
        if weights in ("repmix.wild128", "prnu.wild128") and policy in ("none", "test-seen", "test-unseen")
    ]
    (out / "wild128.csv").write_text("\n".join([head, *chosen]) + "\n")
    return out


def clean_entry(folder: Path) -> Any:
    wanted = ("repmix.wild128", "test_seen", "none")
    (entry,) = (each for each in read_entries(folder) if (each.weights, each.split, each.policy) == wanted)
    return entry


def test_measured_and_published_rows_never_share_a_table(inside: Any, folder: Path) -> None:
    done = inside("leaderboard", "--results", folder, "--markdown", status=0)
    tables = [part for part in re.split(r"\n\n(?=[^|\n])", done.stdout) if part.strip()]
    rows = re.compile(r"^\|.*repmix.wild128", re.MULTILINE)
    measured = [table for table in tables if rows.search(table)]
    published = [table for table in tables if "(published)" in table]
    assert len(measured) == 1 and len(published) == 3 and not set(measured) & set(published)
    rows = len([*COMPARISON, *ADVERSARIAL, *ABLATION])
    assert sum(table.count("(published)") for table in published) == rows
    entry = clean_entry(folder)
    assert f"{entry.attribution_accuracy.value:.3f}" in measured[0]
    assert "(published)" not in inside("leaderboard", "--results", folder, "--no-published").stdout


def test_weights_without_results_under_a_condition_have_no_row_there(inside: Any, folder: Path, tmp_path: Path) -> None:
    head, *lines = (folder / "wild128.csv").read_text().splitlines()
    kept = [line for line in lines if line.split(",")[1:4] != ["prnu.wild128", "test_seen", "none"]]
    (tmp_path / "wild128.csv").write_text("\n".join([head, *kept]) + "\n")
    printed = inside("leaderboard", "--results", tmp_path, "--no-published", status=0).stdout
    drawn = {part.split("\n")[0]: part for part in printed.split("wild128, seed 0")[1:]}
    (there,) = (part for title, part in drawn.items() if ": test_seen, none" in title)
    assert "repmix.wild128" in there and "prnu.wild128" not in there.split("Weights, method")[0]


@pytest.mark.parametrize("intervals", [(), ("--intervals",)], ids=["values", "intervals"])
def test_names_are_whole_where_seven_weights_are_wider_than_the_terminal(inside, intervals: tuple[str, ...]) -> None:
    env = {"COLUMNS": "80"}
    done = inside("leaderboard", "--results", KEPT, "--data", "wild128", "--no-published", *intervals, env=env)
    assert done.returncode == 0, done.stderr
    tables = [line for line in done.stdout.splitlines() if line[:1] in "┃│"]
    assert max(map(len, tables)) <= 80 and "…" not in done.stdout
    names = re.findall(r"\S+\.wild128(?= |$)", "\n".join(line for line in tables if line[:1] == "┃"))
    assert {"reverse-engineering.wild128", "eigenface.wild128"} <= set(names)
    assert all(names.count(name) == 1 for name in names)
    assert sum(line.startswith("│ jpeg_compression ") for line in tables) >= 2


def test_the_folder_without_its_option_is_understood_and_shown_in_no_help(inside: Any, folder: Path) -> None:
    former, now = (inside("leaderboard", *words, "--csv") for words in ([folder], ["--results", folder]))
    assert former.stdout == now.stdout and now.stdout
    assert "leaderboard FOLDER is now leaderboard --results FOLDER" in former.stderr and not now.stderr
    shown = inside("leaderboard", "--help").stdout
    assert "former" not in shown and "Arguments" not in shown


def test_json_is_the_results_themselves(inside: Any, folder: Path) -> None:
    found = json.loads(inside("leaderboard", "--results", folder, "--data", "wild128", "--json").stdout)
    assert found == [entry.model_dump(mode="json") for entry in read_entries(folder)]


def test_seeds_and_precisions_have_tables_of_their_own(inside: Any, folder: Path, tmp_path: Path) -> None:
    entry = clean_entry(folder)
    for changes in ({}, {"seed": 1}, {"precision": "bf16"}):
        save_entry(tmp_path, entry.model_copy(update=changes))
    done = inside("leaderboard", "--results", tmp_path, "--no-published", "--markdown")
    titles = [line for line in done.stdout.splitlines() if line.startswith("wild128")]
    seen = "(‡ trained, selected or calibrated on some of them)"
    assert titles == [
        f"wild128, seed {seed}: 723 images, 35 groups {seen}; means over groups" for seed in ("0", "0, bf16", "1")
    ]
    refused = inside("leaderboard", "--results", tmp_path, "--figures", tmp_path / "figures")
    assert refused.returncode == 2 and "one data set, seed" in refused.stderr
    assert inside("plot", tmp_path / "figures", "--results", tmp_path).stderr == refused.stderr


def test_fractions_of_images_are_kept_beside_means_over_groups(inside: Any, folder: Path) -> None:
    options = ("leaderboard", "--results", folder, "--no-published", "--markdown")
    assert "; means over groups" in inside(*options).stdout
    images = inside(*options, "--unit", "image").stdout
    assert "; fractions of images" in images and "balanced" in images
    (file,) = folder.glob("*.csv")
    for entry in read_table(file):
        assert entry.unit == "group" and entry.of_images.nmi is not None


def test_a_damaged_table_is_named_and_another_csv_is_passed_over(inside: Any, folder: Path, tmp_path: Path) -> None:
    head, line, *_ = (folder / "wild128.csv").read_text().splitlines()
    (tmp_path / "other.csv").write_text("path,source\n")
    (tmp_path / "broken.csv").write_text(f"{head}\n{line.replace(',723,', ',many,')}\n")
    assert "broken.csv is not a table of results" in inside("leaderboard", tmp_path, status=2).stderr


def test_results_of_two_seeds_have_figures_of_their_own_on_the_page(inside: Any, folder: Path, tmp_path: Path) -> None:
    for seed in (0, 1):
        changed = {"policy": "jpeg_compression:3", "seed": seed}
        save_entry(tmp_path, clean_entry(folder).model_copy(update=changed))
    file = tmp_path / "page.html"
    inside("leaderboard", "--results", tmp_path, "--html", file, status=0)
    assert all(f"wild128, seed {seed}: robustness-test_seen" in file.read_text() for seed in (0, 1))


def test_titles_say_the_unit_of_results_with_and_without_groups(folder: Path) -> None:
    entry = clean_entry(folder)
    without = entry.in_unit("image").model_copy(update={"split": "test_unseen"})
    for entries, said in (
        ([entry], "; means over groups"),
        ([without], "; fractions of images"),
        ([entry, without], "; means over groups or, without groups, fractions of images"),
    ):
        assert all(table.title.endswith(said) for table in result_tables(entries, "attribution_accuracy", ()))


def test_the_page_is_whole_and_fetches_nothing(inside: Any, folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "page.html"
    assert inside("leaderboard", "--results", folder, "--html", file).returncode == 0
    text = file.read_text()
    addresses = [given.get(name) for _, given in Page(text).tags for name in ("src", "href", "xlink:href")]
    assert all(each is None or each.startswith(("#", "data:")) for each in addresses)
    assert "default-src 'none'" in text and "@import" not in text and "url(" not in re.sub(r"url\(#[^)]*\)", "", text)
    entries = read_entries(folder)
    assert text.count("<code>") == 3 * len(entries)
    assert "<svg" not in text, "a CSV has no confusion to draw"
    assert "already exists" in inside("leaderboard", "--results", folder, "--html", file, status=2).stderr
    assert inside("leaderboard", "--results", folder, "--html", file, "--force").returncode == 0
    assert file.read_text() == text


def test_stored_results_are_drawn(inside: Any, tmp_path: Path) -> None:
    stored = ("--results", Path(__file__).parents[2] / "leaderboard", "--data", "wild128")
    inside("plot", tmp_path / "drawn", *stored, status=0)
    assert {file.name for file in (tmp_path / "drawn").iterdir()} >= {"robustness-test_seen.png"}
    assert "--force" in inside("plot", tmp_path / "drawn", *stored, status=2).stderr


@pytest.mark.parametrize(
    "split", ["../../../outside", "\u202egnp.\x1b[31m\x00", "</svg><script>alert(1)</script>--><b>"]
)
def test_the_name_of_a_split_leaves_no_folder_and_runs_nothing(
    split: str, inside: Any, folder: Path, tmp_path: Path
) -> None:
    counts = {"real": {"real": 3, "progan": 1}, "progan": {"real": 0, "progan": 4}}
    hostile = clean_entry(folder).model_copy(update={"split": split, "command": split, "confusion": counts})
    results, drawn = tmp_path / "a/b/results", tmp_path / "a/b/drawn"
    saved = save_entry(results, hostile)
    assert saved.parent == results / "wild128" and [each.split for each in read_entries(results)] == [split]
    inside("plot", drawn, "--results", results, status=0)
    assert sorted(tmp_path.rglob("*.png")) == list(drawn.iterdir())
    inside("leaderboard", "--results", results, "--html", tmp_path / "page.html", "--no-published", status=0)
    text = (tmp_path / "page.html").read_text()
    assert "script" not in {tag for tag, _ in Page(text).tags}
    assert all(line.isprintable() for line in text.splitlines())


def test_every_panel_without_one_below_has_its_severities_and_shading_is_explained() -> None:
    entries = [each for each in read_entries(KEPT) if each.data == "wild128" and each.weights == "repmix.wild128"]
    figure = comparison_figures(entries, "attribution_accuracy")["severity-test_seen"]
    figure.draw_without_rendering()
    shown = [axes for axes in figure.axes if axes.get_title()]
    labelled = [axes for axes in shown if any(each.get_visible() for each in axes.get_xticklabels())]
    assert [axes.get_title() for axes in labelled] == ["saturate", "glass blur", "motion blur", "zoom blur", "snow"]
    assert figure.get_supxlabel() == "shaded: corruptions that training never shows"


def test_seventy_series_look_different() -> None:
    assert len({(colour(number), marker(number)) for number in range(70)}) == 70
