"""What all commands have in common: short options, help, environment variables and the settings file."""

import json
import re
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import typer
from PIL import Image

from ganprint.cli import app
from ganprint.cli.idle_options import RULES
from ganprint.cli.old_names import KEYS, renew
from ganprint.cli.settings import commands, find_option

from ..conftest import as_nobody, noise

EVERY = {" ".join(path): command for path, command in commands(typer.main.get_command(app)).items()}


@pytest.mark.parametrize("name", EVERY)
def test_a_command_has_the_short_options_and_an_example(name: str) -> None:
    options = [option for parameter in EVERY[name].params for option in parameter.opts]
    assert {"-q", "-v"} <= set(options)
    assert ("--out" in options) == ("-o" in options)
    assert len(options) == len(set(options))
    assert f"Example: ganprint {name}" in EVERY[name].help


@pytest.mark.parametrize("name", ["", *EVERY])
def test_help_has_words_whole_no_python_type_and_no_huge_number(inside: Any, name: str) -> None:
    done = inside(*name.split(), "-h", env={"COLUMNS": "80"}, status=0)
    assert not re.search(r"<bool>|<str>|int range|922337|\u2026", done.stdout)
    options = EVERY[name].params if name else ()
    texts = [f"{option.metavar or ''} {getattr(option, 'help', None) or ''}" for option in options]
    assert [word for word in " ".join(texts).split() if word not in done.stdout] == []


def test_a_default_means_the_same_in_every_command() -> None:
    found: dict[str, set[Any]] = {}
    for name, command in EVERY.items():
        for option in command.params:
            # Those of attribute are threads, by default one for each processor; of other commands they are processes.
            threads = (name, option.name) == ("attribute", "workers")
            if name not in ("train", "verify") and not threads and option.name in ("workers", "batch_size", "device"):
                found.setdefault(option.name, set()).add(option.default)
    assert {name: len(defaults) for name, defaults in found.items()} == dict.fromkeys(found, 1), found


@pytest.mark.parametrize(
    ("name", "words", "option", "values"),
    [
        ("compare", "--severity 1,3 --severity=5", "severities", [1, 3, 5]),
        ("compare", "--condition=test:none,test:fog:3", "conditions", ["test:none", "test:fog:3"]),
        ("compare", "--rename a,b=c", "renamed", ["a,b=c"]),
        ("assess", "--split test+open,val --policy none", "splits", ["test+open", "val"]),
        ("train", "--method m --set widths=[8,8]", "assignments", ["widths=[8,8]"]),
        ("explain", "x.png --map own, --map residual", "maps", ["own", "residual"]),
    ],
)
def test_what_can_be_repeated_takes_a_list(name: str, words: str, option: str, values: list[object]) -> None:
    context = EVERY[name].make_context(name, words.split(), resilient_parsing=True)
    assert context.params[option] == values


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("compare --map a=b --map=c=d --seed 1", "compare --rename a=b --rename=c=d --seed 1"),
        ("data check x.csv --root images", "data check x.csv --images images"),
        ("data split x.csv --root=images", "data split x.csv --images=images"),
        ("compare --data x --semantics --semantics-count 2", "study semantics --data x --count 2"),
        ("compare --ablation --part levels --training-precision bf16", "study ablation --part levels --precision bf16"),
        ("explain --spectrum --view native", "explain --spectrum --preprocessing native"),
        ("explain a.png --map occlusion", "explain a.png --map occlusion"),
        ("evaluate --data --semantics", "evaluate --data --semantics"),
        ("", ""),
    ],
)  # fmt: skip
def test_names_of_earlier_versions_are_understood_and_named(old, new, capsys) -> None:
    assert renew(old.split()) == new.split()
    assert ("is now" in capsys.readouterr().err) == (old != new)
    options = {word.partition("=")[0] for word in new.split() if word.startswith("--")}
    command = next((each for name, each in EVERY.items() if new.startswith(f"{name} ")), None)
    if old != new:
        assert command is not None and options <= {name for option in command.params for name in option.opts}


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "settings.yaml"
    monkeypatch.setenv("GANPRINT_CONFIG", str(file))
    return file


