"""Configurations: presets and files in YAML, `--set key=value`, and what all neural methods share."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, Field, ValidationError, field_validator

from ganprint.attributor import AttributorConfig, AttributorSpec
from ganprint.errors import ConfigError, did_you_mean
from ganprint.files import read_file
from ganprint.perturbation import parse_policy
from ganprint.plain_yaml import PlainYAMLError, load_plain

MAX_CONFIG_BYTES = 1 << 20
WANTED = {
    **dict.fromkeys(("int", "int_from_float"), "a whole number"),
    "float": "a number",
    "bool": "true or false",
    "string": "text",
    **dict.fromkeys(("list", "tuple"), "a list, as [1, 2]"),
    **dict.fromkeys(("dict", "mapping", "model", "model_attributes", "dataclass"), "keys with values, as {size: 128}"),
}
"""What a value must be, by the kind of pydantic's error; other errors say it in words of their own."""

Config = TypeVar("Config", bound=AttributorConfig)


class TrainingConfig(AttributorConfig):
    """What images a method is trained on, beyond its view."""

    policy: str = Field("train", description="perturbation of training images, as --policy")
    perturb_at: int | None = Field(
        None, ge=32, description="side at which images are perturbed; null: at the size of the input"
    )

    @field_validator("policy")
    @classmethod
    def _is_a_policy(cls, policy: str) -> str:
        parse_policy(policy)
        return policy


class GridConfig(TrainingConfig):
    """How a method without a network chooses among its settings; its other fields are the grid."""

    monitor: Literal["accuracy", "balanced_accuracy"] = Field(
        "accuracy", description="what decides the best setting, on the validation images under the policy"
    )


class NeuralConfig(TrainingConfig):
    """How a neural attributor is trained."""

    optimizer: Literal["adam", "adamw"] = Field(
        "adam", description="adam adds the decay to the gradient, adamw to the weight"
    )
    learning_rate: float = Field(1e-4, gt=0, description="step size at its peak")
    betas: tuple[float, float] = Field((0.9, 0.999), description="momentum of the first and second moment")
    epsilon: float = Field(1e-8, gt=0, description="added to the second moment's root")
    weight_decay: float = Field(5e-4, ge=0, description="L2 penalty")
    schedule: Literal["exponential", "cosine"] = Field(
        "exponential", description="exponential: times learning_rate_decay each epoch; cosine: to zero at the end"
    )
    learning_rate_decay: float = Field(0.85, gt=0, le=1, description="factor per epoch of the exponential schedule")
    warmup_steps: int = Field(0, ge=0, description="steps over which the learning rate rises from zero")
    epochs: int = Field(30, ge=1, description="epochs at most")
    batch_size: int = Field(32, ge=1, description="samples per step, over all processes")
    augment: bool = Field(True, description="mirror and crop training images at random")
    validation: Literal["fixed", "as-training"] = Field(
        "fixed",
        description="fixed: central crops, always the same; as-training: cropped, mixed and all perturbed at random",
    )
    validate_every: int = Field(1, ge=1, description="epochs between two validations")
    patience: int = Field(3, ge=1, description="validations in a row without a better one before training stops")
    monitor: Literal["loss", "balanced_accuracy"] = Field(
        "loss", description="what decides the best epoch, on the validation images under the policy"
    )
    keep: Literal["best", "last"] = Field("best", description="the epoch whose weights are kept")
    balanced: bool = Field(False, description="draw every source equally often")
    ema: float = Field(0.0, ge=0, lt=1, description="decay of the averaged weights, which answer; 0: no averaging")

    @property
    def images_per_sample(self) -> int:
        """How many images make one of the `batch_size` samples of a step."""
        return 1


def read_config(
    spec: AttributorSpec,
    *,
    preset: str | None = None,
    file: Path | None = None,
    assignments: Sequence[str] = (),
    base: AttributorConfig | None = None,
) -> AttributorConfig:
    """Build a method's configuration: defaults, then a preset or `base`, then a YAML file, then `key=value` pairs.

    Keys of nested values are joined by dots (`view.size=128`); values are YAML. A file's nested keys are
    merged into the preset's, while an assignment replaces what the key had. Raises ConfigError that names the
    key at fault and the valid ones.
    """
    values: dict[str, Any] = {}
    if base is not None:
        _merge(values, base.model_dump())
    elif preset is not None or spec.name in preset_names(spec):
        _merge(values, _read_yaml(_preset_file(spec, spec.name if preset is None else preset)))
    if file is not None:
        _merge(values, _read_yaml(file))
    for assignment in assignments:
        _assign(values, assignment)
    return validate_config(spec.config, values)


def saved_config(spec: AttributorSpec, file: Path) -> AttributorConfig:
    """Read the whole configuration that a training wrote; raise ConfigError naming the key at fault."""
    return validate_config(spec.config, _read_yaml(file))


def preset_names(spec: AttributorSpec) -> tuple[str, ...]:
    """Return the names of the presets that come with a method."""
    return tuple(sorted(path.stem for path in spec.configs.glob(f"{spec.name}*.yaml"))) if spec.configs else ()


def changes_from_paper(spec: AttributorSpec, config: AttributorConfig) -> dict[str, tuple[Any, Any]]:
    """Return the keys in which a configuration is not the paper's preset, each with its value and the paper's."""
    paper = {key.name: key.default for key in config_keys(read_config(spec))}
    own = {key.name: key.default for key in config_keys(config)}
    return {name: (value, paper[name]) for name, value in own.items() if value != paper[name]}


