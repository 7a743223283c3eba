"""What `import ganprint` gives: lazily, with the names and defaults of the commands."""

import ast
import inspect
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

import ganprint
from ganprint import cli
from ganprint.api.trained_studies import prepare_study
from ganprint.cli import data, study, weights
from ganprint.cli.option_groups import Display
from ganprint.data import Manifest

from ..conftest import run_code

COMMANDS: dict[str, tuple[set[str], set[str]]] = {
    "attribute": ({"inputs", "fail_on", "verbose"}, {"images", "on_error"}),
    "explain": ({"spectrum", "data", "split", "preprocessing", "size", "limit", "seed", "workers"}, set()),
    "train": ({"assignments"}, {"set"}),
    "evaluate": ({"as_json", "as_csv"}, set()),
    "calibrate": ({"as_json"}, set()),
    "assess": ({"as_json"}, set()),
    "perturb": ({"inputs", "out", "recursive", "force", "as_json"}, {"images"}),
    "enroll": ({"folder", "listing", "remove", "as_json"}, {"images"}),
    "verify": ({"as_json"}, set()),
    "fuse": (set(), set()),
    "leaderboard": ({"former", "intervals", "markdown", "latex", "as_json", "as_csv"}, set()),
    "plot": (set(), set()),
    "demo": ({"as_json"}, set()),
    "schema": (set(), set()),
    "check_data": ({"as_json"}, set()),
    "split_data": ({"as_json"}, set()),
    "join_data": ({"as_json"}, set()),
    "verify_weights": ({"as_json"}, set()),
}
"""Of each function the options that its command has alone, and the parameters that the command has not."""
WITHIN: dict[str, Any] = {
    "check_data": data.check_command,
    "split_data": data.split_command,
    "join_data": data.join_command,
    "verify_weights": weights.verify_command,
}
"""The commands that are within others."""
HOOKS = {"command", "say", "progress", "report", "making"}
"""What a command passes of itself."""


def test_the_package_imports_nothing_heavy_until_a_name_is_used() -> None:
    code = (
        "import sys, ganprint\n"
        "print([name for name in ('torch', 'numpy', 'PIL', 'pydantic', 'importlib.metadata') if name in sys.modules])\n"
        "from ganprint import *\n"
        "print(attribute.__name__, 'torch' in sys.modules)"
    )
    imported, used = run_code(code).splitlines()
    assert imported == "[]" and used.startswith("attribute")


def test_every_name_is_there_for_people_and_for_type_checkers() -> None:
    assert [name for name in ganprint.__all__ if not hasattr(ganprint, name)] == []
    assert set(ganprint.__all__) <= set(dir(ganprint))
    tree = ast.parse(Path(ganprint.__file__).read_text(encoding="utf-8"))
    (typed,) = (node for node in tree.body if isinstance(node, ast.If))
    seen = {alias.name for node in typed.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert seen == set(ganprint.__all__)
    with pytest.raises(AttributeError, match="no attribute 'attrbute'"):
        ganprint.attrbute  # noqa: B018


def test_modules_of_the_same_name_do_not_hide_functions() -> None:
    import ganprint.perturbation

    assert callable(ganprint.perturb)
    assert all(not inspect.ismodule(getattr(ganprint, name)) for name in ganprint.__all__)


@pytest.mark.parametrize("name", COMMANDS)
def test_functions_have_the_names_and_defaults_of_their_commands(name: str) -> None:
    function, command = getattr(ganprint, name), WITHIN.get(name) or getattr(cli, name)
    ours, theirs = (inspect.signature(each).parameters for each in (function, command))
    alone, added = COMMANDS[name]
    assert set(theirs) - set(ours) == alone
    assert set(ours) - set(theirs) - HOOKS == added

    def default(parameters: Any, option: str) -> object:
        value = parameters[option].default
        return None if value is inspect.Parameter.empty else value

    shared = set(ours) & set(theirs)
    differing = {option for option in shared if default(ours, option) != default(theirs, option)}
    # A repeatable option has no default but None on the command line, where its help says what that means.
    # A number of classes to hold out is text there, where it may also be their names.
    assert differing <= {"policies", "splits", "hold_out"}


def test_a_study_has_the_options_of_its_command() -> None:
    theirs = inspect.signature(study.semantics).parameters.keys() | inspect.signature(study.ablation).parameters
    shown = {field.name for field in fields(Display)}
    ours = inspect.signature(prepare_study).parameters.keys() - {"kind", "command"}
    assert ours - theirs == {"set"}
    assert theirs - ours == {"assignments", "budget", "dry_run", *shown}


WRONG: dict[str, Any] = {
    "by": lambda data, weights: ganprint.split_data(data, "split.csv", by="groups"),  # type: ignore[arg-type]
    "precision": lambda data, weights: ganprint.train("prnu", data, "out", precision="fp16"),  # type: ignore[arg-type]
    "unit": lambda data, weights: ganprint.evaluate(data, weights=weights, unit="images"),  # type: ignore[arg-type]
    "metric": lambda data, weights: ganprint.leaderboard(metric="nmj"),  # type: ignore[arg-type]
    "score": lambda data, weights: ganprint.calibrate(data, weights=weights, score="near"),  # type: ignore[arg-type]
    "of": lambda data, weights: ganprint.schema("card"),  # type: ignore[arg-type]
    "threads": lambda data, weights: ganprint.evaluate(data, weights=weights, threads=0),
    "workers": lambda data, weights: ganprint.evaluate(data, weights=weights, device="cpu", workers=-1),
    "manifest to join": lambda data, weights: ganprint.join_data("joined.csv", []),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_value_that_no_option_has_is_refused(
    name: str, tiny_manifest: Path, judged_weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ganprint.GanprintError, match=name):
        WRONG[name](tiny_manifest, judged_weights)
    assert not list(tmp_path.glob("*.csv"))


def test_text_is_one_name_or_several_with_commas(tiny_manifest: Path, judged_weights: Path, tmp_path: Path) -> None:
    assert len(ganprint.join_data(tmp_path / "joined.csv", str(tiny_manifest))) == len(Manifest.open(tiny_manifest))
    policies = "none,jpeg_compression:1"
    assert len(ganprint.assess(tiny_manifest, weights=judged_weights, policies=policies, device="cpu")) == 2
    with pytest.raises(ganprint.GanprintError, match="no semantic class 'sky'"):
        ganprint.split_data(tiny_manifest, tmp_path / "split.csv", by="semantic", hold_out="sky")
