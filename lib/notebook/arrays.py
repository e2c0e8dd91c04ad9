"""Tensors and numpy arrays in a few words, read without disturbing them.

Neither library is imported here: where it has not been imported there are no arrays of it. Reading
costs a bounded time: large arrays show their first numbers only, and one on a GPU is never copied
as a whole.
"""

import sys
import zlib
from typing import Any

SIDE = 16  # an array of at most this many rows and columns is shown whole
RANGED = 4096  # numbers among which the smallest and largest are looked for
HASHED = 1 << 20  # bytes that are compared between two moments; beyond, a sample

Grid = tuple[tuple[int | float, ...], ...]  # truth values are integers here


def is_array(value: object) -> bool:
    """Whether this is a torch tensor, a numpy array or a numpy number."""
    return (
        is_tensor(value)
        or is_instance(value, "numpy", "ndarray")
        or is_instance(value, "numpy", "generic")
    )


def is_tensor(value: object) -> bool:
    """Whether this is a torch tensor (or a parameter, or any other kind of tensor)."""
    return is_instance(value, "torch", "Tensor")


def is_model(value: object) -> bool:
    """Whether this is a torch module."""
    return is_instance(value, "torch.nn", "Module")


def is_instance(value: object, module: str, name: str) -> bool:
    """Whether the value is of a class that lives in a module, if that has been imported."""
    cls = getattr(sys.modules.get(module), name, None)  # None also while torch is half imported
    return cls is not None and issubclass(type(value), cls)


def array_kind(value: Any) -> str:
    """Type, shape, type of number, device, whether gradients are kept."""
    facts = [type(value).__name__]
    facts += [f"shape {tuple(value.shape)}"] if value.ndim else []
    facts.append(str(value.dtype).removeprefix("torch."))
    if is_tensor(value):
        facts.append(str(value.device))
        facts += ["requires grad"] if value.requires_grad else []
    return " · ".join(facts)


def gradient(value: Any) -> Any:
    """The gradient that `backward` has left in a tensor, None where there is none."""
    return value.grad if is_tensor(value) and value.is_leaf and value.requires_grad else None


def array_text(value: Any) -> str:
    """The first numbers, and the range where looking at all of them is cheap."""
    n = value.numel() if is_tensor(value) else value.size
    if value.ndim == 0:
        return number(value.item())
    if n == 0:
        return "empty"
    first = _as_list(value[(0,) * (value.ndim - 1)][:6])  # a view, whatever the size
    text = ", ".join(map(number, first)) + (", …" if n > len(first) else "")
    if len(first) < n <= RANGED:
        flat = [x for x in _as_list(value.reshape(-1)) if isinstance(x, int | float) and x == x]
        if flat and not isinstance(flat[0], bool):
            text += f" (from {number(min(flat))} to {number(max(flat))})"
    return text


def array_inside(value: Any) -> str:
    """An array that is part of something else: a number alone, or its shape."""
    if value.ndim == 0:
        return number(value.item())
    return f"{'tensor' if is_tensor(value) else 'array'}{list(value.shape)}"


def array_grid(value: Any) -> Grid | None:
    """All numbers of a small table or row; None for anything else."""
    if not 1 <= value.ndim <= 2 or max(value.shape) > SIDE or 0 in value.shape:
        return None
    rows = _as_list(value if value.ndim == 2 else value.reshape(1, -1))
    if not all(isinstance(x, int | float) for row in rows for x in row):
        return None
    return tuple(tuple(row) for row in rows)


def array_mark(value: Any) -> tuple:
    """Equal at two moments if the array did not change between them; torch counts in-place
    changes."""
    facts = (*value.shape, str(value.dtype))
    if not is_tensor(value):
        if value.dtype.hasobject:
            return (*facts, id(value))
        sample = value if value.nbytes <= HASHED else value.flat[:: 1 + value.size // RANGED]
        return (*facts, zlib.crc32(sample.tobytes()))
    version = 0 if value.is_inference() else value._version
    if value.device.type != "cpu" or value.numel() * value.element_size() > HASHED:
        return (*facts, version, value.data_ptr())
    numbers = value.detach().contiguous().reshape(-1).view(sys.modules["torch"].uint8)
    return (*facts, version, zlib.crc32(numbers.numpy()))


def number(x: object) -> str:
    """Four digits are enough to recognise a number."""
    return f"{x:.4g}" if isinstance(x, float) else str(x)[:24]


def _as_list(value: Any) -> list:
    return (value.detach() if is_tensor(value) else value).tolist()
