"""The hooks in Triton's interpreter behind record_accesses.

All loads and stores pass through two methods of the interpreter, whatever the kernel calls them,
and atomic operations through two more. Pointers are followed from the kernel's argument through
the arithmetic on them, so that an address belongs to the tensor that it was computed from, and not
to whichever happens to lie there.
"""

import inspect
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
from numpy.typing import NDArray

from lib.kernels.accesses import OutOfBounds
from lib.kernels.interpreter_fixes import widen
from lib.kernels.known_memory import KnownTensor, as_part_of, known_tensor
from lib.kernels.trace import Access, Launch, Trace

ORIGIN = "tensor"  # the attribute of the interpreter's values that says where a pointer comes from
POINTER_STEPS = ("addptr", "splat", "broadcast", "expand_dims", "trans", "reshape", "bitcast")


@contextmanager
def recording(trace: Trace, named: list[KnownTensor]) -> Iterator[None]:
    """Until the end of the block every launch is written into `trace`."""
    from triton.runtime import interpreter  # here, so that without Triton this can be read

    builder, recorder = interpreter.InterpreterBuilder, Recorder(trace, named)
    with ExitStack() as stack:

        def wrap(owner: Any, name: str, wrapper: Callable) -> None:
            stack.enter_context(patch.object(owner, name, wrapper(getattr(owner, name))))

        wrap(interpreter.GridExecutor, "__call__", _unwrap_error)
        wrap(interpreter.GridExecutor, "_init_args_hst", recorder.launch)
        wrap(interpreter, "_implicit_cvt", recorder.mark)
        wrap(builder, "set_grid_idx", recorder.program)
        wrap(builder, "create_masked_load", recorder.load)
        wrap(builder, "create_masked_store", recorder.store)
        wrap(builder, "create_atomic_rmw", recorder.atomic)
        wrap(builder, "create_atomic_cas", recorder.atomic)
        for step in POINTER_STEPS:
            wrap(builder, f"create_{step}", _follow)
        for handle in (interpreter.BlockPointerHandle, interpreter.TensorDescHandle):
            wrap(handle, "materialize_pointers", _follow_block)
        yield


class Recorder:
    """Wraps methods of the interpreter; each wrapper does the original's work too."""

    def __init__(self, trace: Trace, named: list[KnownTensor]) -> None:
        self.trace, self.named = trace, named
        self.given: dict[int, KnownTensor] = {}  # of this launch, by the identity of the argument

    def launch(self, original: Callable) -> Callable:
        def init_args(executor: Any, args: Any, kwargs: Any) -> Any:
            args, kwargs = original(executor, args, kwargs)
            values = inspect.getcallargs(executor.fn, *args, **kwargs)
            self.given = {}
            launch = Launch(executor.fn.__name__)
            for name, x in values.items():
                self._register(launch, name.removesuffix("_ptr"), x)
            self.trace.launches.append(launch)
            return args, kwargs

        return init_args

    def _register(self, launch: Launch, name: str, x: Any) -> None:
        x = getattr(x, "base", x)  # of a descriptor, or of a tensor that is seen as another type
        if isinstance(x, tuple):
            for i, part in enumerate(x):
                self._register(launch, f"{name}[{i}]", part)
        elif hasattr(x, "data_ptr"):
            known = as_part_of(self.named, known_tensor(name, x))
            self.given[id(x)] = launch.tensors[name] = known

    def mark(self, original: Callable) -> Callable:
        def implicit_cvt(x: Any) -> Any:
            result = original(x)
            known = self.given.get(id(getattr(x, "base", x)))
            if known is not None and hasattr(getattr(result, "handle", None), "attr"):
                result.handle.attr[ORIGIN] = known
            return result

        return implicit_cvt

    def program(self, original: Callable) -> Callable:
        def set_grid_idx(builder: Any, *program: int) -> None:
            original(builder, *program)
            self.trace.launches[-1].grid = builder.grid_dim
            self.trace.programs.append(program)

        return set_grid_idx

    def load(self, original: Callable) -> Callable:
        def load(builder: Any, pointers: Any, mask: Any, *rest: Any, **more: Any) -> Any:
            place = self._place("load", builder, pointers, mask)
            result = original(builder, pointers, mask, *rest, **more)
            self._add(place, result)
            return result

        return load

    def store(self, original: Callable) -> Callable:
        def store(builder: Any, pointers: Any, value: Any, mask: Any, *rest: Any) -> None:
            place = self._place("store", builder, pointers, mask)
            original(builder, pointers, value, mask, *rest)
            self._add(place, value)

        return store

    def atomic(self, original: Callable) -> Callable:
        """rmw(operation, pointers, value, mask, ..) and cas(pointers, compare, value, ..)."""
        rmw = original.__name__ == "create_atomic_rmw"

        def atomic(builder: Any, *arguments: Any) -> Any:
            _, pointers, value, mask = arguments[:4] if rmw else (0, *arguments[::2][:2], None)
            place = self._place("atomic", builder, pointers, mask)
            result = original(builder, *arguments)
            self._add(place, value)
            return result

        return atomic

    def _place(self, kind: str, builder: Any, pointers: Any, mask: Any) -> dict[str, Any]:
        """All of an access but its values; raises before anything outside is touched."""
        addresses = pointers.data.astype(np.int64)
        touched = np.ones(addresses.shape, dtype=bool)
        if mask is not None:
            touched &= np.asarray(mask if isinstance(mask, np.ndarray) else mask.data, dtype=bool)
        line, function = _line_of_kernel()
        known = pointers.attr.get(ORIGIN) or self._around(addresses[touched])
        outside = touched & ~known.holds(addresses) if known else touched
        if outside.any():
            where = f"{function}, line {line}, program {builder.grid_idx}"
            raise OutOfBounds(_explained(kind, where, known, addresses[outside]))
        itemsize = pointers.get_element_ty().primitive_bitwidth // 8
        start = known.start if known else 0
        return {
            "program": builder.grid_idx,
            "kind": kind,
            "tensor": known.name if known else "?",
            "offsets": (addresses - start) // itemsize,
            "mask": touched,
            "line": line,
            "function": function,
            "itemsize": itemsize,
            "start": start,
        }

    def _around(self, addresses: NDArray) -> KnownTensor | None:
        """For a pointer that came in no argument: the tensor that holds all the addresses."""
        known = [*self.trace.launches[-1].tensors.values(), *self.named]
        return next((it for it in known if len(addresses) and it.holds(addresses).all()), None)

    def _add(self, place: dict[str, Any], value: Any) -> None:
        numbers = np.broadcast_to(value.data, place["offsets"].shape).copy()
        if value.dtype.scalar.is_bf16():
            numbers = widen(numbers)
        order, launch = len(self.trace.accesses), len(self.trace.launches) - 1
        self.trace.accesses.append(Access(**place, values=numbers, order=order, launch=launch))


