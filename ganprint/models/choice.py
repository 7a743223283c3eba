"""Choose the configuration of a training where the user names none or part of one."""

from collections.abc import Sequence
from pathlib import Path

from ganprint.attributor import AttributorConfig, AttributorSpec
from ganprint.models.config import preset_names, preset_of, read_config, saved_config, validate_config
from ganprint.weights import Card


def suiting_preset(spec: AttributorSpec, device: str, *, benchmark: bool) -> str | None:
    """Return the preset for a device: on a CPU `NAME-mini` for the embedded benchmark, else `NAME-small`.

    None, which is the paper's, on an accelerator and where a method has neither.
    """
    if device.startswith("cuda"):
        return None
    wanted = [*([f"{spec.name}-mini"] if benchmark else []), f"{spec.name}-small"]
    return next((name for name in wanted if name in preset_names(spec)), None)


def choose_config(
    spec: AttributorSpec,
    device: str,
    *,
    preset: str | None = None,
    file: Path | None = None,
    assignments: Sequence[str] = (),
    start: Card | None = None,
    begun: Path | None = None,
    benchmark: bool = False,
) -> tuple[AttributorConfig, str]:
    """Return the configuration of a training, and which one it is in words.

    A preset or a file goes first; else that of a training `begun` in a folder, that of the weights to `start` from, and
    last the preset that suits the device. Raises ConfigError as `read_config` does.
    """
    saved = begun / "config.yaml" if begun is not None else None
    if preset is None and file is None:
        if saved is not None and saved.is_file() and not assignments:
            return saved_config(spec, saved), f"the configuration of {saved}"
        if start is not None:
            taken = validate_config(spec.config, start.config)
            changed = read_config(spec, base=taken, assignments=assignments)
            return changed, _with(f"the configuration of {start.name}", assignments)
        preset = suiting_preset(spec, device, benchmark=benchmark)
    config = read_config(spec, preset=preset, file=file, assignments=assignments)
    if file is not None:
        return config, _with(f"configuration {file}", assignments)
    name = preset_of(spec, read_config(spec, preset=preset))
    return config, _with(f"preset {name}" if name else "the method's defaults", assignments)


def _with(name: str, assignments: Sequence[str]) -> str:
    return f"{name} with {', '.join(assignments)}" if assignments else name
