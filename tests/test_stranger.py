"""A seventh method, of a distribution of its own, is installed with pip, found, trained and answers."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "tests" / "stranger"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Install the stranger's distribution into a scratch folder; return an environment that sees it."""
    target = tmp_path_factory.mktemp("site")
    copy = tmp_path_factory.mktemp("source")
    for name in ("pyproject.toml", "ganprint_azimuthal.py"):
        (copy / name).write_bytes((SOURCE / name).read_bytes())
    offline = ("--no-deps", "--no-index", "--no-build-isolation", "--disable-pip-version-check")
    command = [
        sys.executable, "-m", "pip", "install", "--quiet", *offline, "--target", str(target), str(copy),
    ]  # fmt: skip
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    path = os.pathsep.join(filter(None, [str(target), os.environ.get("PYTHONPATH")]))
    return {"PYTHONPATH": path}


def test_the_method_is_listed_with_its_distribution_beside_ours(program: Any, site: dict[str, str]) -> None:
    done = program("methods", "--json", env=site, status=0)
    found = {each["name"]: each for each in json.loads(done.stdout)}
    assert len(found) == 8
    ours = found["azimuthal"]
    assert (ours["distribution"], ours["version"]) == ("ganprint-azimuthal", "0.1")
    assert all(each["error"] is None for each in found.values())


def test_it_trains_is_evaluated_and_attributes_like_any_other(
    inside: Any, site: dict[str, str], tiny_manifest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "azimuthal"
    options = ("--method", "azimuthal", "--data", tiny_manifest, "--out", out, "--workers", "0")
    settings = ("--set", "view.size=32", "--set", "policy=none")
    with monkeypatch.context() as installed:
        installed.syspath_prepend(site["PYTHONPATH"].partition(os.pathsep)[0])
        shown = inside("methods", "azimuthal")
        assert "penalty" in shown.stdout and "policy" in shown.stdout
        inside("train", *options, *settings, status=0)
        data = ("--data", tiny_manifest, "--split", "test_seen", "--workers", "0", "--json")
        evaluated = json.loads(inside("evaluate", "--weights", out, *data).stdout)
        assert evaluated["method"] == "azimuthal"
        image = next(tiny_manifest.parent.glob("progan/*.png"))
        answered = inside("attribute", image, "--weights", out, "--json")
        assert json.loads(answered.stdout)["method"] == "azimuthal"
    without = inside("attribute", image, "--weights", out, status=2)
    assert "no method called azimuthal" in without.stderr


def test_the_tutorial_shows_exactly_the_files_that_were_installed_and_they_are_short() -> None:
    tutorial = (ROOT / "docs" / "plugins.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```(?:python|toml)\n(.*?)```", tutorial, flags=re.DOTALL)
    for name in ("pyproject.toml", "ganprint_azimuthal.py"):
        content = (SOURCE / name).read_text(encoding="utf-8")
        assert content in blocks
    assert len((SOURCE / "ganprint_azimuthal.py").read_text(encoding="utf-8").splitlines()) < 60
