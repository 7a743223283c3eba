"""Discovery finds what is installed, one bad plug-in breaks nothing but itself, and all import the plug-in API."""

import ast
import sys
from pathlib import Path

import ganprint_plugins
import numpy as np
import pytest

from ganprint import plugin_api, plugins
from ganprint.errors import PluginError

from .conftest import run_code

GOOD = """
from ganprint.plugin_api import Attributor, AttributorConfig, AttributorSpec
class Good(Attributor):
    spec = AttributorSpec("good", "Good", "A paper", 2024, AttributorConfig)
    def fit(self, train, val, run): return {}
    def predict(self, images): raise NotImplementedError
    def state(self): return {}
    def load_state(self, tensors): pass
class Renamed(Good):
    pass
class Partial(Attributor):
    spec = AttributorSpec("partial", "Partial", "A paper", 2024, AttributorConfig)
    def fit(self, train, val, run): return {}
class Bare(Good):
    spec = None
class Newer(Good):
    spec = AttributorSpec("newer", "Newer", "A paper", 2030, AttributorConfig, api_version=2)
class Odd(Good):
    spec = AttributorSpec("odd", "Odd", "A paper", 2024, AttributorConfig, api_version="2")
PLACELESS = AttributorSpec("placeless", "Placeless", "A paper", 2024, AttributorConfig)
class Older(Good):
    spec = AttributorSpec("older", "Older", "A paper", 2010, AttributorConfig, api_version=0)
"""
FAULTS = {
    "renamed": ("stranger:Renamed", "has a spec for good"),
    "partial": ("stranger:Partial", "does not implement load_state, predict, state"),
    "bare": ("stranger:Bare", "has no spec"),
    "function": ("stranger:AttributorSpec", "is not a subclass of Attributor"),
    "instance": ("json:loads", "is not a subclass of Attributor"),
    "placeless": ("stranger:PLACELESS", "stranger:PLACELESS.attributor is not a subclass of Attributor"),
    "another": ("stranger:PLACELESS", "has a spec for placeless"),
    "absent": ("stranger:Nothing", "AttributeError"),
    "missing": ("no_such_module_here:X", "ModuleNotFoundError: No module named 'no_such_module_here'"),
    "broken": ("broken_stranger:X", "failed to import: RuntimeError: first line$"),
    "newer": ("stranger:Newer", "written for version 2 of the plug-in API; this ganprint has version 1"),
    "odd": ("stranger:Odd", "written for version 2 of the plug-in API"),
    "older": ("stranger:Older", "written for version 0 of the plug-in API"),
    "leaving": ("leaving_stranger:X", "failed to import: SystemExit: 3$"),
}


