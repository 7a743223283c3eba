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
        ("view.size=64", "view.size", 64),
        ("compound=false", "compound", False),
        ("betas=[0, 0.99]", "betas", (0.0, 0.99)),
        ("backbone=timm:resnet18", "backbone", "timm:resnet18"),
        ("backbone_options.widths=[8, 8]", "backbone_options", {"front": "highpass", "widths": [8, 8]}),
        ("backbone_options={drop_rate: 0.1}", "backbone_options", {"drop_rate": 0.1}),
        ("backbone_options={}", "backbone_options", {}),
        ("policy=train:0.5", "policy", "train:0.5"),
        ("perturb_at=null", "perturb_at", None),
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


KEYS = "ganprint methods METHOD lists the keys with their defaults."
"""The hint of a value that a key cannot have."""


@pytest.mark.parametrize(
    ("assignment", "says", "hint"),
    [
        ("epoch=3", "There is no configuration key epoch.", "Did you mean epochs? Keys: augment, "),
        ("view.side=3", "There is no configuration key view.side.", "Keys: answering_scale, crops, kind, size, "),
        (".=3", "There is no configuration key .", "Keys: augment, "),
        ("epochs", "'epochs' is not an assignment.", "Write --set key=value"),
        ("=3", "'=3' is not an assignment.", "Write --set key=value"),
        ("epochs=[", "The value of epochs is not YAML: '['.", ""),
        ("epochs=!!python/object/apply:os.system [true]", "The value of epochs is not YAML: '!!python", ""),
        ("betas=[0.9]", "The configuration key betas.1 is missing.", KEYS),
        ("epochs=many", "key epochs cannot be 'many': it must be a whole number.", KEYS),
        ("epochs=1.5", "key epochs cannot be 1.5: it must be a whole number.", KEYS),
        ("epochs=", "key epochs cannot be None: it must be a whole number.", KEYS),
        ("epochs.first=3", "key epochs cannot be {'first': 3}: it must be a whole number.", KEYS),
        ("epochs=0", "key epochs cannot be 0: it must be greater than or equal to 1.", KEYS),
        ("mix_level=-2", "key mix_level cannot be -2: it must be greater than or equal to -1.", KEYS),
        ("learning_rate=-1", "key learning_rate cannot be -1: it must be greater than 0.", KEYS),
        ("learning_rate=abc", "key learning_rate cannot be 'abc': it must be a number.", KEYS),
        ("augment=perhaps", "key augment cannot be 'perhaps': it must be true or false.", KEYS),
        ("policy=[3]", "key policy cannot be [3]: it must be text.", KEYS),
        ("betas=3", "key betas cannot be 3: it must be a list, as [1, 2].", KEYS),
        ("view=64", "key view cannot be 64: it must be keys with values, as {size: 128}.", KEYS),
        ("view.kind=crop", "key view.kind cannot be 'crop': it must be 'resize' or 'native'.", KEYS),
    ],
)
def test_a_bad_assignment_names_the_key_and_what_it_may_be(assignment: str, says: str, hint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(assignment)
    assert says in caught.value.message and caught.value.hint.startswith(hint)
    assert caught.value.exit_status == 2


@pytest.mark.parametrize("preset", ["repmix-big", ""])
def test_an_unknown_preset_lists_the_presets(preset: str) -> None:
    with pytest.raises(ConfigError, match=f"no preset called {preset}\\.") as caught:
        read(preset=preset)
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
