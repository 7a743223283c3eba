"""Joined manifests keep their images, splits and names; sources are one by their name."""

import json
from pathlib import Path

import pytest

from ganprint.data import Manifest
from ganprint.data.join import join
from ganprint.errors import ManifestError


def listed(folder: Path, rows: list[str]) -> Path:
    folder.mkdir()
    file = folder / "data.csv"
    file.write_text("\n".join(["path,label,dlabel,source,semantic,split,group", *rows]) + "\n")
    return file


@pytest.fixture
def two(tmp_path: Path) -> list[Path]:
    first = [
        "r.png,0,0,real,face,train,photos",
        "p.png,1,1,progan,cat,val,p-1",
        "o.png,-1,0,dcgan,face,open,d-1",
    ]
    second = [
        "r.png,0,0,real,car,train,photos",
        "d.png,1,1,dcgan,face,train,d-2",
        "p.png,2,0,progan,car,test,p-2",
    ]
    return [listed(tmp_path / "one", first), listed(tmp_path / "two", second)]


def test_sources_and_semantics_are_one_by_their_name(two: list[Path]) -> None:
    joined = join([Manifest.open(each) for each in two])
    assert joined.sources == ("real", "progan", "dcgan")
    assert joined.labels.tolist() == [0, 1, 2, 0, 2, 1]
    assert joined.semantics == ("face", "cat", "car")
    assert joined.dlabels.tolist() == [0, 1, 0, 2, 0, 2]
    assert joined.splits.tolist() == ["train", "val", "open", "train", "train", "test"]
    assert joined.groups.tolist() == ["photos", "p-1", "d-1", "photos", "d-2", "p-2"]
    assert joined.path(4) == two[1].parent.resolve() / "d.png"


def test_all_columns_stay_so_that_an_original_is_known_again(two: list[Path]) -> None:
    head, *rows = two[1].read_text().splitlines()
    two[1].write_text("\n".join([f"{head},origin", *(f"{row},o{number}.png" for number, row in enumerate(rows))]))
    joined = join([Manifest.open(each) for each in two])
    assert joined.column("origin").tolist() == ["", "", "", "o0.png", "o1.png", "o2.png"]


def test_a_file_without_splits_is_of_the_split_that_its_name_says(tmp_path: Path) -> None:
    for name, image in (("train", "a"), ("my-val", "b"), ("photos", "c")):
        (tmp_path / f"{name}.csv").write_text(f"path,source\nr{image}.png,real\n{image}.png,progan\n")
    joined = join([Manifest.open(tmp_path / f"{name}.csv") for name in ("train", "my-val", "photos")])
    assert joined.splits.tolist() == ["train", "train", "val", "val", "", ""]


def test_the_command_writes_paths_that_lead_from_the_new_file(two, inside, tmp_path) -> None:
    done = inside("data", "join", tmp_path / "new" / "all.csv", *two, "--json", status=0)
    assert json.loads(done.stdout)["images"] == {"open": 1, "test": 1, "train": 3, "val": 1}
    written = Manifest.open(tmp_path / "new" / "all.csv")
    assert written.path(0).resolve() == two[0].parent.resolve() / "r.png"
    assert written.sha256 == Manifest.open(tmp_path / "new" / "all.csv").sha256
    assert "--force" in inside("data", "join", tmp_path / "new" / "all.csv", *two, status=2).stderr


def test_an_image_in_several_counts_once_if_they_say_the_same_of_it(two: list[Path]) -> None:
    assert len(join([Manifest.open(two[0]), Manifest.open(two[0])])) == 3
    moved = two[0].with_name("moved.csv")
    moved.write_text(two[0].read_text().replace(",val,", ",test,"))
    with pytest.raises(ManifestError, match=r"p\.png is progan in val and progan in test"):
        join([Manifest.open(two[0]), Manifest.open(moved)])
    moved.write_text(two[0].read_text().replace(",val,", ",,"))
    with pytest.raises(ManifestError, match=r"p\.png is progan in val and progan in no split\."):
        join([Manifest.open(two[0]), Manifest.open(moved)])


def test_sources_without_names_are_refused_and_those_without_images_left_out(tmp_path: Path) -> None:
    unnamed = tmp_path / "unnamed.csv"
    unnamed.write_text("path,label,dlabel\na.png,0,0\nb.png,1,0\n")
    with pytest.raises(ManifestError, match="names no sources"):
        join([Manifest.open(unnamed)])
    gap = listed(tmp_path / "gap", ["r.png,0,0,real,face,train,p", "d.png,2,0,dcgan,face,train,d"])
    assert join([Manifest.open(gap, allow_gaps=True)]).sources == ("real", "dcgan")
