"""Manifests: what opens, under which names, and which sentence refuses what does not."""

import os
import pickle
from pathlib import Path

import numpy as np
import pytest

from ganprint.api.image_inputs import Inputs
from ganprint.data import Manifest
from ganprint.errors import ManifestError, OutputExistsError

from ..conftest import run_code

HEADER = "path,label,dlabel,source,semantic,split,group"
ROWS = [
    ("r/0.png", 0, 0, "real", "cat", "train", "a"),
    ("r/1.png", 0, 1, "real", "dog", "val", "a"),
    ("p/0.png", 1, 0, "progan", "cat", "train", "b"),
    ("p/1.png", 1, 1, "progan", "dog", "val", "c"),
    ("x/0.png", -1, 0, "ddpm", "cat", "open", "d"),
]


def test_every_column_is_read_as_written(write_csv):
    manifest = Manifest.open(write_csv(HEADER + ",native_width", [(*row, 64) for row in ROWS]))
    assert manifest.sources == ("real", "progan")
    assert manifest.semantics == ("cat", "dog")
    assert manifest.labels.tolist() == [0, 0, 1, 1, -1]
    assert manifest.dlabels.tolist() == [0, 1, 0, 1, 0]
    assert manifest.splits.tolist() == ["train", "val", "train", "val", "open"]
    assert manifest.groups.tolist() == ["a", "a", "b", "c", "d"]
    assert manifest.column("source").tolist()[-1] == "ddpm"
    assert manifest.column("native_width").tolist() == ["64"] * 5
    assert manifest.path(2) == manifest.root / "p/0.png"


@pytest.mark.parametrize("prefix", ["", "images/"], ids=["train: first part", "test: second part"])
def test_both_attribution88_layouts_give_the_same_names(write_csv, prefix):
    rows = [
        (f"{prefix}{folder}/{semantic}/{n}.png", label, dlabel)
        for label, folder in enumerate(("LSUN", "ProGAN", "StyleGAN"))
        for dlabel, semantic in enumerate(("airplane", "bridge"))
        for n in range(2)
    ]
    manifest = Manifest.open(write_csv("path,label,dlabel", rows))
    assert manifest.sources == ("real", "ProGAN", "StyleGAN")
    assert manifest.real_folder == "LSUN"
    assert manifest.semantics == ("airplane", "bridge")
    assert manifest.column("source")[0] == "real"
    assert str(manifest.path(0)).endswith(f"{prefix}LSUN/airplane/0.png")


def test_paths_that_tell_no_names_get_numbered_ones(write_csv):
    rows = [(f"all/{n}.png", n % 3, n % 2) for n in range(6)]
    file = write_csv("path,label,dlabel", rows)
    manifest = Manifest.open(file)
    assert manifest.sources == ("real", "source-1", "source-2")
    assert manifest.semantics == ("semantic-0", "semantic-1")
    assert Manifest.open(file, sources=("real", "a", "b")).sources == ("real", "a", "b")
    assert Manifest.open(file, sources=("real", "a", "b")).labels.tolist() == manifest.labels.tolist()


def test_a_semantic_folder_is_not_taken_for_the_source(write_csv):
    rows = [
        ("cat/real/0.png", 0, 0),
        ("dog/real/1.png", 0, 1),
        ("cat/progan/2.png", 1, 0),
        ("dog/progan/3.png", 1, 1),
    ]
    manifest = Manifest.open(write_csv("path,label,dlabel", rows))
    assert manifest.sources == ("real", "progan")
    assert manifest.semantics == ("cat", "dog")


