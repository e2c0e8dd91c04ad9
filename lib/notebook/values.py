"""Any value in a few words: its kind, a short text, and its numbers where it is a small array.

Taken at one moment and kept as text, so that nothing watched lives longer, or changes later in the
picture. No foreign `__repr__` is called: it may be slow, huge or wrong, or change something.
Objects are written from their fields instead, sets in sorted order, and everything is cut to a
width.
"""

import datetime
import enum
import fractions
import pathlib
import re
import sys
import types
from collections import Counter, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from heapq import nlargest
from itertools import islice
from typing import Any

from lib.notebook.arrays import (
    Grid,
    array_grid,
    array_inside,
    array_kind,
    array_text,
    is_array,
    is_model,
)
from lib.notebook.tiles import (
    is_kernel,
    is_tile,
    tile_grid,
    tile_inside,
    tile_kind,
    tile_of,
    tile_text,
)

WIDTH = 72  # characters of a value's text
MANY = 1000  # a larger set is not sorted, more parameters are not counted


@dataclass(frozen=True, slots=True)
class Shown:
    """What a reader sees of a value."""

    kind: str  # "list, 3 items"
    text: str  # "[1, 2, 3]"
    grid: Grid | None = None  # the numbers of a small array


def describe(value: object) -> Shown:
    """A value as its reader sees it now; never raises."""
    try:
        if is_array(value):
            return _describe_array(value)
        if is_tile(value):
            tile = tile_of(value)
            return Shown(tile_kind(tile), tile_text(tile), tile_grid(tile))
        return Shown(_kind(value), _text(value, WIDTH))
    except Exception as error:  # half built, or hostile: say so, and let the watched code go on
        return Shown(type(value).__name__, f"(cannot be read: {type(error).__name__})")


def short(value: object, width: int = WIDTH) -> str:
    """The text alone, of about `width` characters; never raises."""
    try:
        return _text(value, width)
    except Exception as error:
        return f"(a {type(value).__name__} that cannot be read: {type(error).__name__})"


def _describe_array(value: Any) -> Shown:
    kind = array_kind(value)
    try:
        return Shown(kind, array_text(value), array_grid(value))
    except Exception:  # a tensor that has no numbers here: meta, sparse, inside a transformation
        return Shown(kind, "")


def _kind(value: Any) -> str:
    cls = type(value)
    if is_kernel(value):
        return "kernel"
    for base, one in _COUNTED.items():
        if issubclass(cls, base):
            n = base.__len__(value)
            return f"{cls.__name__}, {n:,} {one}" + ("" if n == 1 else "s")
    if issubclass(cls, dict):
        n = dict.__len__(value)
        return f"{cls.__name__}, {n:,} " + ("entry" if n == 1 else "entries")
    return cls.__name__


_COUNTED: dict[type, str] = {str: "character", bytes: "byte", bytearray: "byte"} | dict.fromkeys(
    (list, tuple, set, frozenset, deque), "item"
)


# The text


def _text(value: Any, room: int) -> str:
    cls = type(value)
    if value is None or cls is bool:
        return repr(value)
    if issubclass(cls, enum.Enum):
        return f"{cls.__name__}.{value._name_}"
    if is_array(value):
        return array_inside(value)
    if is_tile(value):
        return tile_inside(value)
    if issubclass(cls, int):
        return _integer(value)
    if issubclass(cls, _PLAIN) and cls.__module__.partition(".")[0] in sys.stdlib_module_names:
        return _cut(repr(value), room)
    for base, write in _WRITERS.items():
        if issubclass(cls, base):
            return write(value, room) if room >= 8 else "…"
    return _cut(_object(value, room), 2 * room) if room >= 8 else "…"


_PLAIN = (
    *(float, complex, range, slice, type(...)),
    *(datetime.date, datetime.timedelta, fractions.Fraction, pathlib.PurePath, re.Pattern),
)


def _integer(value: int) -> str:
    bits = int.bit_length(value)
    if bits > 256:  # writing a huge integer takes quadratic time
        return f"an integer of about {int(bits * 0.30103) + 1:,} digits"
    return int.__repr__(value)


def _cut(text: str, room: int) -> str:
    return text if len(text) <= room else text[: room - 1] + "…"


def _string(value: str, room: int) -> str:
    return repr(str.__getitem__(value, slice(room))) + ("…" if str.__len__(value) > room else "")