def _follow(original: Callable) -> Callable:
    def step(builder: Any, *arguments: Any) -> Any:
        result = original(builder, *arguments)
        for x in arguments:
            if ORIGIN in getattr(x, "attr", ()):
                result.attr[ORIGIN] = x.attr[ORIGIN]
        return result

    return step


def _follow_block(original: Callable) -> Callable:
    def materialize_pointers(block: Any, *arguments: Any) -> Any:
        pointers, mask = original(block, *arguments)
        pointers.attr.update(block.base.attr)
        return pointers, mask

    return materialize_pointers


def _unwrap_error(original: Callable) -> Callable:
    """Let OutOfBounds through as it is: the interpreter makes text of every exception."""

    from triton.runtime.errors import InterpreterError

    def call(executor: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            return original(executor, *args, **kwargs)
        except InterpreterError as error:
            cause: BaseException | None = error
            while cause is not None and not isinstance(cause, OutOfBounds):
                cause = cause.__cause__
            if cause is None:
                raise
            raise cause from None

    return call


def _line_of_kernel() -> tuple[int, str]:
    """Line and function of the code that called into Triton's language."""
    import triton

    triton_itself = str(Path(triton.__file__).parent)
    frame = sys._getframe(1)
    for inside in (False, True):  # first out of our own functions, then out of Triton's
        while frame.f_code.co_filename.startswith(triton_itself) == inside:
            frame = frame.f_back
    return frame.f_lineno, frame.f_code.co_name


def _explained(kind: str, where: str, known: KnownTensor | None, outside: NDArray) -> str:
    what = f"{where}: a {kind} outside"
    if known is None:
        return f"{what} of all tensors, at {len(outside)} addresses. Which tensor was meant?"
    offsets = sorted({int(address - known.start) // known.itemsize for address in outside})
    some = ", ".join(map(str, offsets[:4])) + (", ..." if len(offsets) > 4 else "")
    return (
        f"{what} of {known.name}, which has shape {known.shape} and strides {known.strides}: "
        f"elements {some} counted from its first one. A mask that is False there keeps the "
        "program away: tl.load(pointers, mask=offsets < n)."
    )
