"""Manifests in several CSV files: splits from their names, one numbering, no image twice."""

from pathlib import Path

import pytest

from ganprint.data import Manifest
from ganprint.errors import ManifestError

HEADER = "path,label,dlabel"
TRAIN = [("LSUN/cat/0.png", 0, 0), ("ProGAN/cat/1.png", 1, 0), ("ProGAN/dog/2.png", 1, 1)]
VAL = [("LSUN/dog/3.png", 0, 1)]
TEST = [("clean/ProGAN/cow/4.png", 1, 2), ("clean/LSUN/cat/5.png", 0, 0), ("clean/DDPM/cow/6.png", -1, 2)]


def listed(*files: Path) -> Path:
    return Path(",".join(map(str, files)))


def test_attribution88_as_it_comes_is_one_manifest_with_images_apart(write_csv, tmp_path) -> None:
    parts = {"train": TRAIN, "a_val": VAL, "test": TEST}
    files = [write_csv(HEADER, rows, f"{name}.csv") for name, rows in parts.items()]
    manifest = Manifest.open(listed(*files), root="/images")
    assert manifest.sources == ("real", "ProGAN")
    assert manifest.splits.tolist() == ["train"] * 3 + ["val"] + ["test"] * 3
    assert manifest.column("source").tolist() == [
        "real", "ProGAN", "ProGAN", "real", "ProGAN", "real", "DDPM",
    ]  # fmt: skip
    assert manifest.semantics == ("cat", "dog", "cow")
    assert manifest.path(0) == Path("/images/LSUN/cat/0.png")
    assert manifest.absent("val") == ("ProGAN",)
    assert Path(manifest.name) == tmp_path / "train+a_val+test.csv"


def test_files_that_name_sources_are_numbered_together(write_csv) -> None:
    train = write_csv("path,source", [("0", "real"), ("1", "stylegan"), ("2", "progan")], "train.csv")
    val = write_csv("path,source,note", [("3", "stylegan", "x"), ("4", "real", "y")], "val.csv")
    manifest = Manifest.open(listed(train, val))
    assert manifest.sources == ("real", "progan", "stylegan")
    assert manifest.labels.tolist() == [0, 2, 1, 2, 0]
    assert manifest.column("note").tolist() == ["", "", "", "x", "y"]


def test_a_column_of_some_files_is_kept(write_csv) -> None:
    train = write_csv("path,source,group,semantic", [("0", "real", "camera", "cat")], "train.csv")
    val = write_csv("path,source,label", [("1", "real", 0), ("2", "progan", 1)], "val.csv")
    manifest = Manifest.open(listed(train, val))
    assert manifest.groups.tolist() == ["camera", "", ""]
    assert (manifest.labels.tolist(), manifest.semantics) == ([0, 0, 1], ("any",))


def test_files_without_any_name_are_numbered_by_position(write_csv) -> None:
    files = [
        write_csv("path,label", [(f"{split}{n}.png", n) for n in range(2)], f"{split}.csv")
        for split in ("train", "val")
    ]
    manifest = Manifest.open(listed(*files), sources=("real", "a"))
    assert manifest.named_by_position
    assert manifest.sources == ("real", "a")


@pytest.mark.parametrize(
    ("names", "rows", "said"),
    [
        (("train", "other"), VAL, "does not say which split"),
        (("train", "val"), TRAIN[:1], "LSUN/cat/0.png is listed in two of train.csv, val.csv"),
        (("train", "deep/val"), VAL, "lie in several folders"),
    ],
)
def test_what_is_no_one_manifest_is_refused(write_csv, tmp_path, names, rows, said) -> None:
    (tmp_path / "deep").mkdir()
    files = [write_csv(HEADER, each, f"{name}.csv") for name, each in zip(names, (TRAIN, rows), strict=True)]
    with pytest.raises(ManifestError, match=said):
        Manifest.open(listed(*files))
