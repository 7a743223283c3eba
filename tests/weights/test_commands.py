"""The weights and methods commands print results on stdout, and their JSON keeps its names."""

import io
import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from ganprint_plugins.repmix import RepMix

from ganprint.attributor import View
from ganprint.plugins import Plugin, discover
from ganprint.weights import Card, Interval, Result, load_artifact, save_artifact
from ganprint.weights.card import REFERENCE_FILE
from ganprint.weights.store import shipped_folder

from ..conftest import make_card


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder that is the whole store."""
    folder = tmp_path / "store"
    folder.mkdir()
    monkeypatch.setattr("ganprint.weights.store.search_path", lambda: [folder])
    monkeypatch.setattr("ganprint.weights.search_path", lambda: [folder])
    return folder


def put(folder: Path, name: str, method: str = "nobody", **fields: Any) -> Path:
    values = {"attribution_accuracy": Interval(value=0.9623, low=0.95, high=0.97)}
    recall = {"real": 0.91, "progan": 0.823}
    card = make_card(
        name,
        method=method,
        view=View(kind="native", size=128, crops=4),
        config={"depth": 3},
        metrics=[
            Result(split="test_unseen", policy="none", n=7, values=values),
            Result(split="test_seen", policy="none", n=1234, values=values, per_source=recall),
        ],
        **fields,
    )
    return save_artifact(folder / name, {"a": torch.ones(3, 3)}, card)


@pytest.fixture
def run(inside: Any) -> Any:
    """Return a function that runs `ganprint` with a wide terminal."""
    return lambda *arguments, **options: inside(*arguments, env={"COLUMNS": "200"}, **options)


def test_list_names_every_artifact_and_the_fault_of_a_damaged_one(run: Any, store: Path) -> None:
    put(store, "good", default=True)
    (put(store, "bad") / "card.yaml").write_text("name: bad")
    done = run("weights", "list")
    good, bad = (next(line for line in done.stdout.splitlines() if name in line) for name in ("good", "bad"))
    for part in ("good*", "nobody", "native 128", "0.962"):
        assert part in good
    assert "damaged" in bad
    assert "bad is damaged" in done.stderr and "not a valid card" in done.stderr


def test_lists_json_is_stable(run: Any, store: Path) -> None:
    folder = put(store, "good", default=True)
    (put(store, "bad") / "card.yaml").unlink()
    bad, good = json.loads(run("weights", "list", "--json").stdout)
    assert list(good) == [
        *("name", "method", "default", "sources", "view", "parameters", "precision", "sha256", "date"),
        *("attribution_accuracy", "split", "policy", "size", "path", "error"),
    ]
    assert bad.keys() == good.keys()
    assert (good["name"], good["method"], good["default"], good["error"]) == ("good", "nobody", True, None)
    assert good["attribution_accuracy"] == {"value": 0.9623, "low": 0.95, "high": 0.97}
    assert (good["split"], good["policy"], good["path"]) == ("test_seen", "none", str(folder))
    assert good["size"] == sum(file.stat().st_size for file in folder.iterdir())
    assert (bad["method"], bad["attribution_accuracy"]) == (None, None)
    assert "card.yaml" in bad["error"]


def test_an_empty_store_lists_nothing_on_stdout_and_says_where_it_looked(run: Any, store: Path) -> None:
    result = run("weights", "list", status=0)
    assert result.stdout == "" and str(store) in result.stderr
    assert json.loads(run("weights", "list", "--json").stdout) == []
    assert "no weights to verify" in run("weights", "verify", status=3).stderr


def test_show_renders_the_card_its_intervals_and_recalls(run: Any, store: Path) -> None:
    put(store, "good", notes="made by [bold]hand")
    shown = run("weights", "show", "good").stdout
    for part in ("made by [bold]hand", "native, 128 px, 4 crops", "0.962 [0.950, 0.970]", "0.823", "depth=3"):
        assert part in shown
    card = json.loads(run("weights", "show", "good", "--json").stdout)
    assert card.pop("path") == str(store / "good")
    assert Card.model_validate(card) == load_artifact(store / "good").card
    assert "no weights called god" in run("weights", "show", "god", status=3).stderr


def test_verify_exits_1_where_one_of_several_is_damaged(run: Any, store: Path) -> None:
    put(store, "good")
    run("weights", "verify", status=0)
    model = put(store, "hurt") / "model.safetensors"
    model.write_bytes(model.read_bytes()[:-1] + b"\x01")
    good, hurt = run("weights", "verify", status=1).stdout.splitlines()
    assert good == "good: sound (There is no method called nobody.)"
    assert hurt.startswith("hurt: ") and "SHA-256" in hurt
    run("weights", "verify", "good", status=0)
    records = json.loads(run("weights", "verify", "--json").stdout)
    assert {record["name"]: bool(record["error"]) for record in records} == {"good": False, "hurt": True}
    assert list(records[0]) == ["name", "path", "sha256", "error", "warning"]


def test_verify_notices_weights_that_do_not_fit_their_method(run: Any, store: Path) -> None:
    put(store, "misfit", method="repmix")
    assert "depth: Extra inputs are not permitted" in run("weights", "verify", "misfit", status=1).stdout


def test_verify_notices_a_damaged_reference_without_which_nothing_is_answered(run: Any, store: Path) -> None:
    folder = shutil.copytree(shipped_folder() / "prnu.mini", store / "hurt")
    run("weights", "verify", "hurt", status=0)
    (folder / REFERENCE_FILE).write_bytes(b"damaged")
    assert "not the file that its card names" in run("weights", "verify", "hurt", status=1).stdout


def test_import_refuses_what_is_no_checkpoint_and_writes_nothing(run: Any, store: Path, tmp_path: Path) -> None:
    path = tmp_path / "evil.ckpt"
    torch.save({"state_dict": {"a": io.StringIO}}, path)
    options = ("--name", "a", "--sources", "real,progan", "--out", tmp_path / "out")
    refused = run("weights", "import", path, *options, status=3)
    assert re.search(r"names \w*io\.StringIO", refused.stderr) and not (tmp_path / "out").exists()
    run("weights", "import", path, status=2)


@pytest.fixture
def _absent(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a plug-in that is not there beside the real ones."""
    point = next(plugin.entry_point for plugin in discover() if plugin.name == "repmix")
    absent = type(point)("absent", "no_such_module_here:Method", point.group)
    plugins = [*discover(), Plugin("absent", "strange[bold]r", "3.1", absent)]
    monkeypatch.setattr("ganprint.plugins.discover", lambda: plugins)


