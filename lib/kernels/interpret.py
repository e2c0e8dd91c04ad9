"""Run a function with its kernels in Triton's interpreter, wherever this process compiles them.

y = run_interpreted(gelu, x)
y, trace = trace_interpreted(gelu, x, names=["x"])
"""

import inspect
from collections.abc import Callable, Sequence
from typing import Any

from torch import Tensor

from lib.kernels.accesses import record_accesses
from lib.kernels.backend import backend
from lib.kernels.child import call_in_child
from lib.kernels.shipping import Parcel, function_of, pack, unpack
from lib.kernels.trace import Trace

LIMIT = 60.0  # seconds


def run_interpreted(function: Callable, *args: Any, limit: float = LIMIT, **kwargs: Any) -> Any:
    """What the function returns in a process that interprets kernels, one Python line at a time.

    All ops in it use their kernels, on the CPU; tensors come back on the CPU. Tensors among the
    arguments that it changes in place are changed here as well.
    """
    return _in_interpreter(_run, function, (pack(function), *args), kwargs, limit)


def trace_interpreted(
    function: Callable,
    *args: Any,
    names: Sequence[str] | None = None,
    limit: float = LIMIT,
    **kwargs: Any,
) -> tuple[Any, Trace]:
    """The same with the record of all accesses, see accesses.

    `names` are those of the tensors among the arguments; without it they are called as the
    function calls them.
    """
    if names is None:
        names = _own_names(function, args, kwargs)
    return _in_interpreter(_trace, function, (pack(function), list(names), *args), kwargs, limit)


def _in_interpreter(
    how: Callable, function: Callable, args: tuple, kwargs: dict[str, Any], limit: float
) -> Any:
    name = getattr(function_of(function) or function, "__name__", "the function")
    return call_in_child("interpret", how, args, kwargs, limit=limit, name=name)


def _own_names(function: Callable, args: tuple, kwargs: dict[str, Any]) -> list[str]:
    bound = inspect.signature(function_of(function) or function).bind(*args, **kwargs)
    return [name for name, value in bound.arguments.items() if isinstance(value, Tensor)]


def _run(parcel: Parcel, *args: Any, **kwargs: Any) -> Any:
    """In the child."""
    with backend("kernel"):
        return unpack(parcel)(*args, **kwargs)


def _trace(parcel: Parcel, names: list[str], *args: Any, **kwargs: Any) -> tuple[Any, Trace]:
    """In the child."""
    tensors = [x for x in [*args, *kwargs.values()] if isinstance(x, Tensor)]
    with backend("kernel"), record_accesses(**dict(zip(names, tensors))) as trace:
        return unpack(parcel)(*args, **kwargs), trace
