"""Make bfloat16 in Triton's interpreter mean what it means on a GPU, calls quick, and names clean.

NumPy has no bfloat16, so Triton 3.7's interpreter keeps its sixteen bits as an unsigned integer.
It then adds, compares and multiplies those integers (1 + 1 is 1.7e38), and cuts float32 off where
hardware rounds to the nearest. Here every operation on bfloat16 is done in float32 and rounded
back, as GPUs do it, and products with `tl.dot` get their operands as float32, which is exact.

And a kernel that calls another kernel's helper would have the whole language prepared again at
every call, which takes longer than most helpers. Once per launch is enough.

Finally, the interpreter puts all names of its own module into the module of a kernel that it runs.
In a notebook these are the reader's variables, and its `__file__` among them: new processes would
take it for the program that they are to run. Only the one name that it needs stays.
"""

import inspect
from typing import Any

import numpy as np
from numpy.typing import NDArray


def widen(bits: NDArray) -> NDArray:
    """float32 from the sixteen bits of a bfloat16: they are its upper half."""
    return (bits.astype(np.uint32) << 16).view(np.float32)


def rounded(numbers: NDArray) -> NDArray:
    """The bits of the nearest bfloat16, of two equally near ones the even one; NaN stays NaN."""
    bits = np.asarray(numbers, dtype=np.float32).view(np.uint32)
    nearest = (bits + np.uint32(0x7FFF) + ((bits >> 16) & 1)) >> 16
    return np.where(np.isnan(numbers), 0x7FC0, nearest).astype(np.uint16)


def fix_bfloat16() -> None:
    """Replace the interpreter's operations for this process; doing it twice does nothing more."""
    from triton.runtime.interpreter import InterpreterBuilder

    if not hasattr(InterpreterBuilder, "without_bfloat16"):
        originals = {name: getattr(InterpreterBuilder, name) for name in ARITHMETIC}
        InterpreterBuilder.without_bfloat16 = originals
        for name, original in originals.items():
            setattr(InterpreterBuilder, name, _in_float32(original))
        InterpreterBuilder.cast_impl = _cast(InterpreterBuilder.cast_impl)
        InterpreterBuilder.create_dot = _dot(InterpreterBuilder.create_dot)


def keep_names() -> None:
    """Take the interpreter's names out of a kernel's module again."""
    from triton.runtime.interpreter import FunctionRewriter

    if hasattr(FunctionRewriter, "spreading_names"):
        return
    FunctionRewriter.spreading_names = FunctionRewriter._compile_and_exec

    def compile_and_exec(self: Any, transformed: Any) -> Any:
        names = self.fn.__globals__
        before = set(names)
        function = self.spreading_names(transformed)
        for name in set(names) - before - {"interpreter_semantic"}:
            del names[name]
        return function

    FunctionRewriter._compile_and_exec = compile_and_exec


def prepare_once() -> None:
    """Prepare the language at a launch, and not again at calls inside of it."""
    from triton import language as tl
    from triton.runtime import interpreter

    if hasattr(interpreter, "prepare_every_time"):
        return
    interpreter.prepare_every_time = interpreter._patch_lang

    def prepare(fn: Any) -> Any:
        modules = [it for it in fn.__globals__.values() if inspect.ismodule(it)]
        languages = [it for it in modules if it in (tl, tl.core)]
        if languages and not any(tl.core.is_builtin(it.load) for it in languages):
            return interpreter._LangPatchScope()  # nothing changed, nothing to be restored
        return interpreter.prepare_every_time(fn)

    interpreter._patch_lang = prepare


ARITHMETIC = ("binary_op", "unary_op", "create_fma", "create_clampf", "create_rsqrt", "create_erf")


def _is_bfloat16(x: Any) -> bool:
    return hasattr(x, "dtype") and hasattr(x, "data") and x.dtype.scalar.is_bf16()


def _wide(x: Any) -> Any:
    """A handle of the interpreter with its numbers in float32; anything else as it is."""
    from triton import language as tl
    from triton.runtime.interpreter import TensorHandle

    return TensorHandle(widen(x.data), tl.float32) if _is_bfloat16(x) else x


def _in_float32(original: Any) -> Any:
    def operation(self: Any, *arguments: Any) -> Any:
        if not any(_is_bfloat16(x) for x in arguments):
            return original(self, *arguments)
        from triton import language as tl
        from triton.runtime.interpreter import TensorHandle

        result = original(self, *(_wide(x) for x in arguments)).data
        if result.dtype == bool:  # a comparison; the caller names the type
            return TensorHandle(result, tl.int1)
        return TensorHandle(rounded(result), tl.bfloat16)

    return operation


def _cast(original: Any) -> Any:
    def cast_impl(self: Any, src: Any, dst_type: Any) -> Any:
        from triton import language as tl
        from triton.runtime.interpreter import TensorHandle

        if _is_bfloat16(src) and not dst_type.scalar.is_bf16():
            return original(self, _wide(src), dst_type)
        if dst_type.scalar.is_bf16() and not _is_bfloat16(src):
            return TensorHandle(rounded(src.data.astype(np.float32)), tl.bfloat16)
        return original(self, src, dst_type)

    return cast_impl


def _dot(original: Any) -> Any:
    def create_dot(self: Any, a: Any, b: Any, *rest: Any) -> Any:
        return original(self, _wide(a), _wide(b), *rest)

    return create_dot
