"""What every op checks of its tensors before a kernel may touch their memory.

A kernel gets bare addresses. Given a tensor of another device, type or size it would read whatever
lies there, so these checks come first, and say the rule, what came, and the way out.
"""

import torch
from torch import Tensor

FLOATS = (torch.float16, torch.bfloat16, torch.float32)


def check_float(op: str, **tensors: Tensor) -> None:
    """Kernels compute in float32 and store what they get; float64 has no fast units to run on."""
    for name, x in tensors.items():
        if x.dtype not in FLOATS:
            raise TypeError(
                f"{op} takes float16, bfloat16 or float32, and {name} is {_short(x.dtype)}. "
                'Convert it with .float(), or use the twin: with backend("twin").'
            )


def check_same_device(op: str, **tensors: Tensor | None) -> None:
    """All tensors of a call must lie in one memory."""
    devices = {name: x.device for name, x in tensors.items() if x is not None}
    if len(set(devices.values())) > 1:
        places = ", ".join(f"{name} on {device}" for name, device in devices.items())
        raise ValueError(f"{op} needs its tensors on one device: {places}. Move them with .to().")


def check_shape(op: str, name: str, x: Tensor, expected: tuple[int, ...]) -> None:
    """That a tensor has the shape that the others ask for."""
    if tuple(x.shape) != expected:
        raise ValueError(f"{op} needs {name} of shape {expected}, not {tuple(x.shape)}.")


def check_same_dtype(op: str, **tensors: Tensor) -> None:
    """Where a product of mixed types would round one side silently."""
    if len({x.dtype for x in tensors.values()}) > 1:
        types = ", ".join(f"{name} is {_short(x.dtype)}" for name, x in tensors.items())
        raise TypeError(f"{op} needs one dtype: {types}. Convert with .to().")


def _short(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
