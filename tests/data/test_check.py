"""Checking: every planted fault is found and named, and a clean manifest raises none."""

import json
import shutil
import tarfile

import numpy as np
import pytest
from PIL import Image

from ganprint.data import Manifest
from ganprint.data.bias import cramers_v
from ganprint.data.check import check, inspect_file


@pytest.fixture
def split_manifest(tree, tmp_path):
    """Return the tree as a CSV with splits and one group a source."""
    manifest = Manifest.open(tree)
    manifest = manifest.with_column("split", np.arange(22) % 2, ["train", "test"])
    return manifest.with_column("group", manifest.labels * 2 + np.arange(22) % 2, list("abcdef"))


def test_clean_data_raises_no_warning_but_uneven_sources(split_manifest):
    report = check(split_manifest)
    assert report.usable
    assert report.checked == report.images == 22
    assert not [*report.missing, *report.unreadable, *report.duplicates, *report.group_leaks, *report.biases]
    assert [warning.split(":")[0] for warning in report.warnings] == ["Sources are uneven"]
    counts = {(count.source, count.semantic, count.split): count.images for count in report.counts}
    assert counts["real", "cat", "train"] == 3
    assert sum(counts.values()) == 22


@pytest.mark.parametrize("workers", [0, 2])
def test_planted_faults_are_found_and_named(split_manifest, workers):
    paths = [split_manifest.path(row) for row in range(22)]
    shutil.copy(paths[0], paths[1])
    Image.open(paths[2]).save(paths[13], compress_level=1, pnginfo=None)
    Image.open(paths[2]).save(paths[14], format="BMP")
    paths[3].unlink()
    paths[4].write_bytes(paths[4].read_bytes()[:300])
    report = check(split_manifest, workers=workers)
    assert not report.usable
    assert [problem.path for problem in report.missing] == [str(paths[3])]
    assert [(each.path, each.code) for each in report.unreadable] == [(str(paths[4]), "damaged_image")]
    assert report.duplicate_images == 3
    assert report.duplicates_across_splits == 2
    assert report.duplicates_across_sources == 1
    by_kind = {duplicate.kind: duplicate for duplicate in report.duplicates}
    assert by_kind["bytes"].paths == [str(paths[0]), str(paths[1])]
    assert by_kind["bytes"].splits == ["test", "train"]
    assert by_kind["pixels"].paths == [str(paths[2]), str(paths[13]), str(paths[14])]
    assert by_kind["pixels"].sources == ["gan2", "real"]
    assert any(warning.startswith("Leakage: 2 images") for warning in report.warnings)


def test_an_image_that_is_in_no_split_leaks_into_none(tree):
    manifest = Manifest.open(tree).with_column("split", np.arange(22) % 2, ["", "train"])
    shutil.copy(manifest.path(0), manifest.path(1))
    report = check(manifest)
    assert (report.duplicate_images, report.duplicates_across_splits) == (1, 0)


def test_a_group_in_two_splits_is_reported_with_counts(split_manifest):
    leaky = split_manifest.with_column("group", split_manifest.labels, ["photos", "m1", "m2"])
    report = check(leaky)
    assert {leak.group: leak.images for leak in report.group_leaks}["photos"] == {"train": 6, "test": 6}
    assert any(warning.startswith("3 groups (22 images)") for warning in report.warnings)
    assert report.usable


def test_a_source_of_jpegs_among_pngs_is_named(tree, write_image):
    for row in range(12):
        write_image(tree / "real" / "cat" / f"j{row}.jpg", 100 + row, quality=85, size=(64, 64))
    for file in (tree / "real").rglob("*.png"):
        file.unlink()
    report = check(Manifest.open(tree))
    biases = {bias.feature: bias for bias in report.biases}
    assert biases["format"].association > 0.9
    assert (biases["format"].source, biases["format"].value) == ("real", "JPEG")
    assert (biases["format"].share, biases["format"].share_elsewhere) == (1, 0)
    assert biases["format"].leading["progan"].value == "PNG"
    assert biases["size"].leading["real"].value == "64x64"
    assert any("'JPEG' is 100% of 'real' and 0% of the other sources" in each for each in report.warnings)


def test_native_columns_are_compared_though_the_files_are_alike(split_manifest):
    native = split_manifest.with_column("native_format", split_manifest.labels == 0, ["PNG", "JPEG"])
    report = check(native)
    assert [bias.feature for bias in report.biases] == ["native format"]
    assert "traces of it" in report.biases[0].sentence


def test_a_property_spread_alike_over_sources_is_no_bias(tree, write_image):
    for source in ("real", "progan", "gan2"):
        for number in range(8):
            write_image(tree / source / "cat" / f"j{number}.jpg", hash((source, number)) % 999, quality=85)
        for file in sorted((tree / source).rglob("*.png"))[4:]:
            file.unlink()
    report = check(Manifest.open(tree))
    assert {bias.feature: bias.association for bias in report.biases}["format"] < 0.05
    assert not any("goes with the source" in warning for warning in report.warnings)


def test_labels_without_images_are_reported(write_csv, tree):
    rows = [(f"tree/real/cat/{n}.png", 0, 0) for n in range(3)] + [("tree/progan/cat/0.png", 2, 0)]
    report = check(Manifest.open(write_csv("path,label,dlabel", rows), allow_gaps=True))
    assert report.labels_without_images == [1]
    assert report.warnings[0] == "No image has label 1."


@pytest.mark.parametrize("quality", [10, 40, 50, 75, 90, 95, 100])
def test_jpeg_quality_is_read_from_the_tables(tmp_path, write_image, quality):
    write_image(tmp_path / "q.jpg", 1, quality=quality)
    assert inspect_file(str(tmp_path / "q.jpg")).quality == quality


def test_jpegs_in_an_archive_are_checked_as_those_in_a_folder(tmp_path, write_image):
    for source, quality in (("real", 90), ("progan", 40)):
        for number in range(6):
            write_image(tmp_path / f"tree/{source}/face/{number}.jpg", number + quality, quality=quality)
    with tarfile.open(tmp_path / "tree.tar", "w") as archive:
        for source in ("real", "progan"):
            archive.add(tmp_path / "tree" / source, source)
    inside, outside = (check(Manifest.open(tmp_path / name)) for name in ("tree.tar", "tree"))
    assert inside.usable and "JPEG quality" in [bias.feature for bias in inside.biases]
    assert inside.biases == outside.biases


@pytest.mark.parametrize(
    ("table", "value"), [([[50, 0], [0, 50]], 1.0), ([[25, 25], [25, 25]], 0.0), ([[40, 10], [10, 40]], 0.596)]
)
def test_cramers_v_of_known_tables(table, value):
    assert cramers_v(np.array(table, dtype=float)) == pytest.approx(value, abs=0.006)


def test_the_command_prints_tables_and_exits_1_for_a_missing_file(tree, inside):
    shown = inside("data", "check", tree, status=0).stdout
    assert "progan" in shown and "Usable." in shown
    (tree / "real" / "cat" / "0.png").write_bytes(b"")
    report = json.loads(inside("data", "check", tree, "--json", status=1).stdout)
    assert report["unreadable"][0]["code"] == "empty"
    assert report["images"] == 22 and report["usable"] is False