def install(folder: Path, distribution: str, points: dict[str, str]) -> None:
    info = folder / f"{distribution}-1.2.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.2\n")
    lines = "\n".join(f"{name} = {target}" for name, target in points.items())
    (info / "entry_points.txt").write_text(f"[{plugins.GROUP}]\n{lines}\n")


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder where distributions are installed beside the real ones."""
    (tmp_path / "stranger.py").write_text(GOOD)
    (tmp_path / "broken_stranger.py").write_text("raise RuntimeError('first line\\nsecond line')")
    (tmp_path / "leaving_stranger.py").write_text("raise SystemExit(3)")
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    for module in ("stranger", "broken_stranger", "leaving_stranger"):
        sys.modules.pop(module, None)


def test_a_strangers_plugin_is_listed_with_its_distribution_and_loads(site: Path) -> None:
    install(site, "stranger-methods", {"good": "stranger:Good"})
    found = {plugin.name: plugin for plugin in plugins.discover()}
    assert (found["good"].distribution, found["good"].version) == ("stranger-methods", "1.2")
    assert found["good"].error is None
    assert "stranger" not in sys.modules
    assert plugins.load("good").spec.title == "Good"


def test_the_specs_of_our_methods_and_their_presets_are_read_without_torch() -> None:
    code = (
        "import sys; from ganprint import plugins; from ganprint.models.config import preset_names, read_config;"
        "print(sum(read_config(spec, preset=name) is not None for spec in plugins.specs() "
        "for name in preset_names(spec)), [*{'torch', 'timm', 'sklearn', 'scipy'} & set(sys.modules)])"
    )
    presets = len([*(Path(ganprint_plugins.__file__).parent / "configs").glob("*.yaml")])
    assert run_code(code).strip() == f"{presets} []"


def test_the_spec_that_an_entry_point_names_is_that_of_the_class_it_names() -> None:
    assert [plugins.load(spec.name).spec for spec in plugins.specs()] == plugins.specs()


def test_the_spec_of_a_class_that_an_entry_point_names_is_read_as_well(site: Path) -> None:
    install(site, "stranger-methods", {"good": "stranger:Good"})
    assert plugins.read_spec("good").title == "Good"


@pytest.mark.parametrize("name", FAULTS, ids=str)
def test_a_faulty_plugin_is_named_with_its_cause_and_the_others_load(name: str, site: Path) -> None:
    target, reason = FAULTS[name]
    install(site, "faulty", {name: target})
    install(site, "stranger-methods", {"good": "stranger:Good"})
    with pytest.raises(PluginError, match=f"plug-in {name} of faulty 1.2 .*{reason}") as error:
        plugins.load(name)
    assert "\n" not in error.value.message
    assert error.value.hint
    assert plugins.load("good").spec.name == "good"


def test_a_name_claimed_twice_is_listed_twice_and_loads_neither(site: Path) -> None:
    install(site, "first", {"good": "stranger:Good"})
    install(site, "second", {"good": "stranger:Good"})
    both = [plugin for plugin in plugins.discover() if plugin.name == "good"]
    assert [plugin.distribution for plugin in both] == ["first", "second"]
    assert all(plugin.error and "by first and second" in plugin.error for plugin in both)
    with pytest.raises(PluginError, match="claimed 2 times"):
        plugins.load("good")


def test_an_unknown_name_gets_the_valid_ones_and_the_closest() -> None:
    with pytest.raises(PluginError, match="no method called repmx") as error:
        plugins.load("repmx")
    assert error.value.hint.startswith("Did you mean repmix? Installed methods: ")
    assert error.value.exit_status == 2


def test_discovery_imports_neither_torch_nor_a_plugin() -> None:
    code = (
        "import sys; from ganprint import plugins; plugins.discover();"
        "print([name for name in sys.modules if name.partition('.')[0] in ('torch', 'ganprint_plugins')])"
    )
    assert run_code(code).strip() == "[]"


@pytest.mark.parametrize(
    "file",
    [*Path(ganprint_plugins.__file__).parent.rglob("*.py"), *(Path(__file__).parent / "stranger").glob("*.py")],
    ids=lambda path: path.stem if path.stem != "__init__" else path.parent.name,
)
def test_plugins_import_nothing_of_ganprint_but_the_plugin_api(file: Path) -> None:
    nodes = [*ast.walk(ast.parse(file.read_text(encoding="utf-8")))]
    imported = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    imported |= {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)}
    ours = {name for name in imported if name.partition(".")[0] == "ganprint"}
    assert ours <= {"ganprint.plugin_api"}


def test_the_plugin_api_has_every_name_that_it_lists_and_imports_scipy_only_for_those_that_need_it() -> None:
    assert [name for name in plugin_api.__all__ if not hasattr(plugin_api, name)] == []
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        plugin_api.nothing  # noqa: B018
    code = "import sys, ganprint.plugin_api; print([*{'scipy', 'timm', 'pywt'} & set(sys.modules)])"
    assert run_code(code).strip() == "[]"


def test_a_method_without_fit_says_so(site: Path) -> None:
    (site / "stranger.py").write_text(GOOD.replace("    def fit(self, train, val, run): return {}\n", ""))
    install(site, "stranger-methods", {"good": "stranger:Good"})
    unfit = plugins.load("good")(plugin_api.AttributorConfig(), ["real", "fake"])
    with pytest.raises(PluginError, match=r"Good has no fit\."):
        unfit.fit(None, None, None)  # type: ignore[arg-type]


def test_an_answer_that_is_none_is_refused(site: Path) -> None:
    (site / "stranger.py").write_text(GOOD)
    install(site, "stranger-methods", {"good": "stranger:Good"})
    good = plugins.load("good")(plugin_api.AttributorConfig(), ["real", "fake"])
    with pytest.raises(PluginError, match="Good answers with ndarray, not Prediction"):
        good.check_answer(np.zeros((3, 2)), 3)
    with pytest.raises(PluginError, match=r"logits of shape \(3, 1\), not \(3, 2\)"):
        good.check_answer(plugin_api.Prediction(np.zeros((3, 1))), 3)  # type: ignore[arg-type]
