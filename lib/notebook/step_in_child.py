"""Step through kernels where this process compiles them: a child process interprets and watches.

What comes back is a recording, plain text and numbers, and what the function returned. A function
that goes there must have a name, and gets its tensors as arguments: those that it changes in place
are changed here too, other variables of the notebook are not.
"""

from collections.abc import Callable, Sequence
from typing import Any

from lib.kernels.backend import backend
from lib.kernels.child import call_in_child
from lib.kernels.shipping import Parcel, function_of, pack, unpack
from lib.notebook.recording import Recording
from lib.notebook.targets import functions_of
from lib.notebook.tracing import Tracing

LIMIT = 120.0  # seconds, most of them for a first start


def record_in_child(
    fn: Callable[..., Any], into: Sequence[Any], limit: int, args: tuple, kwargs: dict[str, Any]
) -> tuple[Any, Recording]:
    """What fn returns there, and the first `limit` steps of it and of what it was to step into."""
    order = (pack(fn), [pack(thing) for thing in into], limit, *args)
    name = getattr(fn, "__name__", "the function")
    return call_in_child("interpret", _recorded, order, kwargs, limit=LIMIT, name=name)


def _recorded(
    parcel: Parcel, into: list[Parcel], limit: int, *args: Any, **kwargs: Any
) -> tuple[Any, Recording]:
    """In the child."""
    tracing, function = Tracing(limit), unpack(parcel)
    for thing in (function, *(_as_used_by(function, thing) for thing in into)):
        for code in functions_of(thing):
            tracing.watch(code)
    with backend("kernel"):
        value = tracing.run(lambda: function(*args, **kwargs))
    return value, tracing.recording


def _as_used_by(function: Any, thing: Parcel) -> Any:
    """What came with a function of a notebook was unpacked with it; a second copy never runs."""
    if thing.named is None:
        return function_of(function).__globals__.get(thing.name) or unpack(thing)
    return unpack(thing)
