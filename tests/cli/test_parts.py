"""Attribution88's three CSVs beside a folder of images train and evaluate as they come."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(scope="module")
def listed(tiny_manifest: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the tiny manifest as train.csv, val.csv and test.csv with path, label and dlabel; val lacks stylegan."""
    folder = tmp_path_factory.mktemp("parts")
    rows = list(csv.DictReader(tiny_manifest.open()))
    files = []
    for split, name in (("train", "train"), ("val", "val"), ("test_seen", "test")):
        lines = [f"{row['path']},{row['label']},{row['dlabel']}" for row in rows if row["split"] == split]
        lines = [line for line in lines if split != "val" or "stylegan" not in line]
        files.append(folder / f"{name}.csv")
        files[-1].write_text("\n".join(["path,label,dlabel", *lines]) + "\n")
    return ",".join(map(str, files))


def test_three_files_train_and_evaluate_and_what_val_lacks_is_said(
    inside: Any, listed: str, tiny_manifest: Path, tmp_path: Path
) -> None:
    images = ("--images", tiny_manifest.parent)
    out = tmp_path / "prnu"
    small = ("--set", "view.size=32", "--workers", "0")
    done = inside("train", "--method", "prnu", "--data", listed, *images, "--out", out, *small, status=0)
    assert "val has no image of stylegan" in done.stderr
    done = inside("evaluate", "--weights", out, "--data", listed, *images, "--split", "test", "--json", status=0)
    found = json.loads(done.stdout)
    assert (found["n"], list(found["per_source"])) == (15, ["real", "progan", "stylegan"])