def test_an_option_comes_before_a_variable_and_a_variable_before_a_setting(
    inside: Any, settings: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    Image.new("RGB", (64, 64)).save(tmp_path / "grey.png")

    def refused(*options: str) -> str:
        done = inside("attribute", tmp_path / "grey.png", *options, status=2)
        return str(done.stderr)

    assert inside("config", "device", "cuda:71").returncode == 0
    assert settings.read_text() == "device: cuda:71\n"
    assert "cuda:71" in refused()
    monkeypatch.setenv("GANPRINT_DEVICE", "cuda:72")
    assert "cuda:72" in refused()
    monkeypatch.setenv("GANPRINT_ATTRIBUTE_DEVICE", "cuda:73")
    assert "cuda:73" in refused()
    assert "cuda:74" in refused("--device", "cuda:74")


def test_options_that_may_have_no_effect_are_those_of_their_commands() -> None:
    for path, rules in RULES.items():
        parameters = {parameter.name for parameter in EVERY[" ".join(path)].params}
        for names, reason in rules:
            assert set(names.split()) <= parameters, path
            needed = [cell.cell_contents for cell in reason.__closure__ or ()]
            assert {name for names in needed for name in names} <= parameters, path


def test_a_variable_may_have_no_effect_and_one_that_takes_it_from_an_option_is_named(
    inside: Any, tiny_manifest: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GANPRINT_SEED", "3")
    assert inside("data", "check", tiny_manifest).returncode == 0
    monkeypatch.setenv("GANPRINT_WEIGHTS_LIST_JSON", "true")
    done = inside("weights", "list", "--paths", status=2)
    assert "Leave it out. GANPRINT_WEIGHTS_LIST_JSON is set to true." in done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("config", "devise", "cuda"), "Did you mean device?"),
        (("config", "attribute.batch-size", "0"), "batch-size: '0' is not a whole number of at least 1."),
        (("config", "workers", "many"), "workers: 'many' is not a whole number of at least 0."),
        (("config", "compare.severity", "1,9"), "severity: '9' is not a whole number from 1 to 5."),
        (("config", "compare.map", "a=b"), "compare.map is now compare.rename."),
        (("config", "workers"), "workers is not set"),
    ],
    ids=str,
)
def test_a_setting_that_no_option_takes_is_refused(inside, settings, arguments, said) -> None:
    done = inside(*arguments, status=2)
    assert said in done.stderr
    assert not settings.exists()


def test_settings_are_shown_and_removed(inside: Any, settings: Path) -> None:
    inside("config", "workers", "2")
    inside("config", "weights.list.json", "true")
    assert inside("config", "workers").stdout == "2\n"
    assert "weights.list.json: True" in inside("config").stdout
    assert inside("weights", "list").stdout.startswith("[")
    inside("config", "weights.list.json", "--unset")
    assert settings.read_text() == "workers: 2\n"


def test_settings_that_cannot_be_written_name_their_file(inside: Any) -> None:
    with TemporaryDirectory() as closed:
        environment = {"GANPRINT_CONFIG": f"{closed}/settings.yaml"}
        Path(closed).chmod(0o755)
        with as_nobody():
            said = inside("config", "device", "cpu", env=environment, status=1).stderr
        hint = "Name another file with GANPRINT_CONFIG."
        assert said == f"ganprint: {closed}/settings.yaml cannot be written: Permission denied.\n  {hint}\n"


