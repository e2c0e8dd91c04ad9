"""Triton's language, or where Triton is not installed a stand-in that says so when it is needed.

Kernels are written as in Triton's own examples, with `@jit` for `@triton.jit`:

    from lib.kernels.language import jit, tl

Triton has wheels for Linux only. Elsewhere the modules of this package can still be imported, read,
and used through their plain PyTorch twins; launching a kernel raises `NoTriton`.

Whether `@jit` compiles for a GPU or interprets on the CPU is decided by the variable
TRITON_INTERPRET when a module with kernels is imported; `lib/__init__.py` sets it where there is
no GPU.
"""

import inspect
import os
from collections.abc import Callable
from typing import Any

from lib.kernels.interpreter_fixes import fix_bfloat16, keep_names, prepare_once

NO_TRITON = (
    "Triton is not installed here: it has wheels for Linux only. On Windows use WSL2, on macOS a "
    "Linux container; everything but the kernels themselves works without it."
)


class NoTriton(ImportError):
    """What needs Triton was asked for on a system that has none."""

    def __init__(self) -> None:
        super().__init__(NO_TRITON)


class _NoLanguage:
    """Stands where `triton.language` would: annotations may name its members, nothing more."""

    class constexpr:
        """An annotation, or a constant of a module."""

        def __init__(self, value: object) -> None:
            self.value = value

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise NoTriton


class _NoKernel:
    """Stands where a kernel would: it can be named and looked at, not launched."""

    def __init__(self, fn: Callable) -> None:
        self.fn = fn

    def __getitem__(self, _grid: object) -> Any:
        raise NoTriton


try:
    import triton
    import triton.language as tl
except ImportError:
    triton, tl = None, _NoLanguage()


def has_triton() -> bool:
    """Whether Triton is installed."""
    return triton is not None


def interprets() -> bool:
    """Whether kernels of this process run in Triton's interpreter, on the CPU."""
    return has_triton() and os.environ.get("TRITON_INTERPRET", "0") == "1"


def jit(fn: Callable) -> Any:
    """`triton.jit`, which reads the source of `fn` and so must get it without any wrapper."""
    fn = inspect.unwrap(fn)
    if not has_triton():
        return _NoKernel(fn)
    if interprets():
        fix_bfloat16()
        prepare_once()
        keep_names()
    return triton.jit(fn)


def cdiv(n: int, block: int) -> int:
    """How many blocks cover n: the quotient, rounded up."""
    return -(-n // block)


def next_power_of_2(n: int) -> int:
    """The smallest power of two that is not below n: Triton's tiles have such sides."""
    return 1 << max(n - 1, 0).bit_length()