def preset_of(spec: AttributorSpec, config: AttributorConfig) -> str | None:
    """Return the name of the preset that a configuration is, None for no preset.

    The method's own is `paper`, or `ours` where no paper has the method.
    """
    names = sorted(preset_names(spec), key=lambda name: name != spec.name)
    found = next((name for name in names if read_config(spec, preset=name) == config), None)
    return _own_preset(spec) if found == spec.name else found


def paper_note(spec: AttributorSpec, config: AttributorConfig) -> str:
    """Say for a card which preset a configuration is, what it changes of the paper's, and the preset's reasons."""
    if spec.configs is None or spec.name not in preset_names(spec):
        return ""
    preset, own = preset_of(spec, config), _own_preset(spec)
    if preset == own:
        return f"Preset: {own}, nothing changed."
    comment = _comment(spec.configs / f"{preset}.yaml") if preset else ""
    named = f"Preset: {preset}. {comment}" if preset else "Preset: none."
    whose = "ours" if spec.ours else "the paper's"
    return f"{named} Changed from {whose}: {changes_text(spec, config)}."


def changes_text(spec: AttributorSpec, config: AttributorConfig) -> str:
    """Return the keys in which a configuration is not the method's own preset, each with both values."""
    own = _own_preset(spec)
    return "; ".join(
        f"{name} {_plain(value)} ({own} {_plain(before)})"
        for name, (value, before) in changes_from_paper(spec, config).items()
    )


def _own_preset(spec: AttributorSpec) -> str:
    return "ours" if spec.ours else "paper"


def _plain(value: Any) -> str:
    return json.dumps(value).replace('"', "")


def _comment(path: Path) -> str:
    lines = path.read_text(encoding="utf-8").splitlines()
    return " ".join(line.removeprefix("#").strip() for line in takewhile(lambda line: line[:1] == "#", lines))


@dataclass(frozen=True)
class Key:
    """One key of a configuration as `--set` takes it, dotted where it lies within another."""

    name: str
    default: Any
    description: str

    @property
    def shown_default(self) -> str:
        """The default, as `--set` takes it."""
        return _plain(self.default)


def config_keys(config: BaseModel) -> list[Key]:
    """List the keys of a configuration, those within it spread out, with its values as their defaults."""
    keys = []
    for name, field in type(config).model_fields.items():
        value = getattr(config, name)
        if isinstance(value, BaseModel):
            keys += [replace(key, name=f"{name}.{key.name}") for key in config_keys(value)]
        else:
            keys.append(Key(name, value, field.description or ""))
    return keys


def validate_config(model: type[Config], values: Mapping[str, Any]) -> Config:
    """Check values against a configuration model; raise ConfigError naming the first key at fault."""
    try:
        return model.model_validate(values)
    except ValidationError as cause:
        first = cause.errors(include_url=False)[0]
        key = ".".join(str(part) for part in first["loc"])
        if first["type"] == "extra_forbidden":
            names = sorted(_fields_at(model, first["loc"][:-1]))
            raise ConfigError(
                f"There is no configuration key {key}.", f"{did_you_mean(key, names)}Keys: {', '.join(names)}."
            ) from cause
        hint = "ganprint methods METHOD lists the keys with their defaults."
        if first["type"] == "missing":
            raise ConfigError(f"The configuration key {key} is missing.", hint) from cause
        kind = first["type"].removesuffix("_parsing").removesuffix("_type")
        wanted = WANTED.get(kind) or first["msg"].partition("Input should be ")[2]
        fault = f"it must be {wanted}" if wanted else first["msg"].removeprefix("Value error, ")
        raise ConfigError(f"The configuration key {key} cannot be {first['input']!r}: {fault}.", hint) from cause


def _fields_at(model: type[BaseModel], place: Sequence[str | int]) -> Iterable[str]:
    """Return the names of the fields of the model that lies at a place within another."""
    for part in place:
        inner = model.model_fields[str(part)].annotation
        if not (isinstance(inner, type) and issubclass(inner, BaseModel)):
            break
        model = inner
    return model.model_fields


def _preset_file(spec: AttributorSpec, preset: str) -> Path:
    names = preset_names(spec)
    for name in (spec.name if preset == "paper" else preset, f"{spec.name}-{preset}"):
        if spec.configs is not None and name in names:
            return spec.configs / f"{name}.yaml"
    raise ConfigError(f"{spec.name} has no preset called {preset}.", f"Presets: {', '.join(names) or 'none'}.")


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        values = load_plain(read_file(path, limit=MAX_CONFIG_BYTES))
    except OSError as cause:
        raise ConfigError(f"{path} cannot be read: {cause.strerror}.", "Check the path.") from cause
    except PlainYAMLError as cause:
        raise ConfigError(f"{path} is not YAML: {cause}.") from cause
    if values is None:
        return {}
    if not isinstance(values, dict) or not all(isinstance(key, str) for key in values):
        raise ConfigError(f"{path} does not hold keys with values.", "Write one `key: value` a line.")
    return values


def _assign(values: dict[str, Any], assignment: str) -> None:
    key, equals, text = assignment.partition("=")
    if not equals or not key:
        raise ConfigError(f"{assignment!r} is not an assignment.", "Write --set key=value, as in --set epochs=10.")
    try:
        value = load_plain(text)
    except PlainYAMLError as cause:
        raise ConfigError(f"The value of {key} is not YAML: {text!r}.") from cause
    *parents, last = key.split(".")
    for parent in parents:
        if not isinstance(values.get(parent), dict):
            values[parent] = {}
        values = values[parent]
    values[last] = value


def _merge(into: dict[str, Any], values: Mapping[str, Any]) -> None:
    for key, value in values.items():
        if isinstance(value, Mapping) and isinstance(into.get(key), dict):
            _merge(into[key], value)
        else:
            into[key] = dict(value) if isinstance(value, Mapping) else value