@pytest.mark.parametrize(
    ("header", "rows", "said"),
    [
        ("path,dlabel", [("a", 0)], "line 1: no column 'source'"),
        ("path,source", [("a", "real"), ("b", "")], "line 3: the source is empty"),
        ("path,label", [("a", 0), ("b", 100000000)], "line 3: the label is 100000000."),
        ("path,label,dlabel,label", [("a", 0, 0, 0)], "line 1: the column 'label' is named twice"),
        ("path,label," + ",".join(map(str, range(20_000))), [], "line 1: the names of the columns take more"),
        ("path,label,dlabel", [("a", "9" * 5000, 0)], "line 2: the label is '" + "9" * 299),
        ("path;label;dlabel", [("a;0;0",)], "line 1: the columns are separated by semicolons"),
        ("path\tlabel\tdlabel", [("a\t0\t0",)], "line 1: the columns are separated by tabs"),
        ("path,label,dlabel", [], "lists no images"),
        ("path,label,dlabel", [("a", 0, 0), ("b", "one", 0)], "line 3: the label is 'one'"),
        ("path,label,dlabel", [("a", 0, 0), ("b", 1.5, 0)], "line 3: the label is '1.5'"),
        ("path,label,dlabel", [("a", 0, 0), ("b", 1, "")], "line 3: the dlabel is missing."),
        ("path,label,dlabel", [("a", 0, 0), ("b", -2, 0)], "line 3: the label is -2"),
        ("path,label,dlabel", [("a", 0, 0), ("", 1, 0)], "line 3: the path is empty"),
        ("path,label,dlabel", [("a", 0, 0), ("b", 1, 0), ("a", 0, 0)], "line 4: a is listed already on line 2."),
        ("path,label,dlabel", [("a", 0, 0), ("b", 1, 0, 7)], "line 3: 4 fields, where the header names 3"),
        ("path,label,dlabel", [("a", 0, 0), ("b", 2, 0)], "no images with label 1"),
        (HEADER, [ROWS[0], ("q", 1, 0, "real", "cat", "", "")], "line 3: source 'real' has label 0"),
        (HEADER, [("q", 0, 0, "camera", "cat", "", "")], "line 2: source 'camera' has label 0"),
        (HEADER, [*ROWS, ("q", 1, 0, "gan", "cat", "", "")], "line 7: label 1 is 'progan' elsewhere"),
        (HEADER, [*ROWS, ("q", 2, 0, "progan", "cat", "", "")], "line 7: source 'progan' has label 1"),
        (HEADER, [*ROWS, ("q", -1, 0, "progan", "cat", "", "")], "line 7: source 'progan' has label 1"),
        (HEADER, [*ROWS, ("q", 1, 9, "progan", "cat", "", "")], "line 7: semantic 'cat' has dlabel 0"),
    ],
)  # fmt: skip
def test_a_faulty_manifest_is_refused_by_file_and_line(write_csv, header, rows, said):
    file = write_csv("x", rows)
    file.write_text(header + "\n" + "\n".join(file.read_text().splitlines()[1:]) + "\n")
    with pytest.raises(ManifestError) as caught:
        Manifest.open(file)
    assert said in caught.value.message
    assert str(file) in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "There is no manifest"),
        (b"", "is empty"),
        (b"\n\n", "is empty"),
        ("path,label,dlabel\na,0,0\n".encode("utf-16"), "is UTF-16"),
        (b"path,label,dlabel\na,0,0\n\xe9t\xe9.png,1,0\n", "line 3: a byte is not UTF-8"),
        (b"\xff\xd8\xff\xe0\x00\x10JFIF", "not UTF-8 text"),
        (b"path,label,dlabel\n\"a,0,0\nb,1,0\n", "line 3: "),
        (b"\n\npath,label\na.png,0\nb.png,x\n", "line 5: the label is 'x'"),
        (b"path,label,dlabel,source\n\na,0,0,real\n\nb,1,0,g\nc,1,0,h\n",
         "line 6: label 1 is 'g' elsewhere and 'h' here"),
        (b'path,label,dlabel,"semantic\nx"\na.png,0,0,x\n', "line 1|cannot be read"),
        (b"path,label,dlabel," + b"x" * (1 << 17) + b"\xf8,semantic\na.png,0,0,x\n", "line 1|cannot be read"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_what_is_no_csv_is_refused_with_a_sentence(tmp_path, content, said):
    file = tmp_path / "m.csv"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ManifestError, match=said):
        Manifest.open(file)


def test_path_and_source_are_enough(write_csv):
    rows = [("1.png", "stylegan"), ("0.png", "real"), ("2.png", "progan")]
    manifest = Manifest.open(write_csv("path,source", rows))
    assert manifest.sources == ("real", "progan", "stylegan")
    assert manifest.labels.tolist() == [2, 0, 1]
    assert (manifest.semantics, manifest.split_names) == (("any",), ())
    assert Manifest.open(write_csv("path,label", [("a", 0), ("b", 1)])).semantics == ("any",)


