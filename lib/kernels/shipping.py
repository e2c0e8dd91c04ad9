"""Functions on their way to another process, and unpacked there.

A function of a module goes as its name. One of a notebook cell has no module that another process
could import, so its source goes, with all that it uses: other functions of cells, modules, values.
Kernels need their source anyway, since Triton reads it.
"""

import ast
import builtins
import importlib
import inspect
import linecache
import pickle
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import FunctionType, ModuleType
from typing import Any

from lib.kernels.pickling import dumps, loads


@dataclass(frozen=True)
class Named:
    """What another process finds by itself: a module, or something in one."""

    module: str
    name: str = ""

    def found(self) -> Any:
        thing = importlib.import_module(self.module)
        for part in filter(None, self.name.split(".")):
            thing = getattr(thing, part)
        return thing


@dataclass(frozen=True)
class Definition:
    """The source of one function, and where it stands, so that line numbers stay what they are."""

    name: str
    source: str
    file: str
    first_line: int
    all_lines: tuple[str, ...]  # of that file or cell


@dataclass
class Parcel:
    """A function with what it uses, in the order in which it must be defined."""

    name: str = ""
    named: Named | None = None
    contents: list[tuple[str, object]] = field(default_factory=list)  # (name, what it stands for)


def pack(function: Any) -> Parcel:
    """A function, or a kernel, made ready to travel."""
    plain = function_of(function)
    if plain is None:
        raise TypeError(f"Only functions and kernels can go to another process, not {function!r}.")
    if plain.__name__ == "<lambda>":
        raise TypeError("A lambda cannot go to another process: give it a name with def.")
    if _can_be_imported(plain):
        return Parcel(plain.__name__, Named(plain.__module__, plain.__qualname__))
    parcel = Parcel(plain.__name__)
    _define(plain, parcel, set())
    return parcel


def function_of(thing: Any) -> FunctionType | None:
    """The Python function behind a kernel or a decorator; None for what is no function."""
    while not inspect.isfunction(thing) and hasattr(thing, "fn"):
        thing = thing.fn
    thing = inspect.unwrap(thing) if callable(thing) else thing
    return thing if inspect.isfunction(thing) else None


def _can_be_imported(function: FunctionType) -> bool:
    module = function.__module__
    if module in (None, "__main__") or "<locals>" in function.__qualname__:
        return False
    package = module.partition(".")[0]
    return any(finder.find_spec(package, None) is not None for finder in sys.meta_path)


def _define(function: FunctionType, parcel: Parcel, done: set[int]) -> None:
    """Put the function into the parcel, behind what it uses."""
    done.add(id(function))
    try:
        lines, first = inspect.getsourcelines(function)
    except OSError:
        raise TypeError(
            f"The source of {function.__name__} is not known, so it cannot go to another process. "
            "Define it in a file or in a notebook cell."
        ) from None
    source = textwrap.dedent("".join(lines))
    for name, value in _used_by(function, source):
        behind = function_of(value)
        if behind is not None and not _can_be_imported(behind):
            if id(behind) not in done:
                _define(behind, parcel, done)
            if name != behind.__name__:
                parcel.contents.append((name, behind.__name__))
        elif behind is not None:
            parcel.contents.append((name, Named(behind.__module__, behind.__qualname__)))
        elif isinstance(value, ModuleType):
            parcel.contents.append((name, Named(value.__name__)))
        else:
            parcel.contents += [(name, data) for data in _as_bytes(value)]
    file = function.__code__.co_filename
    all_lines = tuple(linecache.getlines(file))
    definition = Definition(function.__name__, source, file, first, all_lines)
    parcel.contents.append((function.__name__, definition))


def _used_by(function: FunctionType, source: str) -> Iterator[tuple[str, Any]]:
    """Names in the source, decorators and annotations too, that mean something outside of it."""
    closed = inspect.getclosurevars(function).nonlocals
    names = {node.id for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Name)}
    for name in sorted(names - {function.__name__}):
        if name in closed:
            yield name, closed[name]
        elif name in function.__globals__ and not hasattr(builtins, name):
            yield name, function.__globals__[name]


def _as_bytes(value: Any) -> list[bytes]:
    """Pickled; nothing for what cannot be: if the function needs it, it says that it is missing."""
    try:
        return [dumps(value)]
    except Exception:
        return []


_unpacked: dict[bytes, Any] = {}


def unpack(parcel: Parcel) -> Any:
    """The function in this process; the same parcel gives the same function again."""
    if parcel.named is not None:
        return parcel.named.found()
    key = pickle.dumps(parcel)
    if key not in _unpacked:
        names: dict[str, Any] = {"__name__": "__main__"}
        for name, content in parcel.contents:
            if isinstance(content, Definition):
                _execute(content, names)
            elif isinstance(content, bytes):
                names[name] = loads(content)
            else:
                names[name] = content.found() if isinstance(content, Named) else names[content]
        _unpacked[key] = names[parcel.name]
    return _unpacked[key]


def _execute(definition: Definition, names: dict[str, Any]) -> None:
    lines = list(definition.all_lines)
    linecache.cache[definition.file] = (sum(map(len, lines)), None, lines, definition.file)
    tree = ast.increment_lineno(ast.parse(definition.source), definition.first_line - 1)
    exec(compile(tree, definition.file, "exec"), names)
