"""What to step into: from a name or an object to the Python code behind it."""

import builtins
import difflib
import functools
import importlib
import inspect
import pkgutil
import types
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from lib.notebook.arrays import is_instance, is_model

ASYNC = inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR
GENERATED = "<string>"  # the file name of methods that a dataclass writes for itself


class TargetError(ValueError):
    """A name that cannot be found, or a thing without Python lines of its own."""


def named(dotted: str, namespace: Mapping[str, Any]) -> object:
    """The object a reader means: a name of the notebook first, else a path to import."""
    first, *rest = dotted.split(".")
    if not all(part.isidentifier() for part in (first, *rest)):
        raise TargetError(
            f"into={dotted} is not a name. Write it as in: into=lib.tokenization.bpe.merge"
        )
    for names in (namespace, vars(builtins)):
        if first in names:
            return _attribute(names[first], rest, first)
    thing, path = _import(first), first
    if thing is None:
        raise TargetError(
            f"Looked for {first!r} among the names of this notebook and the modules that can be "
            f"imported: there is none.{_nearest(first, [*namespace, 'lib'])}"
        )
    return _attribute(thing, rest, path)


def _attribute(thing: object, rest: list[str], path: str) -> object:
    for name in rest:
        inner = getattr(thing, name, None)
        if inner is None and isinstance(thing, types.ModuleType):
            inner = _import(f"{thing.__name__}.{name}")
        if inner is None:
            raise TargetError(
                f"Looked for {path}.{name}: {path} has no {name!r}.{_nearest(name, _parts(thing))}"
            )
        thing, path = inner, f"{path}.{name}"
    return thing


def _import(path: str) -> types.ModuleType | None:
    try:
        return importlib.import_module(path)
    except ModuleNotFoundError as error:
        if error.name and (path == error.name or path.startswith(error.name + ".")):
            return None
        raise  # the module is there, and lacks something itself


def _parts(thing: object) -> list[str]:
    names = [name for name in dir(thing) if not name.startswith("_")]
    folders = getattr(thing, "__path__", None)
    return names + [module.name for module in pkgutil.iter_modules(folders)] if folders else names


def _nearest(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    return f" Nearest: {', '.join(near)}." if near else ""


def functions_of(thing: object) -> list[types.FunctionType]:
    """The Python functions behind a function, method, class, module, partial or callable object."""
    if is_compiled(thing):
        raise TargetError(
            f"{_name(thing)} is compiled for a GPU in this process, and has no Python lines to "
            "stop at. Put the launch into a function and step through that, in a process that "
            f"interprets kernels: step(function, *tensors, into={_name(thing)})"
        )
    found = [f for f in _functions(thing) if f.__code__.co_filename != GENERATED]
    if not found:
        raise TargetError(
            f"{_name(thing)} has no Python lines to step into: it is compiled, or no code at all."
        )
    in_turn = [function for function in found if not function.__code__.co_flags & ASYNC]
    if not in_turn:
        raise TargetError(
            f"{_name(thing)} is asynchronous, and steps follow one thread of calls only."
        )
    return in_turn


def is_compiled(thing: object) -> bool:
    """Whether this is a kernel that Triton compiles, where no line of Python runs."""
    return is_instance(thing, "triton.runtime.jit", "JITFunction")


def _functions(thing: Any) -> Iterator[types.FunctionType]:
    if is_instance(thing, "triton.runtime.interpreter", "InterpretedFunction"):
        yield thing.rewrite()  # what the interpreter runs: the same lines, rewritten
    elif isinstance(thing, types.FunctionType):
        yield inspect.unwrap(thing)  # behind decorators that say what they wrap
    elif isinstance(thing, types.MethodType | staticmethod | classmethod):
        yield from _functions(thing.__func__)
    elif isinstance(thing, functools.partial | functools.cached_property):
        yield from _functions(thing.func)
    elif isinstance(thing, property):
        yield from (inspect.unwrap(f) for f in (thing.fget, thing.fset) if f is not None)
    elif isinstance(thing, types.ModuleType):
        for part in vars(thing).values():
            if isinstance(part, types.FunctionType | type) and part.__module__ == thing.__name__:
                yield from _functions(part)
    elif isinstance(thing, type):
        for part in vars(thing).values():
            if not isinstance(part, type):
                yield from _functions(part)
    elif is_model(thing):
        yield from _functions(type(thing).forward)
    elif hasattr(thing, "__wrapped__"):  # functools.lru_cache
        yield from _functions(thing.__wrapped__)
    elif callable(thing) and isinstance(type(thing).__call__, types.FunctionType):
        yield from _functions(type(thing).__call__)


def _name(thing: object) -> str:
    return (
        getattr(thing, "__qualname__", None)
        or getattr(thing, "__name__", None)
        or f"A {type(thing).__name__}"
    )


def codes_of(code: types.CodeType) -> Iterator[types.CodeType]:
    """A function's code, and that of the functions and classes written inside it.

    Comprehensions, generator expressions and lambdas are left out: they run within the step of
    their line.
    """
    yield code
    written_inside = [inner for inner in code.co_consts if isinstance(inner, types.CodeType)]
    for inner in written_inside:
        if not inner.co_name.startswith("<") and not inner.co_flags & ASYNC:
            yield from codes_of(inner)