def test_what_a_user_may_not_open_is_a_sentence(inside: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def closed() -> None:
        raise PermissionError(13, "Permission denied", "/closed/\x1bfile")

    monkeypatch.setattr("ganprint.api.installed.methods", closed)
    said = inside("methods", status=2).stderr
    assert (
        said
        == "ganprint: /closed/\\x1bfile cannot be used: Permission denied.\n  Check the path and its permissions.\n"
    )


def test_a_damaged_settings_file_is_named(inside: Any, settings: Path) -> None:
    settings.write_text("device: [")
    done = inside("methods", status=2)
    assert str(settings) in done.stderr


@pytest.mark.parametrize(
    ("command", "variable", "value", "said"),
    [
        ("attribute grey.png", "GANPRINT_DEVICE", "gpu", "no device called 'gpu'"),
        ("attribute grey.png", "GANPRINT_ATTRIBUTE_DEVICE", "cuda:99", "cuda:99 is not available"),
        ("attribute grey.png", "GANPRINT_BATCH_SIZE", "many", "'many' is not a whole number of at least 1."),
        ("attribute grey.png", "GANPRINT_ATTRIBUTE_JSON", "maybe", "'maybe' is not true or false."),
        ("compare --robustness", "GANPRINT_COMPARE_SEVERITY", "1,2 9", "'9' is not a whole number from 1 to 5."),
        ("methods", "GANPRINT_COMPARE_MAP", "a=b", "is now GANPRINT_COMPARE_RENAME."),
        ("methods", "GANPRINT_COMPARE_ABLATION", "1", "is now the command ganprint study ablation."),
        ("attribute grey.png", "GANPRINT_ATTRIBUTE_WEIGHTS", "absent", "no weights called absent"),
        ("perturb grey.png out", "GANPRINT_PERTURB_CORRUPTION", "fogg", "no corruption 'fogg'"),
        ("methods", "GANPRINT_CONFIG", "grey.png", "cannot be read"),
    ],
)
def test_a_wrong_value_of_a_variable_names_the_variable(
    command: str, variable: str, value: str, said: str, inside: Any, tmp_path: Path
) -> None:
    Image.new("RGB", (64, 64)).save(tmp_path / "grey.png")
    done = inside(*command.split(), env={variable: value}, cwd=tmp_path)
    printed = " ".join(done.stderr.replace("│", " ").split())
    assert done.returncode in (2, 3)
    assert said in printed and variable in printed


@pytest.mark.parametrize(
    ("setting", "command", "said"),
    [
        ("workers: true", "attribute x.png", "'true' is not a whole number of at least 0."),
        ("compare.severity: [1, 7]", "compare", "'7' is not a whole number from 1 to 5."),
        ("compare.severity: 1,8", "compare", "'8' is not a whole number from 1 to 5."),
        ("device: 3", "attribute x.png", "no device called '3'"),
        ("devise: cpu", "methods", "no setting devise"),
        ("compare.training-precision: fp32", "methods", "study.semantics.precision and study.ablation.precision"),
    ],
)
def test_a_wrong_setting_names_its_file(inside, settings: Path, setting: str, command: str, said: str) -> None:
    settings.write_text(setting)
    printed = " ".join(inside(*command.split(), status=2).stderr.replace("│", " ").split())
    assert said in printed and settings.name in printed.replace(" ", "")  # A long path is wrapped.


def test_a_variable_that_is_misspelt_is_told_and_one_of_others_is_not(inside: Any) -> None:
    environment = {"GANPRINT_DEVISE": "cpu", "GANPRINT_OF_A_PLUGIN": "1"}
    done = inside("methods", "prnu", env=environment, status=0)
    assert done.stderr == "ganprint: the variable GANPRINT_DEVISE is not known. Did you mean GANPRINT_DEVICE?\n"


def test_a_folder_of_weights_that_is_not_there_is_named_once(program: Any, tmp_path: Path) -> None:
    done = program("attribute", tmp_path / "none.png", env={"GANPRINT_WEIGHTS": str(tmp_path / "absent")})
    assert (
        done.stderr.count(f"ganprint: {tmp_path / 'absent'} in GANPRINT_WEIGHTS is not a folder; it is skipped.") == 1
    )


def test_earlier_names_of_settings_are_options_today() -> None:
    for today in (key for keys in KEYS.values() for key in keys):
        assert find_option(today, {tuple(name.split()): command for name, command in EVERY.items()})


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("attribute x.png --batch-size x", "'x' is not a whole number of at least 1."),
        ("compare --robustness --severity 1,x", "'x' is not a whole number from 1 to 5."),
        ("compare --engine torhc", "'torhc' is not one of torch, imagecorruptions. Did you mean torch?"),
        ("enroll a b --false-alarm 3", "'3' is not a number from 0.001 to 0.5."),
        ("perturb a b --corruption snow --at 5000", "'5000' is not a whole number of at most 4096."),
    ],
)
def test_a_wrong_value_is_told_what_a_right_one_is(inside: Any, command: str, said: str) -> None:
    assert said in " ".join(inside(*command.split(), status=2).stderr.replace("│", " ").split())


def test_a_variable_that_an_option_overrides_is_not_named(inside: Any) -> None:
    done = inside("attribute", "x.png", "--device", "gpu", env={"GANPRINT_DEVICE": "gpu"})
    assert "no device called 'gpu'" in done.stderr and "GANPRINT" not in done.stderr


