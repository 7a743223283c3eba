"""How the program starts: help without torch, version, errors as sentences, interruption."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import ganprint

from ..conftest import run_code

EXAMPLE = Path(__file__).parents[2] / "examples" / "chelsea.png"


def test_help_comes_without_torch_numpy_or_any_plugin() -> None:
    code = (
        "import sys; sys.argv = ['ganprint', '--help']\n"
        "from ganprint.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "heavy = {'torch', 'numpy', 'scipy', 'PIL', 'pydantic', 'ganprint_plugins', 'yaml'}\n"
        "print(sorted(heavy & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"
    assert all(f" {command} " in done.stdout for command in ("attribute", "train", "data", "weights"))


@pytest.mark.parametrize(
    ("setting", "found"), [({}, "1000"), ({"GOMP_SPINCOUNT": "7"}, "7"), ({"OMP_WAIT_POLICY": "ACTIVE"}, "")]
)
def test_threads_of_torch_spin_briefly_unless_the_user_has_chosen(setting: dict[str, str], found: str) -> None:
    code = (
        "import os, sys; sys.argv = ['ganprint', '--version']\n"
        "from ganprint.cli import main\n"
        "try: main()\n"
        "except SystemExit: print(os.environ.get('GOMP_SPINCOUNT', ''))"
    )
    given = {name: value for name, value in os.environ.items() if name not in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")}
    done = subprocess.run([sys.executable, "-c", code], env=given | setting, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == found


WITHOUT_TORCH = {
    "weights list": "residual-statistics",
    "methods": "RepMix",
    "schema verdict": "Verdict",
    "nonsense": "No such command",
    "attribute": "No image was named",
    "attribute x.png --json --csv": "cannot be combined",
    "attribute absent.png": "no file absent.png",
    "attribute --files-from absent.txt": "no list absent.txt",
    "attribute x.png --out absent/x.jsonl": "no folder absent",
    "attribute x.png --report x.txt": "x.txt",
    "attribute x.png --out x.doc": "End it with .jsonl, .json, .ndjson, .csv, .parquet, or add --json or --csv.",
    "attribute x.png --out x.parquet --json": "x.parquet is Parquet by its name.\n  Leave out --json",
    "attribute x.png --out x.parquet --csv": "Leave out --csv",
    "attribute absent.png other.png": "There is no file absent.png.\nganprint: There is no file other.png.",
    "attribute absent.png --files-from absent.txt": "no list absent.txt",
    "attribute . --fail-on nope": "No verdict can be 'nope'",
    "enroll x absent": "no file absent",
    "enroll x a*b": "No file matches a*b",
    "perturb . o": "Name either --corruption or --policy",
    "perturb . o --policy nope": "no policy 'nope'",
    "perturb . o --policy share:nope=1": "no post-processing step 'nope'",
    "perturb . o --policy fog --engine nope": "'nope' is not one of torch, imagecorruptions",
    "perturb absent.png o --policy fog": "no file absent.png",
    "perturb a.png o --corruption fogg": "Did you mean fog?",
    "perturb a.png o --policy test-sean": "Did you mean test-seen?",
    "methods repmx": "Did you mean repmix?",
    "evaluate --policy test-sean": "Did you mean test-seen?",
    "evaluate --limit 6 --record": "needs whole splits",
    "assess --policy none,froost": "Did you mean frost?",
    "assess --policy attack:pgd=8": "need images without an attack",
    "calibrate --data . --policy nope": "no policy 'nope'",
    "fuse --data . --policy nope": "no policy 'nope'",
    "compare --condition test:nope": "no policy 'nope'",
    "compare --condition test:none,test:jpg_compression:3": "Did you mean jpeg_compression?",
    "compare --robustness --corruption fogg": "no corruption 'fogg'.\n  Did you mean fog?",
    "compare --adversarial --attack nope": "no attack 'nope'",
    "compare --out a-file/o": "a-file is a file",
    "train": "Installed methods: dct-cnn, ",
    "train --method yu --set nope": "'nope' is not an assignment",
    "train --method yu --set nope=1": "no configuration key nope",
    "train --method yu --set policy=snoww": "Did you mean snow?",
    "train --method yu --preset nope": "no preset called nope",
    "train --method yu --config absent": "absent cannot be read",
    "train --method yu --start absent": "no weights called absent",
    "train --method yu --out a-file/o": "a-file is a file",
    "train --method yu --start prnu.mini": "belong to the method prnu, not yu",
    "train --method yu --out trained": "already exists",
    "train --method yu --out nowhere --resume": "no checkpoint in nowhere",
    "study ablation --data . --out o --method nope": "no method called nope",
    "study ablation --data data.csv --out o --set nope": "'nope' is not an assignment",
    "study semantics --data data.csv --out o --method yu --preset nope": "no preset called nope",
    "study ablation --data . --out a-file/o": "a-file is a file",
    "evaluate --data absent.csv": "absent.csv",
    "train --method repmix --data absent.csv --out o": "absent.csv",
    "assess --data absent.csv": "absent.csv",
    "compare --data absent.csv": "absent.csv",
    "fuse --data absent.csv --method all": "absent.csv",
    "explain absent.png": "absent.png",
    "explain zip://a.png::absent.zip --weights prnu.mini": "no file zip://a.png::absent.zip",
    f"attribute x.png --out {'a' * 300}.jsonl": "cannot be used: File name too long",
    f"attribute x.png --weights ./{'a' * 300}": "cannot be read: File name too long",
    "attribute x.png --weights ~nobody-is-called-so/x": "~nobody-is-called-so/x does not exist",
    "data check absent.csv": "absent.csv",
    "data split absent.csv --out o.csv": "absent.csv",
    "verify absent.json": "absent.json",
    "leaderboard --results absent": "no folder absent",
    "plot o --results absent": "no folder absent",
    "plot a-file/o": "a-file is a file",
    "plot o --data nope": "It has results on mini, wild128.",
    "plot o": "Name one with --data: mini, wild128",
    "leaderboard --data nope": "It has results on mini, wild128.",
    "leaderboard --results trained": "has no results",
    "leaderboard --csv --markdown": "cannot be combined",
    "leaderboard --against nope": "no result of nope",
    "weights show absent": "no weights called absent",
    "weights show repmix-wild": "Did you mean repmix.wild128?",
    "weights verify absent": "no weights called absent",
    "demo --weights absent": "no weights called absent",
    "attribute x.png --weights absent": "no weights called absent",
    "attribute x.png --method absent": "no method called absent",
    "attribute x.png --weights prnu.mini --method repmix": "belong to the method prnu, not repmix",
    "attribute x.png --weights prnu.mini --method a,b": "no method called a",
    "attribute x.png --weights prnu.mini --method repmix,prnu": "Weights and several methods were named",
    "attribute x.png --weights=": "The name of the weights is empty",
    "attribute x.png --method=": "The name of the method is empty",
    "evaluate --weights prnu.mini --method repmix": "belong to the method prnu, not repmix",
    "calibrate --data . --weights prnu.mini --method repmix": "belong to the method prnu, not repmix",
    "evaluate --weights prnu.mini,repmix.mini": "several, where one is taken",
    "fuse --data . --method repmix": "at least two methods",
    "fuse --data . --method repmix,prnu --weights prnu.mini": "Weights and several methods were named",
    "compare --rename a=b --rename a=c": "a would be b and c.",
    "demo --out a-file": "a-file is a file",
    "forge build b --photos absent": "no folder absent",
    "assess --weights prnu.mini --method repmix": "belong to the method prnu, not repmix",
    "enroll x . --weights absent": "no weights called absent",
    "enroll x . --method absent": "no method called absent",
    "evaluate --weights absent": "no weights called absent",
    "compare --weights absent": "no weights called absent",
    "assess --method absent": "no method called absent",
    "train --method absent": "no method called absent",
    **{
        f"{command} --device gpu": "no device called 'gpu'"
        for command in ("attribute x", "train --method m", "evaluate", "compare", "assess")
    },
    "attribute x.png --no-maps": "--no-maps has no effect without --report.",
    "attribute x.png --force": "--force has no effect without --out or --report.",
    "attribute x.png --out x.jsonl --resume --force": "--force has no effect with --resume.",
    "attribute x.png -v --json": "--verbose has no effect with --json.",
    "attribute x.png --out x.jsonl -v": "--verbose has no effect with --out.",
    "attribute x.png --metadata --csv": "--metadata has no effect with --csv.",
    "attribute x.png --metadata --out x.csv": "--metadata has no effect in a file that ends in .csv.",
    "attribute x.png --report x.html --batch-size 8": "--batch-size has no effect with --report.",
    "train --method yu --resume --out trained --force": "--force has no effect with --resume.",
    "train --method yu --images .": "--images has no effect without --data.",
    "evaluate --force": "--force has no effect without --predictions.",
    "evaluate --images .": "--images has no effect without --data.",
    "compare --full": "--full has no effect without --robustness.",
    "compare --robustness --full --limit 5": "--full has no effect with --limit.",
    "compare --figure-form svg": "--figure-form has no effect without --figures.",
    "compare --intervals --csv": "--intervals has no effect with --csv.",
    "compare --against x --json": "--against has no effect with --json.",
    "compare --adversarial --attack fgsm --steps 3": "--steps has no effect on fgsm, which has one step.",
    "compare --split val --condition test:none": "--split has no effect with --condition.",
    "calibrate --data . --force": "--force has no effect without --figure.",
    "assess --images .": "--images has no effect without --data.",
    "enroll x --list": "NAME has no effect with --list.",
    "enroll x --remove --json": "--json has no effect with --remove.",
    "enroll x . --remove": "FOLDER has no effect with --remove.",
    "leaderboard --no-published --json": "--no-published has no effect with --json.",
    "leaderboard --force": "--force has no effect without --figures or --html.",
    "explain x.png --split val": "--split has no effect without --spectrum.",
    "explain --spectrum --data . --map own": "--map has no effect with --spectrum.",
    "demo --force": "--force has no effect without --out.",
    "config --unset": "--unset has no effect without KEY.",
    "config device cpu --unset": "VALUE has no effect with --unset.",
    "study ablation --data . --out o --split val --condition test:none": "--split has no effect with --condition.",
    "data check . --seed 1": "--seed has no effect without --limit.",
    "weights list --paths --json": "--paths has no effect with --json.",
    "methods -q -v": "--quiet and --verbose cannot be combined.",
}
"""Commands, and what each prints, that must wait neither for torch nor for the embedded benchmark, which needs it."""


def test_what_needs_no_torch_and_what_is_wrong_is_told_without_importing_it(tmp_path: Path) -> None:
    (tmp_path / "a-file").touch()
    (tmp_path / "trained" / "checkpoints").mkdir(parents=True)
    (tmp_path / "leaderboard").mkdir()
    (tmp_path / "data.csv").write_text("path,source,semantic,split\na.png,real,cat,train\nb.png,x,cat,train\n")
    for name in ("mini.csv", "wild128.csv"):
        (tmp_path / "leaderboard" / name).symlink_to(EXAMPLE.parents[1] / "leaderboard" / name)
    code = (
        "import sys, io, json, contextlib\n"
        "from ganprint.cli import main\n"
        "for command in json.load(sys.stdin):\n"
        "    sys.argv = ['ganprint', *command.split()]\n"
        "    status, out, err = 0, io.StringIO(), io.StringIO()\n"
        "    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):\n"
        "        try: main()\n"
        "        except SystemExit as end: status = end.code\n"
        "    print(json.dumps([command, 'torch' in sys.modules, status, out.getvalue(), err.getvalue()]))\n"
    )
    answers = run_code(code, input=json.dumps(list(WITHOUT_TORCH)), cwd=tmp_path).splitlines()
    ended = {}
    for command, imported, status, printed, told in map(json.loads, answers):
        assert not imported, command
        assert WITHOUT_TORCH[command] in (told if status else printed), (command, printed, told)
        assert not (status and printed), command
        ended[command] = status
    assert ended.keys() == WITHOUT_TORCH.keys()
    asked = ("methods", "attribute absent.png", "attribute", "nonsense", "attribute x.png --weights absent")
    assert [ended[command] for command in asked] == [0, 1, 2, 2, 3]


def test_version_is_the_distributions(program) -> None:
    assert program("--version").stdout == f"ganprint {ganprint.__version__}\n"


@pytest.mark.parametrize("variable", ["FORCE_COLOR", "GITHUB_ACTIONS", "PY_COLORS"])
def test_usage_errors_have_no_escapes_where_colours_are_forced(program, variable: str) -> None:
    done = program("attribute", "x.png", "--batch-size", "0", env={variable: "1"}, status=2)
    assert "'--batch-size': '0' is not a whole number" in done.stderr and "x1b" not in done.stderr
