"""The base installation attributes images; what needs an extra names the line that installs it."""

import tomllib
from pathlib import Path

from .conftest import run_code

ROOT = Path(__file__).parents[1]
IMAGE = ROOT / "examples" / "chelsea.png"
# Each command in one process, with packages of extras kept from being imported.
PROGRAM = """
import sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("captum", "jinja2", "matplotlib", "tensorboard"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Missing())
from typer.testing import CliRunner
from ganprint.cli import app
from ganprint.errors import GanprintError

image, out = sys.argv[1:]
for command in (
    ["attribute", image],
    ["attribute", image, "--report", f"{out}/case.html"],
    ["explain", image, "--out", f"{out}/maps.png"],
):
    done = CliRunner().invoke(app, command)
    error = done.exception
    said = f"{error.exit_status} {error.message} {error.hint}" if isinstance(error, GanprintError) else ""
    print("|".join([str(done.exit_code), said, done.stdout.replace("\\n", " ") or repr(error)]))
"""


def test_without_extras_attribution_works_and_other_features_say_what_to_install(tmp_path: Path) -> None:
    base, report, explain = run_code(PROGRAM, IMAGE, tmp_path).splitlines()
    assert base.startswith("0||") and "chelsea.png" in base
    assert "2 This needs the package" in report and "pip install 'ganprint[report]'" in report
    assert "2 This needs the package" in explain and "pip install 'ganprint[" in explain
    assert not list(tmp_path.iterdir())


def test_all_has_every_extra_but_ray_which_is_large_and_the_tests_install_it() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    (named,) = extras["all"]
    every = set(extras) - {"all", "test", "dev", "ray"}
    assert set(named.removeprefix("ganprint[").removesuffix("]").split(",")) == every
    assert {"train", "report", "explain", "provenance", "heic"} <= every
    assert "ganprint[all]" in extras["test"]
