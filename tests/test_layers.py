"""The rooms of the package: import arrows point down, no circle, no name twice, functions that are short."""

import ast
from collections import Counter
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import ganprint

ROOT = Path(__file__).parents[1]
FLOORS = (
    ("__main__",),
    ("cli",),
    ("api",),
    ("plugin_api",),
    ("reporting",),
    ("studies",),
    ("evaluation",),
    ("forensics",),
    ("calibration",),
    ("forge",),
    ("training",),
    ("models",),
    ("weights",),
    ("perturbation",),
    ("data",),
    ("provenance",),
    ("forked",),
    ("images",),
    ("plugins", "names"),
    ("attributor",),
    ("files",),
    ("tar_archive",),
    ("remote",),
    ("drawing",),
    ("devices", "local_files", "ordered_map", "plain_text", "plain_yaml", "processes"),
    ("errors", "lazy"),
)
"""Rooms and single modules, the highest first; one imports only what stands lower, rooms of one floor nothing of each
other."""
FLOOR = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}

MOST_LINES, MOST_PARAMETERS = 60, 8
"""Of a function; those of the command line and of `ganprint.api` have options, whose lines and number do not count."""

BESIDE = {
    # What a terminal, JSON, CSV and Markdown may be sent.
    "ganprint.plain_text",
    # The program's own settings file.
    "ganprint.files",
    "ganprint.plain_yaml",
    # An option is checked as it is read, before anything is imported that takes long.
    "ganprint.devices.check_device_name",
    # Which of several processes prints.
    "ganprint.processes",
    # The embedded benchmark, all that `forge mini` makes.
    "ganprint.forge.mini.mini",
    # The folders that `weights list` names when they have none.
    "ganprint.weights.search_path",
    # Names, columns and sentences of verdicts, and tables as text: what is printed, in the words of reports and pages.
    "ganprint.calibration.decision",
    "ganprint.forensics.verdict",
    "ganprint.forensics.verdict_rows",
    "ganprint.forensics.wording",
    "ganprint.reporting.table_text",
}
"""Modules, and names in modules, that the command line imports beside the workflows."""


def found_modules() -> Iterator[tuple[str, Path]]:
    """Yield every module of the package and of its plug-ins, its dotted name and its file."""
    for package in (ROOT / "ganprint", ROOT / "plugins" / "ganprint_plugins"):
        for path in sorted(package.rglob("*.py")):
            parts = path.relative_to(package.parent).with_suffix("").parts
            yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


MODULES = dict(found_modules())


def imports_of(path: Path) -> Iterator[str]:
    """Yield the package's modules that a file imports anywhere, inside functions and for typing too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            named = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            within = [f"{node.module}.{alias.name}" for alias in node.names]
            # What is not a module is a name in the package's or module's own file.
            named = [each if each in MODULES else str(node.module) for each in within]
        else:
            continue
        yield from (each for each in named if each in MODULES)


IMPORTS = {name: set(imports_of(path)) for name, path in MODULES.items()}


def room_of(module: str) -> str:
    return module.split(".")[1]


def is_allowed_import(module: str, other: str) -> bool:
    """Return whether the imported is of the same room or one below, and no plug-in is imported by the core."""
    if "." not in other:
        return True  # As in the test for circles.
    if other.startswith("ganprint_plugins"):
        return module.startswith("ganprint_plugins")
    if "." not in module or module.startswith("ganprint_plugins"):
        return True
    ours, theirs = room_of(module), room_of(other)
    return ours == theirs or FLOOR[ours] < FLOOR[theirs]


def calls_of(path: Path) -> Iterator[str]:
    """Yield what a file of the command line imports from the package, `module.name`, but for typing and by BESIDE."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    checked = [each for each in ast.walk(tree) if isinstance(each, ast.If)]
    typed = {each for node in checked if ast.unparse(node.test) == "TYPE_CHECKING" for each in ast.walk(node)}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node not in typed and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names if "ganprint" in node.module)
        elif isinstance(node, ast.Import) and node not in typed:
            yield from (alias.name for alias in node.names if alias.name.startswith("ganprint."))


def is_allowed_call(name: str) -> bool:
    """Return whether the command line may import this: of the workflows, of itself, an error, or of BESIDE."""
    module, _, last = name.rpartition(".")
    public = module == "ganprint" and last in (*ganprint.__all__, "__version__")
    own = name.startswith(("ganprint.api.", "ganprint.cli.", "ganprint.errors."))
    return public or own or bool({name, module} & BESIDE)


def too_large(module: str, path: Path) -> Iterator[str]:
    """Yield each function of a file that is too long or has too many parameters."""
    has_options = module.startswith(("ganprint.cli.", "ganprint.api."))
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.FunctionDef):
            continue
        first = node.body[0].lineno if has_options else node.lineno
        lines = (node.end_lineno or first) - first + 1
        given = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
        names = [each.arg for each in given if each.arg not in ("self", "cls")]
        if lines > MOST_LINES or (len(names) > MOST_PARAMETERS and not has_options):
            yield f"{module}.{node.name}: {lines} lines, {len(names)} parameters"


def test_functions_are_short() -> None:
    assert [each for name, path in MODULES.items() for each in too_large(name, path)] == []


def test_every_room_has_a_floor() -> None:
    assert {room_of(name) for name in MODULES if name.startswith("ganprint.")} <= set(FLOOR)


def test_import_arrows_point_down() -> None:
    pairs = [(module, other) for module, imported in IMPORTS.items() for other in imported]
    assert [pair for pair in pairs if not is_allowed_import(*pair)] == []


def test_the_command_line_calls_the_workflows_and_nothing_else() -> None:
    calls = {path.name: set(calls_of(path)) for path in sorted((ROOT / "ganprint" / "cli").glob("*.py"))}
    assert [(file, call) for file, each in calls.items() for call in each if not is_allowed_call(call)] == []
    used = {part for each in calls.values() for call in each for part in (call, call.rpartition(".")[0])}
    assert used >= BESIDE


def test_no_modules_import_in_a_circle() -> None:
    # The package itself gives names of the top floor when they are asked for, and its version to everybody.
    below = {name: imported - {"ganprint"} for name, imported in IMPORTS.items() if name != "ganprint"}
    TopologicalSorter(below).prepare()  # Its error names the modules of a circle.


def test_no_module_name_stands_twice() -> None:
    # A command is named as what it calls.
    lasts = Counter(name.split(".")[-1] for name in MODULES if not name.startswith("ganprint.cli."))
    assert [name for name, count in lasts.items() if count > 1] == []
