"""The variables of a Triton kernel while the interpreter runs it: tiles of numbers, and pointers.

The interpreter keeps a numpy array behind each of Triton's tensors. Pointers are bare addresses
there, which differ from run to run; here they become offsets, in elements, from the argument of
the kernel that they were computed from. Triton is not imported here.
"""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import FrameType
from typing import Any

import numpy as np

from lib.notebook.arrays import Grid, array_grid, array_text, is_instance


@dataclass(frozen=True)
class Tile:
    """A Triton tensor at one moment; `base` names the argument that offsets are counted from."""

    numbers: np.ndarray
    dtype: str
    base: str = ""


def is_kernel(value: object) -> bool:
    """Whether this is a kernel, compiled or interpreted."""
    return is_instance(value, "triton.runtime.jit", "KernelInterface")


def is_tile(value: object) -> bool:
    """Whether this is a tensor of a kernel in the interpreter, or was one."""
    return isinstance(value, Tile) or (
        is_instance(value, "triton.language.core", "tensor")
        and isinstance(getattr(value.handle, "data", None), np.ndarray)
    )


def tile_of(value: Any) -> Tile:
    """A tensor's numbers as they are now; a pointer's are addresses."""
    if isinstance(value, Tile):
        return value
    kind, data = value.dtype.scalar, value.handle.data
    if kind.is_bf16() and data.dtype == np.uint16:  # numpy has none: the upper half of a float32
        data = (data.astype(np.uint32) << 16).view(np.float32)
    name = f"pointer to {_spelt(kind.element_ty)}" if kind.is_ptr() else _spelt(kind)
    return Tile(np.array(data).reshape([int(n) for n in value.shape]), name)


NAMES = {
    "fp16": "float16",
    "bf16": "bfloat16",
    "fp32": "float32",
    "fp64": "float64",
    "int1": "bool",
}


def _spelt(dtype: Any) -> str:
    """Types are called here as torch calls them."""
    return NAMES.get(str(dtype), str(dtype))


class Pointers:
    """Turns the addresses in the variables of one call into offsets from its arguments."""

    def __init__(self, arguments: Mapping[str, object]) -> None:
        self._bases = {  # of each pointer the call was given: its address
            name: int(tile_of(value).numbers)
            for name, value in arguments.items()
            if is_tile(value) and value.dtype.is_ptr() and not value.shape
        }
        self._used = {name: name for name in self._bases}  # which argument a variable belongs to

    def plain(self, name: str, value: Any) -> object:
        """A variable's value, a tensor of Triton's as a tile whose addresses are offsets."""
        if not is_tile(value):
            return value
        tile, kind = tile_of(value), value.dtype.scalar
        if not (kind.is_ptr() and self._bases):
            return tile
        base = self._argument(name, int(tile.numbers.reshape(-1)[0]))
        width = max(1, kind.element_ty.primitive_bitwidth // 8)  # bytes
        offsets = (tile.numbers.astype(np.int64) - self._bases[base]) // width
        return replace(tile, numbers=np.asarray(offsets), base=base)

    def _argument(self, name: str, address: int) -> str:
        """The one whose memory begins last before the address.

        A variable keeps its argument: a pointer that a loop moves may end behind its tensor.
        """
        if name not in self._used:
            before = {base: at for base, at in self._bases.items() if at <= address}
            before = before or self._bases
            self._used[name] = max(before, key=before.__getitem__)
        return self._used[name]


def tile_kind(tile: Tile) -> str:
    """tile · shape (8,) · float32"""
    shape = f"tile · shape {tile.numbers.shape} · " if tile.numbers.ndim else ""
    return shape + tile.dtype


def tile_text(tile: Tile) -> str:
    """The first numbers, and the range."""
    return f"{tile.base} + " * bool(tile.base) + array_text(tile.numbers)


def tile_grid(tile: Tile) -> Grid | None:
    """All numbers of a small tile."""
    return array_grid(tile.numbers)


def tile_inside(value: Any) -> str:
    """A tile that is part of something else: a number alone, or its shape."""
    numbers = tile_of(value).numbers
    return array_text(numbers) if numbers.ndim == 0 else f"tile{list(numbers.shape)}"


def program_of(frame: FrameType) -> str | None:
    """Which program of a grid runs in this frame, "program 2, one of 4"; None in other frames."""
    triton = sys.modules.get("triton.runtime.interpreter")
    if triton is None or frame.f_back is None:
        return None
    if frame.f_back.f_code is not triton.GridExecutor.__call__.__code__:
        return None
    builder = triton.interpreter_builder
    n_axes = max([axis + 1 for axis, n in enumerate(builder.grid_dim) if n > 1], default=1)
    place, grid = builder.grid_idx[:n_axes], builder.grid_dim[:n_axes]
    if n_axes == 1:
        return f"program {place[0]}, one of {grid[0]}"
    return f"program {tuple(place)}, one of {' × '.join(map(str, grid))}"
