"""Functions and values on their way to another process, with what only this process can define.

What lies in a module that can be imported goes by its name. What a notebook cell, a script or a
test defines goes by value: the code of functions and classes, and the global names they use. On
the other side it lives in a module of the same name, so that results find their way back.
"""

import builtins
import dataclasses
import dis
import importlib
import io
import linecache
import marshal
import os
import pickle
import sys
from collections.abc import Iterator
from functools import cache
from types import (
    CellType,
    CodeType,
    FunctionType,
    MappingProxyType,
    MemberDescriptorType,
    ModuleType,
)
from typing import Any

import torch
from torch import Tensor

from lib.kernels import pickling

Place = tuple[str, str]  # module, name

# not to be set on a class; the last is of torch.autograd.Function
MADE_BY_TYPE = {"__dict__", "__weakref__", "__slots__", "_abc_impl", "_backward_cls"}
SENTINELS = ("MISSING", "KW_ONLY", "_FIELD", "_FIELD_CLASSVAR", "_FIELD_INITVAR")


def pack(value: Any) -> bytes:
    """Any value made ready to travel. TypeError or PicklingError says what cannot."""
    parcel = _Parcel()
    body = parcel.dumps(value)
    parcel.define_all()
    return pickle.dumps((parcel.definitions, parcel.unsendable, parcel.sources, body))


def unpack(data: bytes) -> Any:
    """The value here, after what it needs has been defined here. Forgets the parcel before."""
    definitions, unsendable, sources, body = pickle.loads(data)
    for module, name in _known:
        vars(sys.modules[module]).pop(name, None)
    _known.clear()
    _known.update(definitions)
    _missing.clear()
    _missing.update(unsendable)
    for file, lines in sources.items():
        linecache.cache[file] = (sum(map(len, lines)), None, lines, file)
    for module, name in definitions:
        _named(module, name)
    return pickle.loads(body)


def pack_result(value: Any) -> bytes:
    """The way back: the process that sent the definitions has them."""
    return _Parcel().dumps(value)


def unpack_result(data: bytes) -> Any:
    return pickle.loads(data)


def why_missing(name: str) -> str:
    """Why a global name did not travel; empty if it was not asked to."""
    return _missing.get(name, "")


class _Parcel:
    """What has to travel along with a value."""

    def __init__(self) -> None:
        self.wanted: dict[Place, Any] = {}
        self.definitions: dict[Place, bytes] = {}
        self.unsendable: dict[str, str] = {}
        self.sources: dict[str, list[str]] = {}  # of cells, for the lines in tracebacks

    def dumps(self, value: Any, defining: Any = None) -> bytes:
        buffer = io.BytesIO()
        _Pickler(buffer, self, defining).dump(value)
        return buffer.getvalue()

    def define_all(self) -> None:
        while self.wanted:
            place, value = self.wanted.popitem()
            if place in self.definitions or place[1] in self.unsendable:
                continue
            try:
                self.definitions[place] = self.dumps(value, defining=value)
            except Exception as error:  # a rank that needs it says so
                self.unsendable[place[1]] = f"{type(error).__name__}: {error}"

    def want(self, module: str, name: str, value: Any) -> None:
        self.wanted[module, name] = value

    def want_globals(self, function: FunctionType) -> None:
        names = function.__globals__
        if _importable(names["__name__"]):
            return  # there they are
        for name in _global_names(function.__code__):
            if name in names and not hasattr(builtins, name):
                self.want(names["__name__"], name, names[name])
        file = function.__code__.co_filename
        if not os.path.exists(file):
            self.sources[file] = linecache.getlines(file)


class _Pickler(pickle.Pickler):
    def __init__(self, buffer: io.BytesIO, parcel: _Parcel, defining: Any) -> None:
        super().__init__(buffer, pickle.HIGHEST_PROTOCOL)
        self.parcel, self.defining = parcel, defining

    def reducer_override(self, thing: Any) -> Any:
        if isinstance(thing, Tensor):
            return _reduced_tensor(thing)
        if isinstance(thing, ModuleType):
            return importlib.import_module, (thing.__name__,)
        if isinstance(thing, staticmethod | classmethod):
            return type(thing), (thing.__func__,)
        if isinstance(thing, property):
            return property, (thing.fget, thing.fset, thing.fdel, thing.__doc__)
        if isinstance(thing, MappingProxyType):
            return _new_proxy, (dict(thing),)
        if (name := _sentinel(thing)) is not None:
            return getattr, (dataclasses, name)
        if isinstance(thing, FunctionType | type) and _has_no_address(thing):
            if thing is not self.defining and _reachable(thing):
                self.parcel.want(_home(thing), thing.__qualname__, thing)
                return _named, (_home(thing), thing.__qualname__)
            return self._class(thing) if isinstance(thing, type) else self._function(thing)
        return NotImplemented

    def _function(self, function: FunctionType) -> tuple:
        self.parcel.want_globals(function)
        code = function.__code__
        state = {
            "__defaults__": function.__defaults__,
            "__kwdefaults__": function.__kwdefaults__,
            "__doc__": function.__doc__,
            "cells": [_content(cell) for cell in function.__closure__ or ()],
            "attributes": vars(function),
        }
        made = marshal.dumps(code), _home(function), function.__name__, function.__qualname__
        return _new_function, made, state, None, None, _fill_function

    def _class(self, kind: type) -> tuple:
        members = {k: v for k, v in vars(kind).items() if k not in MADE_BY_TYPE}
        members = {k: v for k, v in members.items() if not isinstance(v, MemberDescriptorType)}
        annotations = members.pop("__annotations__", {})
        members["__annotations__"] = {k: v for k, v in annotations.items() if isinstance(v, str)}
        slots = {"__slots__": vars(kind)["__slots__"]} if "__slots__" in vars(kind) else {}
        start = {"__module__": kind.__module__, "__qualname__": kind.__qualname__, **slots}
        made = type(kind), kind.__name__, kind.__bases__, start
        return _new_class, made, members, None, None, _fill_class