def test_without_labels_a_source_that_is_only_in_open_is_outside_the_known_ones(write_csv):
    rows = [
        ("0", "real", "train", "dog"), ("1", "progan", "train", "cat"), ("2", "ddpm", "open", "cat"),
        ("3", "progan", "open", "cat"),
    ]  # fmt: skip
    manifest = Manifest.open(write_csv("path,source,split,semantic", rows))
    assert manifest.sources == ("real", "progan")
    assert manifest.labels.tolist() == [0, 1, -1, 1]
    assert manifest.dlabels.tolist() == [1, 0, 0, 0]


def test_paths_may_leave_the_root_and_be_absolute(write_csv, tmp_path):
    manifest = Manifest.open(write_csv("path,label,dlabel", [("../up.png", 0, 0), ("/abs/b.png", 1, 0)]))
    assert manifest.path(0) == tmp_path / "../up.png"
    assert manifest.path(1) == Path("/abs/b.png")
    assert Manifest.open(tmp_path / "manifest.csv", root="/data").path(0) == Path("/data/../up.png")


def test_a_folder_tree_numbers_real_first_and_needs_no_semantic(tree):
    (tree / "real" / ".hidden.png").write_bytes(b"")
    (tree / "real" / "notes.txt").write_text("no image")
    manifest = Manifest.open(tree)
    assert manifest.sources == ("real", "gan2", "progan")
    assert manifest.semantics == ("any", "cat", "dog")
    assert np.bincount(manifest.labels).tolist() == [12, 4, 6]
    assert all(manifest.path(row).is_file() for row in range(len(manifest)))
    assert manifest.sha256 == Manifest.open(tree).sha256
    with pytest.raises(ManifestError, match="whose images lie in it"):
        Manifest.open(tree, root=tree)


def test_a_file_name_that_is_no_text_is_refused_with_a_sentence(tree):
    image = tree / "progan/cat/0.png"
    try:
        image.rename(tree / "progan/cat" / os.fsdecode(b"\xff.png"))
    except OSError:
        pytest.skip("this file system takes names of text only")
    with pytest.raises(ManifestError, match=r"progan/cat/\\udcff\.png is not UTF-8 text"):
        Manifest.open(tree)


def test_a_folder_without_real_names_what_it_has(tmp_path, write_csv):
    (tmp_path / "gan").mkdir()
    with pytest.raises(ManifestError, match="no folder 'real'; its folders: gan"):
        Manifest.open(tmp_path)
    write_csv("path,label,dlabel", [])
    with pytest.raises(ManifestError) as caught:
        Manifest.open(tmp_path)
    assert "manifest.csv" in caught.value.hint


def test_select_keeps_labels_and_names_what_it_does_not_know(write_csv):
    manifest = Manifest.open(write_csv(HEADER, ROWS))
    assert manifest.select("train").labels.tolist() == [0, 1]
    assert manifest.select(sources=["progan"]).labels.tolist() == [1, 1]
    assert manifest.select(semantics=["dog"]).splits.tolist() == ["val", "val"]
    assert manifest.select("train+val@dog").splits.tolist() == ["val", "val"]
    with pytest.raises(ManifestError, match="no semantic class 'cow'"):
        manifest.select("train@cow")
    with pytest.raises(ManifestError) as caught:
        manifest.select("test")
    assert caught.value.hint == "It has: open, train, val."
    with pytest.raises(ManifestError, match="no source 'dcgan'"):
        manifest.select(sources=["dcgan"])
    with pytest.raises(ManifestError, match="no image that fits"):
        manifest.select("open", sources=["real"])


def test_a_split_asked_of_a_manifest_without_splits_is_refused(tree):
    with pytest.raises(ManifestError, match="no column 'split'"):
        Manifest.open(tree).select("train")


@pytest.mark.parametrize(("limit", "counts"), [(3, [1, 1, 1]), (9, [3, 3, 3]), (14, [5, 4, 5]), (99, [12, 4, 6])])
def test_limit_is_spread_over_sources_and_seeded(tree, limit, counts):
    manifest = Manifest.open(tree)
    drawn = manifest.select(limit=limit, seed=1)
    found = np.bincount(drawn.labels, minlength=3)
    assert found.sum() == min(limit, 22)
    assert np.abs(found - counts).max() <= (0 if limit in (3, 9, 99) else 1)
    paths = drawn.column("path").tolist()
    assert paths == manifest.select(limit=limit, seed=1).column("path").tolist()
    if limit < 14:
        assert paths != manifest.select(limit=limit, seed=2).column("path").tolist()


