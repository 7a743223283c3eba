"""Allowed options of a backbone's constructor: numbers, switches and known names, within bounds."""

from collections.abc import Callable, Mapping
from typing import Any

from ganprint.models.compact import FRONTS

Check = Callable[[Any], bool]


def _is_whole(least: int, most: int) -> Check:
    return lambda value: type(value) is int and least <= value <= most


def _is_number(least: float, most: float) -> Check:
    return lambda value: type(value) in (int, float) and least <= value <= most


def _is_wholes(most: int) -> Check:
    one = _is_whole(1, most)
    return lambda value: isinstance(value, list | tuple) and 1 <= len(value) <= 8 and all(map(one, value))


def _is_one_of(*values: object) -> Check:
    return lambda value: any(type(value) is type(each) and value == each for each in values)


_SWITCH = _is_one_of(True, False)
_SHARE = _is_number(0, 0.99)

OPTIONS: Mapping[str, Mapping[str, Check]] = {
    "compact": {
        "front": _is_one_of(*FRONTS),
        "widths": _is_wholes(1024),
        "depths": _is_wholes(32),
        "stem_stride": _is_whole(1, 4),
    },
    "alexnet": {"dropout": _SHARE},
    "timm": {
        **dict.fromkeys(("drop_rate", "drop_path_rate", "proj_drop_rate", "attn_drop_rate", "pos_drop_rate"), _SHARE),
        **dict.fromkeys(("zero_init_last", "avg_down", "qkv_bias", "class_token", "cifar"), _SWITCH),
        "mlp_ratio": _is_number(1e-3, 16),
        "stages": _is_whole(1, 8),
        "img_size": _is_whole(32, 2048),
        "output_stride": _is_one_of(8, 16, 32),
        "channels": _is_wholes(4096),
        "stem_width": _is_whole(1, 512),
        "cardinality": _is_whole(1, 64),
        "base_width": _is_whole(1, 512),
        "global_pool": _is_one_of("avg", "max", "avgmax", "catavgmax", "fast"),
        "norm_layer": _is_one_of(
            "batchnorm", "batchnorm2d", "groupnorm", "groupnorm1", "layernorm", "layernorm2d", "rmsnorm"
        ),
        "act_layer": _is_one_of("relu", "relu6", "leaky_relu", "silu", "swish", "gelu", "mish", "elu"),
        "stem_type": _is_one_of("", "deep", "deep_tiered"),
    },
}
"""By backbone, timm's being any of its models: the options that there are, and what each may be.

A card is a file from anyone: an option that names a file or an address, or a size without bounds, is not among them.
`stages` is not timm's: it keeps that many of the model's stages, as timm counts them.
"""


def option_fault(kind: str, options: Mapping[str, Any]) -> str | None:
    """Return as a clause why a backbone (a key of OPTIONS) is not built with these options, None where it is."""
    allowed = OPTIONS[kind]
    for name, value in options.items():
        if name not in allowed:
            return f"it has no option {name!r} that may be set; there are {', '.join(allowed)}"
        if not allowed[name](value):
            return f"its option {name} cannot be {repr(value)[:80]}"
    return None