def _sentinel(thing: Any) -> str | None:
    """The name of an object of which dataclasses has one, and asks whether it is this one."""
    return next((name for name in SENTINELS if thing is getattr(dataclasses, name, None)), None)


def _home(thing: Any) -> str:
    return thing.__globals__["__name__"] if isinstance(thing, FunctionType) else thing.__module__


def _has_no_address(thing: Any) -> bool:
    """Whether no import leads to it."""
    return not _importable(_home(thing)) or "<" in thing.__qualname__  # <locals>, <lambda>


def _reachable(thing: Any) -> bool:
    """Whether its module knows it by its name: not so inside of functions, or if redefined."""
    module = sys.modules.get(_home(thing))
    return thing.__module__ == _home(thing) and vars(module).get(thing.__qualname__) is thing


@cache
def _importable(module: str) -> bool:
    if module in ("__main__", "__mp_main__"):
        return False
    package = module.partition(".")[0]
    return any(finder.find_spec(package, None) is not None for finder in sys.meta_path)


def _global_names(code: CodeType) -> Iterator[str]:
    for instruction in dis.get_instructions(code):
        if instruction.opname in ("LOAD_GLOBAL", "LOAD_NAME"):
            yield instruction.argval
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _global_names(constant)


def _content(cell: CellType) -> list[Any]:
    try:
        return [cell.cell_contents]
    except ValueError:  # nothing has been put in yet
        return []


def _reduced_tensor(x: Tensor) -> Any:
    if isinstance(x, torch.nn.Parameter):
        return torch.nn.Parameter, (x.data, x.requires_grad)
    if type(x) is not Tensor:
        return NotImplemented
    if x.untyped_storage().nbytes() > 2 * x.nbytes:  # a small part of something large
        x = x.detach().clone().requires_grad_(x.requires_grad)
    return pickling.loads, (pickling.dumps(x),)


# On the other side

_known: dict[Place, bytes] = {}
_missing: dict[str, str] = {}


def _module(name: str) -> ModuleType:
    if _importable(name):
        return importlib.import_module(name)
    return sys.modules.setdefault(name, ModuleType(name))


def _named(module: str, name: str) -> Any:
    names = vars(_module(module))
    if name not in names:
        if (module, name) not in _known:
            reason = why_missing(name)
            raise AttributeError(f"{module} has no {name} here{reason and f': {reason}'}.")
        value = pickle.loads(_known[module, name])
        names.setdefault(name, value)
    return names[name]


def _new_function(code: bytes, module: str, name: str, qualname: str) -> FunctionType:
    made: CodeType = marshal.loads(code)
    cells = tuple(CellType() for _ in made.co_freevars)
    function = FunctionType(made, vars(_module(module)), name, None, cells)
    function.__qualname__, function.__module__ = qualname, module
    if (module, qualname) in _known:  # before its parts are loaded, which may refer to it
        vars(_module(module)).setdefault(qualname, function)
    return function


def _new_proxy(entries: dict) -> MappingProxyType:
    """Its class has no address, though it is Python's own."""
    return MappingProxyType(entries)


def _fill_function(function: FunctionType, state: dict[str, Any]) -> None:
    for name in ("__defaults__", "__kwdefaults__", "__doc__"):
        setattr(function, name, state[name])
    for cell, content in zip(function.__closure__ or (), state["cells"]):
        if content:
            cell.cell_contents = content[0]
    vars(function).update(state["attributes"])


def _new_class(kind: type, name: str, bases: tuple, start: dict[str, Any]) -> type:
    made = kind(name, bases, dict(start))
    module, qualname = start["__module__"], start["__qualname__"]
    if (module, qualname) in _known:
        vars(_module(module)).setdefault(qualname, made)
    return made


def _fill_class(kind: type, members: dict[str, Any]) -> None:
    for name, value in members.items():
        setattr(kind, name, value)