def _bytes(value: bytes | bytearray, room: int) -> str:
    return repr(bytes(value[:room])) + ("…" if len(value) > room else "")


def _join(left: str, parts: Iterable[str], n: int, right: str, room: int) -> str:
    """As many of the n parts as fit, then how many more there are."""
    fitting: list[str] = []
    used = len(left) + len(right)
    for part in parts:
        if fitting and used + len(part) > room:
            return f"{left}{', '.join(fitting)}, … {n - len(fitting):,} more{right}"
        fitting.append(part)
        used += len(part) + 2
    return left + ", ".join(fitting) + right


def _sequence(left: str, right: str, base: Any) -> Callable[[Any, int], str]:
    def write(value: Any, room: int) -> str:
        n = base.__len__(value)
        inner = room if n == 1 else room // 2
        parts = (_text(item, inner) for item in islice(base.__iter__(value), room))
        return _join(left, parts, n, right, room)

    return write


def _tuple(value: tuple, room: int) -> str:
    names = getattr(type(value), "_fields", None)
    if names:  # a named tuple
        return _fields(value, dict(zip(names, tuple.__iter__(value))), room)
    if tuple.__len__(value) == 1:
        return f"({_text(tuple.__getitem__(value, 0), room)},)"
    return _sequence("(", ")", tuple)(value, room)


def _set(value: set | frozenset, room: int) -> str:
    """Sorted, because the order of a set of strings differs from run to run."""
    if not value or len(value) > MANY:
        return "{…}" if value else f"{type(value).__name__}()"
    parts = sorted((_text(item, room // 2) for item in value), key=lambda text: (len(text), text))
    return _join("{", parts, len(value), "}", room)


def _dict(value: dict, room: int) -> str:
    return _pairs(islice(dict.items(value), room), dict.__len__(value), room)


def _counter(value: Counter, room: int) -> str:
    """Most common first, as a Counter prints itself."""
    try:
        return _pairs(
            nlargest(room // 4, dict.items(value), key=lambda item: item[1]), len(value), room
        )
    except TypeError:  # counts that cannot be compared
        return _dict(value, room)


def _pairs(items: Iterable[tuple], n: int, room: int) -> str:
    parts = (f"{_text(key, room // 2)}: {_text(value, room // 2)}" for key, value in items)
    return _join("{", parts, n, "}", room)


_WRITERS: dict[type, Callable[[Any, int], str]] = {
    str: _string,
    bytes: _bytes,
    bytearray: _bytes,
    tuple: _tuple,
    list: _sequence("[", "]", list),
    deque: _sequence("deque([", "])", deque),
    set: _set,
    frozenset: _set,
    Counter: _counter,
    dict: _dict,
}


# Objects, from their fields


def _object(value: Any, room: int) -> str:
    if isinstance(value, type):
        return f"class {value.__name__}"
    if isinstance(value, types.FunctionType):
        code = value.__code__
        return f"{value.__name__}({', '.join(code.co_varnames[: code.co_argcount])})"
    if isinstance(value, _NAMED):
        return value.__name__
    if isinstance(value, BaseException):
        parts = (_text(part, room) for part in value.args)
        return _join(f"{type(value).__name__}(", parts, len(value.args), ")", room)
    if is_kernel(value):
        return _object(value.fn, room)
    if is_model(value):
        return f"{sum(p.numel() for p in islice(value.parameters(), MANY)):,} parameters"
    return _fields(value, attributes(value), room)


_NAMED = (types.BuiltinFunctionType, types.MethodType, types.GeneratorType, types.ModuleType)


def _fields(value: object, fields: dict[str, object], room: int) -> str:
    name = type(value).__name__
    if not fields:
        return f"a {name}"
    parts = (f"{field}={_text(held, room // 2)}" for field, held in islice(fields.items(), room))
    return _join(f"{name}(", parts, len(fields), ")", room)


def attributes(value: object) -> dict[str, object]:
    """What an object holds, past any `__getattr__` or property of its class."""
    try:
        return dict(object.__getattribute__(value, "__dict__"))
    except AttributeError:
        return dict(_slots(value))


def _slots(value: object) -> Iterable[tuple[str, object]]:
    for cls in reversed(type(value).__mro__):
        for name, member in cls.__dict__.items():
            if isinstance(member, types.MemberDescriptorType) and "__slots__" in cls.__dict__:
                try:
                    yield name, member.__get__(value)
                except AttributeError:  # declared, not yet set
                    continue
