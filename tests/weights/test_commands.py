"""The weights and methods commands print results on stdout, and their JSON keeps its names."""

import io
import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
import typer
from ganprint_plugins.repmix import RepMix
from typer.testing import CliRunner, Result

from ganprint.attributor import View
from ganprint.cli.methods import methods
from ganprint.cli.weights import app
from ganprint.errors import WeightsError
from ganprint.plugins import Plugin, discover
from ganprint.weights import Card, Interval, load_artifact, save_artifact
from ganprint.weights import Result as Evaluation
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
            Evaluation(split="test_unseen", policy="none", n=7, values=values),
            Evaluation(split="test_seen", policy="none", n=1234, values=values, per_source=recall),
        ],
        **fields,
    )
    return save_artifact(folder / name, {"a": torch.ones(3, 3)}, card)


def run(command: typer.Typer, *arguments: str) -> Result:
    result = CliRunner(env={"COLUMNS": "200"}).invoke(command, arguments)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def damage(folder: Path) -> None:
    with (folder / "model.safetensors").open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        file.write(b"\x01")


def test_list_names_every_artifact_and_the_fault_of_a_damaged_one(store: Path) -> None:
    put(store, "good", default=True)
    (put(store, "bad") / "card.yaml").write_text("name: bad")
    done = run(app, "list")
    table = done.stdout
    good, bad = (next(line for line in table.splitlines() if name in line) for name in ("good", "bad"))
    for part in ("good*", "nobody", "native 128", "0.962"):
        assert part in good
    assert "damaged" in bad
    assert "bad is damaged" in done.stderr and "not a valid card" in done.stderr


def test_lists_json_is_stable(store: Path) -> None:
    folder = put(store, "good", default=True)
    (put(store, "bad") / "card.yaml").unlink()
    bad, good = json.loads(run(app, "list", "--json").stdout)
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


def test_an_empty_store_lists_nothing_on_stdout_and_says_where_it_looked(store: Path) -> None:
    result = run(app, "list")
    assert (result.stdout, result.exit_code) == ("", 0)
    assert str(store) in result.stderr
    assert json.loads(run(app, "list", "--json").stdout) == []
    with pytest.raises(WeightsError, match="no weights to verify"):
        run(app, "verify")


def test_show_renders_the_card_its_intervals_and_recalls(store: Path) -> None:
    put(store, "good", notes="made by [bold]hand")
    shown = run(app, "show", "good").stdout
    for part in ("made by [bold]hand", "native, 128 px, 4 crops", "0.962 [0.950, 0.970]", "0.823", "depth=3"):
        assert part in shown
    card = json.loads(run(app, "show", "good", "--json").stdout)
    assert card.pop("path") == str(store / "good")
    assert Card.model_validate(card) == load_artifact(store / "good").card
    with pytest.raises(WeightsError, match="no weights called god"):
        run(app, "show", "god")


def test_verify_exits_1_where_one_of_several_is_damaged(store: Path) -> None:
    put(store, "good")
    assert run(app, "verify").exit_code == 0
    damage(put(store, "hurt"))
    result = run(app, "verify")
    good, hurt = result.stdout.splitlines()
    assert result.exit_code == 1
    assert good == "good: sound (There is no method called nobody.)"
    assert hurt.startswith("hurt: ")
    assert "SHA-256" in hurt
    assert run(app, "verify", "good").exit_code == 0
    records = json.loads(run(app, "verify", "--json").stdout)
    assert {record["name"]: bool(record["error"]) for record in records} == {"good": False, "hurt": True}
    assert list(records[0]) == ["name", "path", "sha256", "error", "warning"]


def test_verify_notices_weights_that_do_not_fit_their_method(store: Path) -> None:
    put(store, "misfit", method="repmix")
    result = run(app, "verify", "misfit")
    assert result.exit_code == 1
    assert "depth: Extra inputs are not permitted" in result.stdout


def test_verify_notices_a_damaged_reference_without_which_nothing_is_answered(store: Path) -> None:
    folder = shutil.copytree(shipped_folder() / "prnu.mini", store / "hurt")
    assert run(app, "verify", "hurt").exit_code == 0
    (folder / REFERENCE_FILE).write_bytes(b"damaged")
    result = run(app, "verify", "hurt")
    assert result.exit_code == 1 and "not the file that its card names" in result.stdout


def test_import_refuses_what_is_no_checkpoint_and_writes_nothing(store: Path, tmp_path: Path) -> None:
    path = tmp_path / "evil.ckpt"
    torch.save({"state_dict": {"a": io.StringIO}}, path)
    options = ("--name", "a", "--sources", "real,progan", "--out", str(tmp_path / "out"))
    with pytest.raises(WeightsError, match=r"names \w*io\.StringIO"):
        run(app, "import", str(path), *options)
    assert not (tmp_path / "out").exists()
    assert run(app, "import", str(path)).exit_code == 2


@pytest.fixture
def listing(monkeypatch: pytest.MonkeyPatch) -> typer.Typer:
    """Return a program of the one command, with a plug-in that is not there beside the real ones."""
    point = next(plugin.entry_point for plugin in discover() if plugin.name == "repmix")
    absent = type(point)("absent", "no_such_module_here:Method", point.group)
    plugins = [*discover(), Plugin("absent", "strange[bold]r", "3.1", absent)]
    monkeypatch.setattr("ganprint.plugins.discover", lambda: plugins)
    program = typer.Typer()
    program.command()(methods)
    return program


def test_one_method_shows_its_presets_and_the_help_of_every_key(listing: typer.Typer) -> None:
    found = json.loads(run(listing, "repmix", "--json").stdout)
    assert found["presets"] == ["repmix", "repmix-mini", "repmix-native", "repmix-small"]
    keys = {key["name"]: key for key in found["keys"]}
    assert {"view.size", "mix_level", "learning_rate", "policy"} <= keys.keys()
    assert all(key["description"] for key in keys.values())
    assert keys["mix_concentration"]["default"] == 0.4
    text = run(listing, "repmix").stdout
    assert "ECCV 2022" in text
    assert all(name in text for name in keys)


def test_methods_names_papers_weights_and_what_failed(store: Path, listing: typer.Typer) -> None:
    put(store, "good", method="repmix")
    records = {record["name"]: record for record in json.loads(run(listing, "--json").stdout)}
    fields = ["name", "title", "year", "distribution", "version", "weights", "error", "paper"]
    assert all(list(record) == fields for record in records.values())
    assert records["repmix"] | {"version": ""} == dict(
        zip(fields, ("repmix", "RepMix", 2022, "ganprint", "", ["good"], None, RepMix.spec.paper), strict=True)
    )
    assert records["absent"]["title"] is None
    assert "No module named 'no_such_module_here'" in records["absent"]["error"]
    result = run(listing)
    assert result.exit_code == 0
    text = " ".join(result.stdout.split())
    for part in ("ECCV", "good", "Failed to load", "strange[bold]r 3.1", "ModuleNotFoundError"):
        assert part in text
