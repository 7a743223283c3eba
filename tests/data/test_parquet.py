"""A manifest as Parquet has the rows of the CSV, and a faulty one is one sentence that names the row."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ganprint.api.image_inputs import Inputs
from ganprint.data import Manifest
from ganprint.data.parquetfile import ROWS_AT_A_TIME, stream_paths
from ganprint.errors import ManifestError


def test_it_holds_the_same_rows_as_csv(tiny_manifest: Path, tmp_path: Path) -> None:
    manifest = Manifest.open(tiny_manifest)
    manifest.write(tmp_path / "tiny.parquet")
    manifest.write(tmp_path / "again.csv")
    again, csv = Manifest.open(tmp_path / "tiny.parquet"), Manifest.open(tmp_path / "again.csv")
    assert again.sha256 == csv.sha256
    assert again.sources == manifest.sources
    assert np.array_equal(again.labels, manifest.labels)
    assert [Path(again.path(row)).resolve() for row in (0, 5)] == [manifest.path(row) for row in (0, 5)]
    assert list(stream_paths(tmp_path / "tiny.parquet")) == again.column("path").tolist()


def test_a_missing_value_is_the_same_as_an_empty_one(tmp_path: Path) -> None:
    rows = {
        "path": ["0.png", "1.png", "2.png", "3.png"],
        "source": ["real", "real", "progan", "progan"],
        "semantic": ["a", "a", "", None],
        "group": ["", None, "g", None],
    }
    pq.write_table(pa.table(rows), tmp_path / "nulls.parquet")
    manifest = Manifest.open(tmp_path / "nulls.parquet")
    assert manifest.dlabels.tolist() == [1, 1, 0, 0]
    assert manifest.codes("group")[1] == ("", "g")


def test_it_lists_images_to_attribute(tmp_path: Path) -> None:
    rows = {"path": ["a/b.png", "zip://c.png::d.zip", "s3://bucket/e.png"], "source": ["real"] * 3}
    pq.write_table(pa.table(rows), tmp_path / "list.parquet")
    named = Inputs([], files_from=tmp_path / "list.parquet").named()
    assert list(named) == [
        (f"{tmp_path}/a/b.png", tmp_path / "a/b.png"),
        (f"zip://c.png::{tmp_path}/d.zip", f"zip://c.png::{tmp_path}/d.zip"),
        ("s3://bucket/e.png", "s3://bucket/e.png"),
    ]


def test_many_row_groups_and_batches_are_one_manifest(tmp_path: Path) -> None:
    count = ROWS_AT_A_TIME + 10
    names = np.array(["real", "progan"])[np.arange(count) % 2]
    table = pa.table({"path": [f"{n}.png" for n in range(count)], "source": names, "native_width": np.arange(count)})
    pq.write_table(table, tmp_path / "many.parquet", row_group_size=50_000)
    manifest = Manifest.open(tmp_path / "many.parquet")
    assert manifest.labels.tolist() == (np.arange(count) % 2).tolist()
    assert manifest.column("native_width")[-1] == str(count - 1)


@pytest.mark.parametrize(
    ("columns", "says"),
    [
        ({"source": ["real"]}, "no column 'path'"),
        ({"path": ["a.png"]}, "no column 'source'"),
        ({"path": pa.array([], pa.string()), "source": pa.array([], pa.string())}, "no rows"),
        ({"path": ["a.png", "b.png"], "label": [0, 70000]}, "row 2: the label is 70000"),
        ({"path": ["a.png", "b.png"], "label": [0, None]}, "row 2: the label is missing"),
        ({"path": ["a.png", "b.png"], "label": ["0", "x"]}, "'label' is not whole numbers"),
        ({"path": ["a.png", None], "source": ["real", "real"]}, "row 2: the path is empty"),
        ({"path": ["a.png", "b.png"], "source": ["real", None]}, "row 2: the source is empty"),
        ({"path": ["a.png"], "source": [["real"]]}, "'source' is of lists"),
        ({"path": ["x" * 100_000] * 5000, "source": ["real"] * 5000}, "is listed twice"),
        (
            {"path": [*map(str, range(ROWS_AT_A_TIME)), "7"], "source": ["real"] * (ROWS_AT_A_TIME + 1)},
            f"row {ROWS_AT_A_TIME + 1}: 7 is listed already on row 8",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_fault_is_a_sentence(columns: dict[str, object], says: str, tmp_path: Path) -> None:
    pq.write_table(pa.table(columns), tmp_path / "faulty.parquet")
    with pytest.raises(ManifestError, match=says) as error:
        Manifest.open(tmp_path / "faulty.parquet")
    assert len(error.value.message) < 600


@pytest.mark.parametrize("content", [b"", b"PAR1", b"PAR1" + bytes(100) + b"PAR1", b"path,source\na.png,real\n"])
def test_what_is_no_parquet_is_a_sentence(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "none.parquet").write_bytes(content)
    with pytest.raises(ManifestError, match=r"cannot be read as Parquet: .*[^.]\.$"):
        Manifest.open(tmp_path / "none.parquet")


def test_a_damaged_file_is_a_sentence_or_a_manifest(tiny_manifest: Path, tmp_path: Path) -> None:
    file = tmp_path / "tiny.parquet"
    Manifest.open(tiny_manifest).write(file)
    whole, random = file.read_bytes(), np.random.default_rng(0)
    for _ in range(300):
        content = bytearray(whole)
        for place in random.integers(0, len(whole), 4):
            content[place] = random.integers(256)
        file.write_bytes(content)
        try:
            Manifest.open(file)
        except ManifestError as error:
            assert error.message
