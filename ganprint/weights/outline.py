"""Check that tensors fit a method before allocating memory of their sizes."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ganprint.errors import GanprintError, WeightsError

if TYPE_CHECKING:
    from torch import Tensor

    from ganprint.attributor import Attributor, AttributorConfig


def check_outline(
    method: "type[Attributor]", config: "AttributorConfig", sources: Sequence[str], tensors: Mapping[str, "Tensor"]
) -> None:
    """Raise WeightsError where the method, so configured, has a tensor that is not in the file, or smaller there.

    A configuration is a few bytes that can ask for terabytes: the method is built without memory for its tensors first,
    so that it never takes more than the file's. The exact shapes are left to `load_state`, as a method that is not
    fitted need not know them.
    """
    for name, shape in _outline(method, config, sources).items():
        found = tuple(tensors[name].shape) if name in tensors else None
        if found is None or math.prod(found) < math.prod(shape):
            raise WeightsError(
                f"The tensors do not fit {method.__name__} with this configuration: it needs {name} {shape}, and the "
                f"file has {found or 'none'}.",
                "The card's configuration and the tensors must come from the same training.",
            )


def _outline(
    method: "type[Attributor]", config: "AttributorConfig", sources: Sequence[str]
) -> dict[str, tuple[int, ...]]:
    import torch
    from torch.overrides import TorchFunctionMode

    class OnCPU(TorchFunctionMode):
        # Networks read these few numbers back, such as the rates of stochastic depth.
        def __torch_function__(
            self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
        ) -> Any:
            kwargs = kwargs or {}
            if func in (torch.linspace, torch.tensor, torch.arange):
                kwargs = {"device": "cpu", **kwargs}
            return func(*args, **kwargs)

    try:
        with torch.device("meta"), OnCPU():
            state = method(config, sources).state()
    except GanprintError:
        raise
    except RuntimeError as cause:
        if "overflow" in str(cause):
            # A tensor whose size no number holds: building it for good would first take what the others need.
            raise WeightsError(
                f"The configuration needs more memory for {method.__name__} than there is.",
                "The card's configuration and the tensors must come from the same training.",
            ) from cause
        return {}
    except Exception:
        # A constructor of another package may need numbers; building it for good says what else is wrong with it.
        return {}
    return {name: tuple(tensor.shape) for name, tensor in state.items()}
