"""Configurations come from presets, files and `--set`, and what they cannot be is said with what they can."""

from pathlib import Path
from typing import Any

import pytest
from ganprint_plugins.repmix import RepMix
from ganprint_plugins.repmix_spec import RepMixConfig

from ganprint import plugins
from ganprint.errors import ConfigError
from ganprint.models import read_config
from ganprint.models.config import config_keys


def read(*assignments: str, **options: Any) -> RepMixConfig:
    return read_config(RepMix.spec, assignments=assignments, **options)


@pytest.mark.parametrize(
    ("assignment", "path", "value"),
    [
        ("epochs=7", "epochs", 7),
        ("learning_rate=1e-4", "learning_rate", 1e-4),
        ("learning_rate=3", "learning_rate", 3.0),
        ("view.size=64", "view.size", 64),
        ("view.kind=native", "view.kind", "native"),
        ("compound=false", "compound", False),
        ("betas=[0, 0.99]", "betas", (0.0, 0.99)),
        ("backbone=timm:resnet18", "backbone", "timm:resnet18"),
        ("backbone_options.widths=[8, 8]", "backbone_options", {"front": "highpass", "widths": [8, 8]}),
        ("backbone_options={drop_rate: 0.1}", "backbone_options", {"drop_rate": 0.1}),
        ("backbone_options={}", "backbone_options", {}),
        ("policy=train:0.5", "policy", "train:0.5"),
        ("policy=none", "policy", "none"),
        ("perturb_at=null", "perturb_at", None),
        ("perturb_at=224", "perturb_at", 224),
    ],
)
def test_an_assignment_replaces_one_value_of_the_preset(assignment: str, path: str, value: object) -> None:
    found: Any = read(assignment, preset="repmix-mini")
    preset: Any = read(preset="repmix-mini")
    for name in path.split("."):
        found = getattr(found, name)
    assert found == value
    changed = read(assignment, preset="repmix-mini").model_dump()
    same = {key for key, old in preset.model_dump().items() if changed[key] == old}
    assert same >= set(RepMixConfig.model_fields) - {path.split(".")[0]}


def test_a_file_is_merged_over_the_preset_and_assignments_over_both(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("view: {crops: 9}\nepochs: 5\nbatch_size: 7\n")
    config = read("epochs=6", preset="repmix-native", file=file)
    preset = read(preset="repmix-native")
    assert config.view == preset.view.model_copy(update={"crops": 9})
    assert (config.epochs, config.batch_size, config.ema) == (6, 7, preset.ema)


@pytest.mark.parametrize(
    ("assignment", "says"),
    [
        ("epoch=3", "no configuration key epoch"),
        ("view.side=3", "no configuration key view.side"),
        ("epochs=many", "epochs cannot be 'many'"),
        ("epochs=0", "epochs cannot be 0"),
        ("epochs=", "epochs cannot be None"),
        ("epochs.first=3", "epochs cannot be"),
        ("learning_rate=-1", "learning_rate cannot be -1"),
        ("view=64", "view cannot be 64"),
        ("view.kind=crop", "view.kind cannot be 'crop'"),
        ("mix_count=0", "mix_count cannot be 0"),
        ("mix_level=-2", "mix_level cannot be -2"),
        ("optimizer=sgd", "optimizer cannot be 'sgd'"),
        ("epochs", "'epochs' is not an assignment"),
        ("=3", "'=3' is not an assignment"),
        (".=3", "no configuration key"),
        ("epochs=[", "value of epochs is not YAML"),
        ("epochs=!!python/object/apply:os.system [true]", "value of epochs is not YAML"),
    ],
)
def test_a_bad_assignment_is_a_usage_error_that_names_the_key(assignment: str, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(assignment)
    assert says in caught.value.message
    assert caught.value.exit_status == 2


@pytest.mark.parametrize(
    ("assignment", "wanted"),
    [
        ("epochs=abc", "a whole number"),
        ("epochs=1.5", "a whole number"),
        ("epochs=0", "greater than or equal to 1"),
        ("learning_rate=abc", "a number"),
        ("augment=perhaps", "true or false"),
        ("policy=[3]", "text"),
        ("betas=3", "a list, as [1, 2]"),
        ("view=3", "keys with values, as {size: 128}"),
        ("optimizer=sgd", "'adam' or 'adamw'"),
    ],
)
def test_a_value_of_another_type_is_told_what_it_must_be(assignment: str, wanted: str) -> None:
    key, _, value = assignment.partition("=")
    with pytest.raises(ConfigError) as caught:
        read(assignment)
    assert caught.value.message.startswith(f"The configuration key {key} cannot be ")
    assert caught.value.message.endswith(f": it must be {wanted}.") and value.strip("[]") in caught.value.message
    assert caught.value.hint == "ganprint methods METHOD lists the keys with their defaults."


def test_a_list_that_is_too_short_lacks_a_key() -> None:
    with pytest.raises(ConfigError, match=r"key betas\.1 is missing"):
        read("betas=[0.9]")


@pytest.mark.parametrize("assignment", ["epoch=3", "view.side=3"])
def test_an_unknown_key_comes_with_the_valid_ones_of_its_level(assignment: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(assignment)
    nested = assignment.startswith("view")
    for name in ("crops", "kind", "size") if nested else ("epochs", "mix_level", "view"):
        assert name in caught.value.hint


def test_an_unknown_preset_lists_the_presets() -> None:
    with pytest.raises(ConfigError, match="no preset called repmix-big") as caught:
        read(preset="repmix-big")
    assert "repmix-native" in caught.value.hint


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"- 1\n", "does not hold keys with values"),
        (b"a: [", "is not YAML"),
        (b"\xff\xfe\x00", "is not YAML"),
        (b"1: 2\n", "does not hold keys"),
        (b"epochs: !!python/name:os.system\n", "is not YAML"),
        (b"speed: 3\n", "no configuration key speed"),
    ],
)
def test_a_bad_file_is_a_sentence(content: bytes, says: str, tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_bytes(content)
    with pytest.raises(ConfigError, match=says):
        read(file=file)
    with pytest.raises(ConfigError, match="cannot be read"):
        read(file=tmp_path)


@pytest.mark.parametrize("spec", plugins.specs(), ids=lambda spec: spec.name)
def test_every_default_can_be_assigned_as_it_is_shown(spec: Any) -> None:
    config = read_config(spec)
    shown = [f"{key.name}={key.shown_default}" for key in config_keys(config)]
    assert read_config(spec, assignments=shown) == config
