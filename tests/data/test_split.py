"""Splitting: shares hold, groups stay whole, held-out semantics stay out, seeds repeat."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ganprint.data import Manifest
from ganprint.data.split import Fractions, split
from ganprint.errors import ManifestError, UsageError


def made(labels, dlabels, groups=None) -> Manifest:
    """Return a manifest of files that need not exist."""
    labels, dlabels = np.asarray(labels, dtype=np.int64), np.asarray(dlabels, dtype=np.int64)
    names = ["real", *(f"gan{n}" for n in range(1, max(1, labels.max() + 1)))]
    table = pa.table({"path": [f"{n}.png" for n in range(len(labels))], "label": labels, "dlabel": dlabels})
    manifest = Manifest(table, Path(), names)
    manifest = manifest.with_column("source", labels % (len(names) + 1), [*names, "ddpm"])
    manifest = manifest.with_column("semantic", dlabels, [f"s{n}" for n in range(dlabels.max() + 1)])
    if groups is None:
        return manifest
    return manifest.with_column("group", np.asarray(groups), [f"g{n}" for n in range(40)])


rows = st.lists(st.tuples(st.integers(-1, 3), st.integers(0, 4), st.integers(0, 39)), min_size=20, max_size=200)


@settings(deadline=None, max_examples=60)
@given(rows=rows, seed=st.integers(0, 99))
def test_by_image_every_source_gets_the_shares_asked_for(rows, seed):
    labels, dlabels, _ = map(np.array, zip(*rows, strict=True))
    manifest = made(labels, dlabels)
    how = {"by": "image", "fractions": Fractions(0.7, 0.1, 0.2), "seed": seed}
    splits = split(manifest, **how).splits
    assert (splits[labels == -1] == "open").all()
    for label in np.unique(labels[labels >= 0]):
        mine = splits[labels == label]
        for name, share in (("train", 0.7), ("val", 0.1), ("test", 0.2)):
            assert abs((mine == name).sum() - share * len(mine)) < 1
        for dlabel in np.unique(dlabels[labels == label]):
            cell = splits[(labels == label) & (dlabels == dlabel)]
            assert abs((cell == "train").sum() - 0.7 * len(cell)) <= 3
    assert splits.tolist() == split(manifest, **how).splits.tolist()


@settings(deadline=None, max_examples=60)
@given(rows=rows, seed=st.integers(0, 99))
def test_by_group_no_group_is_in_two_splits(rows, seed):
    labels, dlabels, groups = map(np.array, zip(*rows, strict=True))
    divided = split(made(labels, dlabels, groups), by="group", seed=seed)
    known = labels >= 0
    for group in np.unique(groups[known]):
        assert len(set(divided.splits[known & (groups == group)])) == 1
    assert set(divided.splits[~known]) <= {"open"}


def test_by_group_shares_are_met_where_groups_are_small():
    groups = np.repeat(np.arange(40), 5)
    divided = split(made(np.repeat([0, 1], 100), np.zeros(200), groups), by="group")
    for label in (0, 1):
        names, counts = np.unique(divided.splits[divided.labels == label], return_counts=True)
        assert dict(zip(names.tolist(), counts.tolist(), strict=True)) == {"train": 80, "val": 10, "test": 10}


def test_it_goes_by_group_where_groups_are_known_and_else_by_image():
    groups = np.repeat(np.arange(20), 5)
    divided = split(made(np.repeat([0, 1], 50), np.zeros(100), groups))
    assert all(len(set(divided.splits[groups == group])) == 1 for group in range(20))
    assert split(made(np.repeat([0, 1], 50), np.zeros(100))).split_names == ("test", "train", "val")


@settings(deadline=None, max_examples=40)
@given(rows=rows, seed=st.integers(0, 99), held=st.sampled_from([("s1",), ("s0", "s2")]))
def test_held_out_semantics_are_in_no_other_split(rows, seed, held):
    labels, dlabels, _ = map(np.array, zip(*(*rows, *((0, n, 0) for n in range(5))), strict=True))
    divided = split(made(labels, dlabels), by="semantic", hold_out=held, seed=seed)
    out = np.isin(divided.column("semantic"), held)
    known = labels >= 0
    assert ((divided.splits == "test_unseen") == (out & known)).all()
    assert "test" not in divided.split_names


def test_a_number_of_semantics_is_drawn_by_the_seed():
    manifest = made(np.arange(100) % 2, np.arange(100) // 20)
    drawn = {
        tuple(split(manifest, by="semantic", hold_out=2, seed=seed).select("test_unseen").semantics)
        for seed in range(20)
    }
    assert all(len(names) == 2 for names in drawn)
    assert len(drawn) > 3


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"by": "group"}, ManifestError, "names no group for 10 images"),
        ({"by": "semantic", "hold_out": ["s9"]}, ManifestError, "no semantic class 's9'"),
        ({"by": "semantic", "hold_out": ["s0", "s1"]}, ManifestError, "no semantic class left"),
        ({"by": "semantic", "hold_out": 2}, ManifestError, "too few semantic classes to hold 2 out"),
    ],
)
def test_what_cannot_be_split_is_refused(options, error, said):
    with pytest.raises(error, match=said):
        split(made(np.arange(10) % 2, np.arange(10) // 5), **options)


@pytest.mark.parametrize("shares", [(0.8, 0.1, 0.2), (1.2, -0.1, -0.1)])
def test_fractions_must_sum_to_one(shares):
    with pytest.raises(UsageError):
        Fractions(*shares)


def test_a_zero_fraction_leaves_its_split_empty():
    divided = split(made(np.arange(50) % 2, np.zeros(50)), by="image", fractions=Fractions(0.8, 0.2, 0))
    assert divided.split_names == ("train", "val")


def test_the_command_writes_a_manifest_and_overwrites_only_by_force(tree, inside, tmp_path):
    out = tmp_path / "out" / "split.csv"
    command = ("data", "split", tree, "--out", out, "--train", "0.5", "--val", "0.25", "--test", "0.25")
    written = json.loads(inside(*command, "--json", status=0).stdout)
    manifest = Manifest.open(out)
    assert written["sha256"] == manifest.sha256
    assert written["images"] == {name: len(manifest.select(name)) for name in ("test", "train", "val")}
    assert written["images"]["train"] == 11
    assert manifest.path(0).is_file()
    before = out.read_bytes()
    inside(*command, "--seed", "1", status=2)
    assert out.read_bytes() == before
    inside(*command, "--seed", "1", "--force", status=0)
    assert out.read_bytes() != before


@pytest.mark.parametrize(("options", "told"), [((), True), (("--by", "image"), False)])
def test_a_division_by_image_for_want_of_groups_is_told_in_a_line(
    options: tuple[str, ...], told: bool, inside: Any, tmp_path: Path
) -> None:
    rows = [f"{source}{number}.png,{source}" for source in ("real", "dcgan") for number in range(20)]
    (tmp_path / "mine.csv").write_text("\n".join(["path,source", *rows]))
    done = inside("data", "split", tmp_path / "mine.csv", "--out", tmp_path / "split.csv", *options, status=0)
    assert ("the manifest names no groups" in done.stderr) == told
    assert len(done.stderr.splitlines()) == told
