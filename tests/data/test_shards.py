"""Tar shards in webdataset's layout: labels beside the images, the same manifest as a CSV gives."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ganprint.data import Manifest
from ganprint.errors import ManifestError
from ganprint.images import find_images, read_image

from ..conftest import encoded, write_tar


def png(grey: int) -> bytes:
    return encoded(Image.new("RGB", (32, 32), (grey, grey, grey)))


def facts(**columns: object) -> bytes:
    return json.dumps(columns | {"caption": "is left alone"}).encode()


def test_a_folder_of_shards_is_a_manifest_with_the_columns_of_its_json(tmp_path: Path) -> None:
    write_tar(tmp_path / "b.tar", {"2.json": facts(source="real", semantic="face", group="camera"), "2.png": png(2)})
    first = {"1.png": png(1), "1.json": facts(source="progan", semantic="cat", group="one", split="test")}
    write_tar(tmp_path / "a.tar", first)
    manifest = Manifest.open(tmp_path)
    assert manifest.sources == ("real", "progan")
    assert manifest.labels.tolist() == [1, 0]
    assert manifest.column("group").tolist() == ["one", "camera"]
    assert manifest.column("split").tolist() == ["test", ""]
    assert [int(read_image(manifest.path(row)).pixels[0, 0, 0]) for row in range(2)] == [1, 2]


@pytest.mark.parametrize(
    ("labels", "sources", "by_position"),
    [(("0", "1\n"), ("real", "source-1"), True), (("real", "stylegan"), ("real", "stylegan"), False)],
)
def test_one_shard_has_numbers_or_sources_in_cls_files(
    labels: tuple[str, str], sources: tuple[str, ...], by_position: bool, tmp_path: Path
) -> None:
    members = {}
    for number, label in enumerate(labels):
        members |= {f"s/{number}.photo.png": png(number), f"s/{number}.cls": label.encode()}
    shard = write_tar(tmp_path / "one.tar", members)
    manifest = Manifest.open(shard)
    assert (manifest.sources, manifest.named_by_position) == (sources, by_position)
    assert np.array_equal(manifest.labels, [0, 1])
    assert [int(read_image(manifest.path(row)).pixels[0, 0, 0]) for row in range(2)] == [0, 1]
    assert len(list(find_images([str(shard)]))) == 2


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ({"1.png": b"", "1.cls": b"real", "2.png": b""}, "2.png has no source"),
        ({"1.png": b"", "1.json": b"["}, "1.json.* is no label"),
        ({"1.png": b"", "1.json": facts(label="one")}, "1.png has no label"),
        ({"1.png": b"", "1.cls": b"progan"}, "no images with label 0"),
        ({"1.png": b"", "1.json": facts(label=70_000)}, "1.png: the label is 70000."),
    ],
)
def test_a_label_that_is_missing_or_none_is_named(members: dict[str, bytes], said: str, tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match=said):
        Manifest.open(write_tar(tmp_path / "one.tar", members))
