"""Weights are found by name from anywhere, and a wrong name leads to the right one."""

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from ganprint.errors import GanprintWarning, WeightsError
from ganprint.weights import default_for, find, first_choice, list_weights, search_path, user_folder
from ganprint.weights.card import CARD_FILE, MODEL_FILE
from ganprint.weights.store import shipped_folder

from ..conftest import make_card, run_code


def put(folder: Path, name: str, **fields: Any) -> Path:
    """Write an artifact whose tensors are empty: the store reads cards only."""
    (folder / name).mkdir(parents=True)
    (folder / name / CARD_FILE).write_text(make_card(name, **fields).to_yaml())
    (folder / name / MODEL_FILE).write_bytes(bytes(8))
    return folder / name


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Return three empty places in the order of the search: two of the variable's, and the user's."""
    places = [tmp_path / "one", tmp_path / "two", tmp_path / "data" / "ganprint" / "weights"]
    for place in places:
        place.mkdir(parents=True)
    monkeypatch.setenv("GANPRINT_WEIGHTS", os.pathsep.join(map(str, places[:2])))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    (tmp_path / "cwd").mkdir()
    monkeypatch.chdir(tmp_path / "cwd")
    monkeypatch.setattr("ganprint.weights.store.user_folder", lambda: places[2])
    monkeypatch.setattr("ganprint.weights.store.shipped_folder", lambda: tmp_path / "shipped")
    return places


def test_the_search_goes_from_the_variable_over_the_user_to_the_shipped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GANPRINT_WEIGHTS", os.pathsep.join([str(tmp_path), "", "~/b"]))
    with pytest.warns(GanprintWarning) as told:
        assert search_path() == [tmp_path, Path.home() / "b", user_folder(), shipped_folder()]
    assert [str(each.message) for each in told] == [
        f"{Path.home() / 'b'} in GANPRINT_WEIGHTS is not a folder; it is skipped."
    ]
    monkeypatch.delenv("GANPRINT_WEIGHTS")
    assert search_path() == [user_folder(), shipped_folder()]


def test_an_earlier_folder_hides_a_later_one(folders: list[Path]) -> None:
    for place, note in zip(folders, ("first", "second", "third"), strict=True):
        put(place, "same", notes=note)
    put(folders[2], "other")
    entries = list_weights()
    assert [entry.name for entry in entries] == ["other", "same"]
    assert entries[1].card.notes == "first"
    assert find("same") == entries[1].path == folders[0] / "same"
    assert entries[1].size == 8 + (folders[0] / "same" / CARD_FILE).stat().st_size


def test_damaged_artifacts_are_listed_with_their_fault_and_unfinished_ones_are_not(folders: list[Path]) -> None:
    put(folders[0], "good")
    (put(folders[0], "bad") / CARD_FILE).write_text("name: 3")
    (put(folders[0], "headless") / CARD_FILE).unlink()
    (put(folders[0], "empty") / MODEL_FILE).unlink()
    shutil.move(put(folders[0], "unfinished"), folders[0] / ".unfinished.1.partial")
    (folders[0] / "notes.txt").write_text("not an artifact")
    (folders[0] / "folder").mkdir()
    errors = {entry.name: entry.error or "" for entry in list_weights()}
    assert errors.keys() == {"good", "bad", "headless", "empty"}
    assert errors["good"] == ""
    assert "not a valid card" in errors["bad"]
    assert f"has no {CARD_FILE}" in errors["headless"]
    assert f"has no {MODEL_FILE}" in errors["empty"]


@pytest.mark.parametrize("suffix", ["", CARD_FILE, MODEL_FILE])
def test_a_path_finds_an_artifact_outside_the_store(suffix: str, tmp_path: Path, folders: list[Path]) -> None:
    folder = put(tmp_path / "elsewhere", "mine")
    assert find(folder / suffix) == folder
    assert find(str(folder / suffix)) == folder


def test_a_bare_name_is_the_stores_before_the_working_directorys(folders: list[Path]) -> None:
    put(Path.cwd(), "mine")
    assert find("mine").resolve() == Path.cwd() / "mine"
    put(folders[2], "mine")
    assert find("mine") == folders[2] / "mine"
    assert find("./mine").resolve() == Path.cwd() / "mine"


@pytest.mark.parametrize("name", ["repmx-native", "", "..", "a\0b", "x" * 5000, "no/such/place", "/"])
def test_an_unknown_name_gets_the_valid_ones(name: str, folders: list[Path]) -> None:
    put(folders[0], "repmix-native")
    put(folders[2], "other")
    with pytest.raises(WeightsError) as error:
        find(name)
    assert "Valid names: other, repmix-native." in error.value.hint
    assert error.value.exit_status == 3
    if name == "repmx-native":
        assert error.value.message == "There are no weights called repmx-native."
        assert error.value.hint.startswith("Did you mean repmix-native?")


def test_an_empty_store_gives_the_command_that_fills_it(folders: list[Path]) -> None:
    with pytest.raises(WeightsError) as error:
        find("any")
    assert "ganprint train --method" in error.value.hint
    with pytest.raises(WeightsError, match="no default weights") as error:
        first_choice()
    assert "ganprint train --method" in error.value.hint
    with pytest.raises(WeightsError, match="no weights for the method prnu") as error:
        default_for("prnu")
    assert "ganprint train --method prnu --data MANIFEST --out DIR" in error.value.hint


def test_the_default_is_the_marked_one_of_the_first_folder_or_the_only_one(folders: list[Path]) -> None:
    put(folders[2], "only")
    put(folders[2], "else", method="prnu", default=True)
    assert default_for("repmix").name == "only"
    put(folders[1], "another")
    with pytest.raises(WeightsError, match="several weights and no one default") as error:
        default_for("repmix")
    assert error.value.hint == "Name one with --weights: another, only."
    put(folders[2], "native", default=True)
    assert default_for("repmix").name == "native"
    put(folders[0], "own")
    assert default_for("repmix").name == "native"
    put(folders[1], "better", default=True)
    assert default_for("repmix").name == "better"
    put(folders[1], "rival", default=True)
    with pytest.raises(WeightsError, match="no one default") as error:
        default_for("repmix")
    assert "better, native, rival" in error.value.hint


def test_shipped_weights_are_found_inside_an_installed_package_only(tmp_path: Path) -> None:
    package = Path(__file__).resolve().parents[2] / "ganprint"
    site = tmp_path / "site"
    shutil.copytree(package, site / "ganprint", ignore=shutil.ignore_patterns("__pycache__"))
    put(site / "weights", "strangers")
    put(site / "ganprint" / "weights" / "shipped", "repmix-native")
    code = "from ganprint.weights import list_weights; print(*(entry.name for entry in list_weights()))"
    environment = {"PYTHONPATH": str(site), "XDG_DATA_HOME": str(tmp_path), "HOME": str(tmp_path)}
    for expected in ("repmix-native", ""):
        assert run_code(code, cwd=tmp_path, env=environment).strip() == expected
        shutil.rmtree(site / "ganprint" / "weights" / "shipped", ignore_errors=True)


def test_a_checkout_has_its_own_weights_folder() -> None:
    root = Path(__file__).resolve().parents[2]
    assert shipped_folder() in (root / "weights", root / "ganprint" / "weights" / "shipped") or (
        "site-packages" in shipped_folder().parts
    )