def test_quiet_leaves_out_notes_and_keeps_errors(inside: Any, tmp_path: Path) -> None:
    asked = ("enroll", "--list")
    assert inside(*asked, "-q").stdout == inside(*asked).stdout
    refused = inside("perturb", tmp_path / "none.png", tmp_path / "out", "--corruption", "fog", "-q", status=1)
    assert "none.png" in refused.stderr


@pytest.mark.parametrize(("end", "form"), [(".jpg", "JPEG"), (".webp", "WEBP"), (".tif", "TIFF"), (".png", "PNG")])
def test_perturb_writes_one_file_in_the_format_of_its_name(inside, tmp_path, end, form) -> None:
    Image.new("RGB", (48, 40), "teal").save(tmp_path / "a.png")
    out = tmp_path / f"out{end}"
    inside("perturb", tmp_path / "a.png", out, "--corruption", "contrast", "--severity", "3", status=0)
    with Image.open(out) as image:
        assert (image.format, image.size) == (form, (48, 40))


@pytest.mark.parametrize(("end", "side"), [("webp", 16_400), ("jpg", 65_600)])
def test_a_copy_too_large_for_its_format_is_a_sentence(inside: Any, tmp_path: Path, end: str, side: int) -> None:
    Image.fromarray(noise(2, side, 3)).save(tmp_path / "a.png")
    done = inside("perturb", tmp_path / "a.png", tmp_path / f"b.{end}", "--policy", "none", status=1)
    assert f"b.{end} cannot be written: " in done.stderr and "None" not in done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png"]


def test_perturb_names_the_argument_that_was_left_out(inside: Any) -> None:
    done = inside("perturb", "a.png", "--corruption", "fog", status=2)
    assert "Missing argument 'OUT'" in done.stderr


def test_a_title_wider_than_its_table_is_one_line(inside: Any, tiny_manifest: Path, tmp_path: Path) -> None:
    out = tmp_path / "split.csv"
    done = inside("data", "split", tiny_manifest, "--out", out, env={"COLUMNS": "80"}, status=0)
    assert done.stdout.splitlines()[0].endswith(f"images in {out}, divided by group")
    assert "--by image divides the images of a group, too" in done.stderr


def test_names_of_weights_are_whole_at_80_columns(inside: Any) -> None:
    lines = inside("weights", "list", env={"COLUMNS": "80"}).stdout.splitlines()
    assert max(map(len, lines)) <= 80
    assert "residual-statistics.groups**" in "".join(lines)


@pytest.mark.parametrize("width", [60, 80, 120])
def test_a_method_takes_few_lines_and_its_paper_is_whole(inside: Any, width: int) -> None:
    done = inside("methods", env={"COLUMNS": str(width), "FORCE_COLOR": "1", "NO_COLOR": "1"}, status=0)
    lines = re.sub(r"\x1b\[[0-9;]*m", "", done.stdout).splitlines()
    assert max(map(len, lines)) <= width
    starts = [number for number, line in enumerate(lines) if not line.startswith(" ")]
    assert max(end - start for start, end in pairwise([*starts, len(lines)])) <= 5
    assert all(
        each["paper"] in " ".join(" ".join(lines).split()) for each in json.loads(inside("methods", "--json").stdout)
    )


def test_the_defaults_of_a_method_are_as_set_takes_them_and_its_keys_whole(inside: Any) -> None:
    shown = inside("methods", "repmix", env={"COLUMNS": "60"}, status=0).stdout
    rows = {
        cells[1].strip(): cells[2].strip() for cells in (line.split("│") for line in shown.splitlines() if "│" in line)
    }
    assert (rows["perturb_at"], rows["betas"], rows["augment"]) == ("null", "[0.9, 0.999]", "true")
    assert "learning_rate_decay" in rows and "view.answering_scale" in rows


def test_a_check_at_80_columns_has_names_whole_and_says_what_helps_where_all_are_missing(
    inside: Any, tiny_manifest: Path, tmp_path: Path
) -> None:
    lines = tiny_manifest.read_text().replace(",stylegan,", ",a-source-of-a-very-long-name-indeed,").splitlines()
    (tmp_path / "mine.csv").write_text("\n".join(lines))
    done = inside("data", "check", tmp_path / "mine.csv", env={"COLUMNS": "80"}, status=1)
    assert "a-source-of-a-very-long-name-indeed" in done.stdout and "…" not in done.stdout
    assert "66 missing" in done.stdout and "Name the folder where relative paths start with --images." in done.stdout