def test_one_method_shows_its_presets_and_the_help_of_every_key(run: Any) -> None:
    found = json.loads(run("methods", "repmix", "--json").stdout)
    assert found["presets"] == ["repmix", "repmix-mini", "repmix-native", "repmix-small"]
    keys = {key["name"]: key for key in found["keys"]}
    assert {"view.size", "mix_level", "learning_rate", "policy"} <= keys.keys()
    assert all(key["description"] for key in keys.values())
    assert keys["mix_concentration"]["default"] == 0.4
    text = run("methods", "repmix").stdout
    assert "ECCV 2022" in text
    assert all(name in text for name in keys)


@pytest.mark.usefixtures("_absent")
def test_methods_names_papers_weights_and_what_failed(run: Any, store: Path) -> None:
    put(store, "good", method="repmix")
    records = {record["name"]: record for record in json.loads(run("methods", "--json").stdout)}
    fields = ["name", "title", "year", "distribution", "version", "weights", "error", "paper"]
    assert all(list(record) == fields for record in records.values())
    assert records["repmix"] | {"version": ""} == dict(
        zip(fields, ("repmix", "RepMix", 2022, "ganprint", "", ["good"], None, RepMix.spec.paper), strict=True)
    )
    assert records["absent"]["title"] is None
    assert "No module named 'no_such_module_here'" in records["absent"]["error"]
    text = " ".join(run("methods", status=0).stdout.split())
    for part in ("ECCV", "good", "Failed to load", "strange[bold]r 3.1", "ModuleNotFoundError"):
        assert part in text
