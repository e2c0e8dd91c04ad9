"""Look at values: one row each, with what one wants to know about a tensor, a text or a number."""

import re
import reprlib
import sys
from collections.abc import Mapping, Sequence, Set
from typing import Any

import numpy as np

from lib.notebook.rendered import Rendered
from lib.notebook.tables import Grid

COLUMNS = ("name", "type", "shape", "dtype", "device", "value")
SHORT = 60  # characters of a value that are shown
FEW = 8  # arrays up to this many elements are shown whole


def peek(**values: object) -> None:
    """Show each value as a row: name, type, shape or length, dtype, device, range or value."""
    peeked(values).show()


def peeked(values: Mapping[str, object]) -> Grid:
    """The table of `peek`, without columns that would be empty."""
    if not values:
        raise ValueError("peek shows named values: peek(loss=loss, ids=ids).")
    rows = [(name, *facts(value)) for name, value in values.items()]
    used = [i for i in range(len(COLUMNS)) if any(row[i] for row in rows)]
    cells: list[list[str | Rendered]] = [[row[i] for i in used] for row in rows]
    return Grid([COLUMNS[i] for i in used], cells, [False] * len(used))


def facts(value: object) -> tuple[str, str, str, str, str]:
    """Type, shape or length, dtype, device, and the range or the value in short."""
    kind = type(value).__name__
    if is_tensor(value):
        device = str(value.device)
        dtype = str(value.dtype).removeprefix("torch.")
        return kind, str(tuple(value.shape)), dtype, device, tensor_range(value)
    if isinstance(value, np.ndarray):
        return kind, str(value.shape), str(value.dtype), "", array_range(value)
    return kind, length(value), "", "", short(value)


def short(value: object, width: int = SHORT) -> str:
    """The value in at most `width` characters, the same in every run."""
    text = number_text(value) if isinstance(value, (int, float, np.number)) else _REPR.repr(value)
    text = re.sub(r" at 0x[0-9a-fA-F]+", "", text)  # an address says nothing and changes
    text = " ".join(text.split("\n"))
    if len(text) <= width:
        return text
    tail = width // 4
    return f"{text[: width - tail - 1]}…{text[-tail:]}"


def number_text(value: Any) -> str:
    """Integers with separators, others with six digits."""
    if isinstance(value, (bool, np.bool_)):
        return str(value)
    if isinstance(value, (int, np.integer)):
        return f"{int(value):,}" if abs(int(value)) < 10**18 else f"about {float(value):.3g}"
    if isinstance(value, (complex, np.complexfloating)):
        return f"{complex(value):.6g}"
    size = abs(float(value))
    return f"{float(value):,.6g}" if 1e-4 <= size < 1e15 or size == 0 else f"{float(value):.6g}"


def length(value: object) -> str:
    """How long a text or a collection is, with the unit of its elements."""
    if isinstance(value, str):
        return counted(len(value), "character")
    if isinstance(value, (bytes, bytearray, memoryview)):
        return counted(len(value), "byte")
    if isinstance(value, Mapping):
        return counted(len(value), "entry", "entries")
    if isinstance(value, (Sequence, Set)):
        return counted(len(value), "item")
    return ""


def counted(n: int, one: str, many: str | None = None) -> str:
    """1 byte, 1,024 bytes, with a space that does not break."""
    return f"{n:,}\u00a0{one if n == 1 else many or one + 's'}"


def is_tensor(value: object) -> bool:
    """Whether this is a torch tensor, found out without importing torch."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.Tensor)


def tensor_range(tensor: Any) -> str:
    """The range of a tensor of any dtype, on any device."""
    if tensor.device.type == "meta":
        return "no values: a meta tensor has only a shape"
    if tensor.layout != sys.modules["torch"].strided:
        return f"sparse, {counted(tensor._nnz(), 'value')} stored"
    if tensor.numel() > 1_000_000 and tensor.device.type != "cpu" and not tensor.is_complex():
        return span(*(x.item() for x in tensor.detach().float().aminmax()))  # stays on the device
    tensor = tensor.detach().cpu()
    if tensor.is_floating_point():
        tensor = tensor.double()  # numpy has neither bfloat16 nor float8
    return array_range(tensor.resolve_conj().resolve_neg().numpy())


def array_range(array: np.ndarray) -> str:
    """All values of a small array, else their smallest and largest, and what is not a number."""
    if array.size == 0:
        return "empty"
    if array.size <= FEW or array.dtype.kind not in "biufc":
        return short(array.tolist())
    if array.dtype.kind == "b":
        return f"{int(array.sum()):,} of {array.size:,} true"
    if array.dtype.kind == "c":
        return "magnitude " + array_range(np.abs(array))
    finite = array[np.isfinite(array)]
    odd = [
        f"{int(hits.sum()):,} {name}"
        for name, hits in (("nan", np.isnan(array)), ("inf", np.isinf(array)))
        if hits.any()
    ]
    inside = [span(finite.min(), finite.max())] if finite.size else []
    return ", ".join(inside + odd)


def span(low: Any, high: Any) -> str:
    """From the smallest to the largest value, in four digits where they are not whole."""
    if isinstance(low, (int, np.integer)):
        return f"{int(low):,} to {int(high):,}"
    return f"{low:.4g} to {high:.4g}"


def _shortener() -> reprlib.Repr:
    """A repr that never walks through a million elements."""
    shortener = reprlib.Repr()
    shortener.maxlevel, shortener.maxother, shortener.maxlong = 4, 200, 200
    shortener.maxstring = 200
    for kind in ("list", "tuple", "dict", "set", "frozenset", "deque", "array"):
        setattr(shortener, f"max{kind}", 12)
    return shortener


_REPR = _shortener()