def test_renumber_follows_a_models_sources_and_marks_others_unknown(write_csv):
    manifest = Manifest.open(write_csv(HEADER, ROWS)).renumber(("real", "ddpm"))
    assert manifest.labels.tolist() == [0, 0, -1, -1, 1]
    with pytest.raises(ManifestError, match="do not start with 'real'"):
        manifest.renumber(("ddpm", "real"))


def test_two_sources_renamed_to_one_are_one(write_csv):
    rows = [(f"{number}.png", source) for number, source in enumerate(("real", "sd14", "sd15"))]
    renamed = Manifest.open(write_csv("path,source", rows)).rename_sources({"sd14": "sd", "sd15": "sd"})
    codes, names = renamed.codes("source")
    assert (codes.tolist(), names) == ([0, 1, 1], ("real", "sd"))


def test_sha256_covers_every_row_and_no_accident_of_form(write_csv, tmp_path):
    digest = Manifest.open(write_csv(HEADER, ROWS)).sha256
    shuffled = write_csv("source,path,label,dlabel,semantic,split,group", [(r[3], *r[:3], *r[4:]) for r in ROWS])
    assert Manifest.open(shuffled).sha256 == digest
    changes = [
        {0: "new"}, {1: 2, 3: "ddpm"}, {2: 2, 4: "bird"}, {3: "sngan"}, {4: "dog", 2: 1}, {5: "val"}, {6: ""}
    ]  # fmt: skip
    for change in changes:
        last = [change.get(place, field) for place, field in enumerate(ROWS[4])]
        assert Manifest.open(write_csv(HEADER, [*ROWS[:4], last])).sha256 != digest, change
    assert Manifest.open(write_csv(HEADER, ROWS[::-1])).sha256 != digest


def test_writing_and_reading_gives_the_same_rows_and_files(write_csv, tmp_path):
    manifest = Manifest.open(write_csv(HEADER, [('a,b".png', *ROWS[0][1:]), *ROWS[1:]]))
    beside = tmp_path / "copy.csv"
    manifest.write(beside)
    assert Manifest.open(beside).sha256 == manifest.sha256
    deeper = tmp_path / "deep" / "copy.csv"
    manifest.write(deeper)
    assert Manifest.open(deeper).path(3).resolve() == manifest.path(3).resolve()
    with pytest.raises(OutputExistsError):
        manifest.write(beside)
    manifest.write(beside, force=True)


@pytest.mark.parametrize(
    ("splits", "chosen", "rows"),
    [
        (["train", "test", "test_seen"], "test_seen", [2]),
        (["train", "test"], "test", [1]),
        (["train", "val"], "all", [0, 1]),
    ],
)
def test_without_a_named_split_weights_are_measured_on_the_one_for_tests(splits, chosen, rows, tmp_path):
    lines = [f"{number}.png,real,{split}" for number, split in enumerate(splits)]
    (tmp_path / "m.csv").write_text("\n".join(["path,source,split", *lines]))
    manifest = Manifest.open(tmp_path / "m.csv")
    assert manifest.test_split == chosen
    assert manifest.select(chosen).column("path").tolist() == [f"{row}.png" for row in rows]
    assert len(manifest.select("all")) == len(splits)


def test_a_manifest_survives_pickling_for_spawned_workers(write_csv):
    manifest = Manifest.open(write_csv(HEADER, ROWS))
    copy = pickle.loads(pickle.dumps(manifest))
    assert copy.sha256 == manifest.sha256
    assert copy.path(1) == manifest.path(1)


def test_importing_the_data_layer_does_not_import_torch():
    code = "import sys, ganprint.data.check, ganprint.data.split; print('torch' in sys.modules)"
    assert run_code(code).strip() == "False"


def test_the_shared_manifest_has_the_counts_its_readme_states(shared):
    manifest = Manifest.open(shared / "data" / "wild" / "wild128.csv")
    assert len(manifest) == 4587
    assert manifest.sources == (
        "real", "progan", "stylegan", "stylegan2", "stylegan3", "msggan", "stargan", "cyclegan"
    )  # fmt: skip
    assert manifest.split_names == ("open", "test_seen", "test_unseen", "train", "val")
    assert (manifest.select("open").labels == -1).all()
    assert (manifest.select("train").labels >= 0).all()
    assert set(manifest.select("open").column("source")) == {"pix2pix", "sngan", "biggan", "ddpm"}
    assert set(manifest.select("test_unseen", sources=["real"]).column("semantic")) == {"flower", "forest"}
    assert manifest.path(4586).is_file()


@pytest.mark.parametrize("begin", ["", "\ufeff", "\ufeff\n\n"], ids=["", "byte order mark", "mark and blank lines"])
@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r", "\r\n\r\n"], ids=["LF", "CRLF", "CR", "blank lines"])
@pytest.mark.parametrize("between", ["/", "\\"], ids=["slashes", "backslashes"])
def test_lines_and_paths_of_other_systems_are_read(begin, ends, between, tmp_path):
    lines = ["path,label,dlabel", "real/x/0.png,0,0", "progan/x/1.png,1,0", ""]
    (tmp_path / "m.csv").write_text(begin + ends.join(lines).replace("/", between), encoding="utf-8", newline="")
    manifest = Manifest.open(tmp_path / "m.csv")
    assert manifest.sources == ("real", "progan")
    assert manifest.path(1) == tmp_path / "progan/x/1.png"


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("b.png,9999,0,x", "no images with label 1, 2, 3, 4, 5, 6, 7, 8, ..., though"),
        ("b.png,1,0,inconclusive", "line 3: The name 'inconclusive'"),
        ("b.png,0,0," + "x" * 200_000, "line 3: label 0 is 'real' elsewhere and 'x"),
        ("b.png,1,0,real ", "line 3: The name 'real ' has a space"),
        ("b.png,1,0,GAN", "line 3: The name 'GAN'"),
        ("b.png,-1,0,synthetic-unknown", "line 3: The name 'synthetic-unknown'"),
        ("b.png,1,0,x\x1b[2J", "line 3: The name .* invisible"),
    ],
)
@pytest.mark.parametrize("gaps", [False, True])
def test_labels_without_end_and_names_of_verdicts_are_refused(row, message, gaps, tmp_path):
    (tmp_path / "m.csv").write_text(f"path,label,dlabel,source\na.png,0,0,real\n{row}\n")
    if gaps and "9999" in row:
        assert len(Manifest.open(tmp_path / "m.csv", allow_gaps=True).sources) == 10_000
        return
    with pytest.raises(ManifestError, match=message):
        Manifest.open(tmp_path / "m.csv", allow_gaps=gaps)


def test_a_renamed_source_and_a_folder_cannot_be_called_as_a_verdict(tmp_path):
    (tmp_path / "m.csv").write_text("path,label,dlabel,source\na.png,0,0,real\nb.png,1,0,progan\n")
    with pytest.raises(ManifestError, match="diffusion"):
        Manifest.open(tmp_path / "m.csv").rename_sources({"progan": "diffusion"})
    for name in ("real", "Real"):
        (tmp_path / "tree" / name).mkdir(parents=True)
        (tmp_path / "tree" / name / "a.png").touch()
    with pytest.raises(ManifestError, match="'Real'"):
        Manifest.open(tmp_path / "tree")


def test_a_manifest_lists_images_to_attribute_and_a_list_may_be_called_csv(tmp_path: Path) -> None:
    file = tmp_path / "mine.csv"

    def named(text: str) -> list[str]:
        file.write_text(text, encoding="utf-8")
        return [name for name, _ in Inputs([], files_from=file).named()]

    assert named('\ufeffsource,path\r\nreal,"a,b.png"\r\nreal,c/d.png\r\n') == [
        f"{tmp_path}/a,b.png",
        f"{tmp_path}/c/d.png",
    ]
    assert named("a.png\nb.png\n") == ["a.png", "b.png"]
    for ends in ("\r", "\n"):
        assert named(ends.join(["", "path,source", "a.png,real", "b.png,real"])) == [
            f"{tmp_path}/a.png",
            f"{tmp_path}/b.png",
        ]
    with pytest.raises(ManifestError, match=r"mine\.csv, line 3: there is no path"):
        named("source,path\nreal,a.png\nreal\n")
